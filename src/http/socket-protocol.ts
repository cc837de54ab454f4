import { type ExecutionResult, GraphQLError } from 'graphql'
import {
  CloseCode,
  GRAPHQL_TRANSPORT_WS_PROTOCOL,
  type Message,
  MessageType,
  parseMessage,
  type SubscribePayload,
} from 'graphql-ws'
import type { WebSocket } from 'ws'
import type { Logger } from '../core/logger.ts'
import { plainError, plainResult } from './result.ts'

export const subprotocol = GRAPHQL_TRANSPORT_WS_PROTOCOL

/** The standard client comes back after it; an internal error of the protocol's own it takes for final. */
export const tryAgainLater = 1013

/** Bounds on one socket. */
export const socketLimits = {
  /** The largest message, in bytes, in one frame or several; a larger one closes the socket with 1009. */
  messageBytes: 65_536,
  /** How long the client has for `connection_init`, in milliseconds; then 4408. */
  initTimeoutMs: 3_000,
  /** Operations at a time; one more gets an error, the others go on. */
  operations: 30,
  /** How long the client has to answer a close, in milliseconds; then it is cut. */
  closeTimeoutMs: 1_000,
} as const

/**
 * Bytes that may wait for a client. Answers wait for one another, so that a slow client holds a message for
 * each of its operations; what goes beyond is a client that asks and does not read.
 */
const maxBufferedBytes = 4_000_000

/** What may come along with a greeting or a ping. */
export type Payload = Readonly<Record<string, unknown>>

/** What became of an operation: why it could not start, its only result, or its results. */
export type Answer = readonly GraphQLError[] | ExecutionResult | AsyncIterableIterator<ExecutionResult>

/** What the protocol leaves to others. Each may close the socket instead of answering. */
export interface SocketHandlers {
  /** @returns the payload of the acknowledgement; null where the socket was closed instead */
  connect(payload: Payload): Promise<Payload | null>
  /** @returns the payload of the pong; null where the socket was closed instead */
  ping(payload: Payload): Promise<Payload | null>
  start(payload: SubscribePayload): Promise<Answer>
}

/** A socket that speaks. */
export interface SocketConnection {
  /** Stops its operations and tells the client why; one that does not answer is cut. */
  close(code: number, reason: string): void
  /** Closes once what is being worked out is answered. Streams of results are cut, and nothing more is heard. */
  drain(code: number, reason: string): void
}

interface Operation {
  /** Nothing of it is sent any more. */
  over: boolean
  results: AsyncIterator<ExecutionResult> | null
}

/**
 * Speaks `graphql-transport-ws` on one socket. Of the package that the protocol comes with it takes the
 * check of messages. Its server knows operations by their ids alone, so that one which is still on its way out
 * ends another that has its id meanwhile, and goes on working for a client that has completed it.
 */
export function speakProtocol(options: {
  socket: WebSocket
  handlers: (connection: SocketConnection) => SocketHandlers
  logger: Logger
  /** Between pings, in milliseconds; a socket that has not answered by the next one is cut. */
  heartbeatMs: number
}): SocketConnection {
  const { socket, logger } = options
  /** By the ids that are taken. */
  const operations = new Map<string, Operation>()
  /** Those that were completed while they started, too, until they have let go of what they held. */
  const underWay = new Set<Operation>()
  let greeted = false
  let acknowledged = false
  let answered = true

  let draining: (() => void) | null = null

  const connection = { close, drain }
  // A message too large or malformed has its close code from the WebSocket layer already.
  socket.on('error', (error) => {
    logger.debug({ err: error }, 'a socket failed')
    stopAll()
  })
  if (socket.protocol !== subprotocol) {
    close(CloseCode.SubprotocolNotAcceptable, 'Subprotocol not acceptable')
    return connection
  }
  const handlers = options.handlers(connection)

  const pinging = setInterval(() => {
    if (!answered) return socket.terminate()
    answered = false
    socket.ping()
  }, options.heartbeatMs)
  const greeting = setTimeout(() => {
    close(CloseCode.ConnectionInitialisationTimeout, 'Connection initialisation timeout')
  }, socketLimits.initTimeoutMs)

  function close(code: number, reason: string): void {
    stopAll()
    socket.close(code, reason)
  }

  function drain(code: number, reason: string): void {
    draining = () => {
      if ([...underWay].every(({ results }) => results !== null)) close(code, reason)
    }
    draining()
  }

  function stopAll(): void {
    for (const id of operations.keys()) stop(id)
  }

  /** An id that is not taken is no mistake: the operation may have ended at the same moment. */
  function stop(id: string): void {
    const operation = operations.get(id)
    if (operation === undefined) return
    operations.delete(id)
    operation.over = true
    void letGo(operation.results)
  }

  async function letGo(results: AsyncIterator<ExecutionResult> | null): Promise<void> {
    await results
      ?.return?.()
      .catch((error: unknown) => logger.warn({ err: error }, 'an operation did not end well'))
  }

  /** Resolves once it has left for the client, so that whoever has more waits for a slow one. */
  function send(message: Message): Promise<void> {
    if (socket.readyState !== socket.OPEN) {
      stopAll()
      return Promise.resolve()
    }
    // Where it fails the socket is closed, and all that ends.
    return new Promise((resolve) => socket.send(JSON.stringify(message), () => resolve()))
  }

  async function receive(message: Message): Promise<void> {
    switch (message.type) {
      case MessageType.ConnectionInit: {
        if (greeted) return close(CloseCode.TooManyInitialisationRequests, 'Too many initialisation requests')
        greeted = true
        clearTimeout(greeting)
        const payload = await handlers.connect(message.payload ?? {})
        if (payload === null) return
        acknowledged = true
        return send({ type: MessageType.ConnectionAck, payload })
      }
      case MessageType.Ping: {
        if (message.payload == null) return send({ type: MessageType.Pong })
        const payload = await handlers.ping(message.payload)
        return payload === null ? undefined : send({ type: MessageType.Pong, payload })
      }
      case MessageType.Pong:
        return
      case MessageType.Subscribe:
        return subscribe(message.id, message.payload)
      case MessageType.Complete:
        return stop(message.id)
      default:
        return close(CloseCode.BadRequest, 'Invalid message')
    }
  }

  async function subscribe(id: string, payload: SubscribePayload): Promise<void> {
    if (!acknowledged) return close(CloseCode.Unauthorized, 'Unauthorized')
    if (operations.has(id)) return close(CloseCode.SubscriberAlreadyExists, takenReason(id))
    if (underWay.size >= socketLimits.operations) {
      const message = `A socket may have at most ${socketLimits.operations} operations at a time.`
      const error = new GraphQLError(message, { extensions: { code: 'RATE_LIMITED' } })
      return send({ type: MessageType.Error, id, payload: [plainError(error)] })
    }
    const operation: Operation = { over: false, results: null }
    operations.set(id, operation)
    underWay.add(operation)
    try {
      await run(operation, id, payload)
    } finally {
      underWay.delete(operation)
      draining?.()
    }
  }

  async function run(operation: Operation, id: string, payload: SubscribePayload): Promise<void> {
    const answer = await handlers.start(payload)
    const streaming = Symbol.asyncIterator in answer && !('length' in answer)
    if (operation.over) return streaming ? letGo(answer) : undefined
    if (streaming) {
      operation.results = answer
      draining?.()
      for (;;) {
        const result = await answer.next()
        if (operation.over) return
        if (result.done) break
        await send({ type: MessageType.Next, id, payload: plainResult(result.value) })
        if (operation.over) return
      }
    } else if ('length' in answer) {
      release(operation, id)
      return send({ type: MessageType.Error, id, payload: answer.map(plainError) })
    } else {
      await send({ type: MessageType.Next, id, payload: plainResult(answer) })
      if (operation.over) return
    }
    release(operation, id)
    return send({ type: MessageType.Complete, id })
  }

  function release(operation: Operation, id: string): void {
    operation.over = true
    operations.delete(id)
  }

  socket.on('message', (data, isBinary) => {
    // A socket that was told to close may go on talking for a while. Nothing of it counts.
    if (socket.readyState !== socket.OPEN || draining !== null) return
    if (socket.bufferedAmount > maxBufferedBytes) return socket.terminate()
    if (isBinary) return close(CloseCode.BadRequest, 'Only text is spoken')
    let message: Message
    try {
      message = readMessage(String(data))
      // Nested so deeply that it can be read but not sent back.
      if (message.type === MessageType.Ping) JSON.stringify(message.payload)
    } catch {
      return close(CloseCode.BadRequest, 'Invalid message')
    }
    // What goes wrong here is ours, and the client is to come back and resume.
    receive(message).catch((error: unknown) => {
      if (socket.readyState === socket.OPEN) logger.warn({ err: error }, 'a socket could not be served')
      close(tryAgainLater, 'Try again later')
    })
  })
  socket.on('pong', () => {
    answered = true
  })
  socket.once('close', () => {
    clearInterval(pinging)
    clearTimeout(greeting)
    stopAll()
  })

  return connection
}

/** The package asks for a text even where an id stands in its place: then it is taken for empty. */
function readMessage(data: string): Message {
  const message = JSON.parse(data)
  const { query, documentId, doc_id: docId, id, extensions } = Object(message?.payload)
  if (query == null && (documentId ?? docId ?? id ?? extensions?.persistedQuery) != null)
    message.payload.query = ''
  return parseMessage(message)
}

/** A reason may have 123 bytes, and the id is of the client's making. */
function takenReason(id: string): string {
  const reason = `Subscriber for ${id} already exists`
  return Buffer.byteLength(reason) > 123 ? 'Subscriber already exists' : reason
}
