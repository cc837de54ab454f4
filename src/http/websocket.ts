import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import {
  type ExecutionArgs,
  type ExecutionResult,
  type FormattedExecutionResult,
  GraphQLError,
  type GraphQLFormattedError,
  getOperationAST,
} from 'graphql'
import { CloseCode, type Context, makeServer, type SubscribePayload } from 'graphql-ws'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Logger } from '../core/logger.ts'
import type { Feed } from '../events/feed.ts'
import type { Authenticator, TokenProblem } from '../features/auth/sessions.ts'
import type { Viewer } from '../features/auth/viewer.ts'
import type { Delivery } from '../features/realtime/delivery.ts'
import type { TransportContext } from '../graphql/pipeline.ts'
import type { ClientAddresses } from './client-address.ts'
import type { Origins } from './origins.ts'
import { authenticate, type OnConnected } from './request.ts'
import { adaptSocket, type SocketExtra, tryAgainLater } from './socket-adapter.ts'
import type { Yoga } from './yoga.ts'

/** Bounds on one socket. */
const limits = {
  /** The largest frame, in bytes; a larger one closes the socket with 1009. */
  frameBytes: 65_536,
  /** How long the client has for `connection_init`, in milliseconds; then 4408. */
  initTimeoutMs: 3_000,
  /** Operations at a time; one more gets an error, the others go on. */
  operations: 30,
  /** Between pings, in milliseconds; a socket that misses one is closed. */
  pingMs: 12_000,
} as const

interface SocketState extends SocketExtra {
  transport?: TransportContext
  /** The ids of operations that are on their way to their first result. */
  starting?: Set<string>
}

type SocketContext = Context<Record<string, unknown> | undefined, SocketState>

/**
 * `graphql-transport-ws` on the GraphQL path. Every operation goes through the same pipeline as over
 * HTTP; a socket lives no longer than the token that opened it and the session behind that.
 */
export function createWebSocketServer(options: {
  server: Server
  yoga: Yoga
  path: string
  origins: Origins
  authenticator: Authenticator
  addressOf: ClientAddresses
  feed: Feed<Delivery>
  onConnected: OnConnected
  logger: Logger
}): { readonly connections: number; dispose(): Promise<void> } {
  const { server, yoga, origins, authenticator, feed, logger } = options
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: limits.frameBytes,
    perMessageDeflate: false,
    handleProtocols: (protocols) => (protocols.has('graphql-transport-ws') ? 'graphql-transport-ws' : false),
  })
  const socketsOfSession = new Map<string, Set<WebSocket>>()

  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    // Node has let go of the socket; without a listener a reset would end the process.
    socket.on('error', () => socket.destroy())
    const path = request.url?.split('?', 1)[0]
    const { origin, host } = request.headers
    if (path !== options.path) return refuse(socket, '404 Not Found')
    if (!origins.allows(origin, host)) return refuse(socket, '403 Forbidden')
    sockets.handleUpgrade(request, socket, head, (client) => sockets.emit('connection', client, request))
  }
  server.on('upgrade', onUpgrade)

  const core = makeServer<Record<string, unknown> | undefined, SocketState>({
    connectionInitWaitTimeout: limits.initTimeoutMs,
    async onConnect(context) {
      const { socket, request } = context.extra
      const transport = await authenticate(authenticator, authorizationOf(context), request, {
        closesWithSession: true,
        clientAddress: options.addressOf(request),
      }).catch((error: unknown) => {
        logger.error({ err: error }, 'a socket could not be authenticated')
        return null
      })
      if (transport === null) {
        socket.close(tryAgainLater, 'Try again later')
        return false
      }
      if (transport.tokenProblem !== null) {
        closeForbidden(socket, transport.tokenProblem as TokenProblem)
        return false
      }
      // Its end would not be heard any more.
      if (socket.readyState === socket.CLOSED) return false
      context.extra.transport = transport
      if (transport.principal.kind === 'user') holdToSession(socket, transport.principal)
      return true
    },
    onSubscribe: (context, id, payload) => begin(context, id, payload),
    // `onSubscribe` has run the operation already, through the pipeline.
    execute: (args) => args.rootValue as ExecutionResult,
    subscribe: (args) => args.rootValue as AsyncIterable<ExecutionResult>,
    onNext: (_context, _id, _payload, _args, result) =>
      result.errors === undefined
        ? undefined
        : ({ ...result, errors: result.errors.map(forSocket) } as FormattedExecutionResult),
    onError: (_context, _id, _payload, errors) => errors.map(forSocket),
  })
  sockets.on('connection', (socket: WebSocket, request: IncomingMessage) => {
    adaptSocket({ core, socket, request, logger, pingMs: limits.pingMs })
  })

  /**
   * The core forgets an operation that is completed while it starts, so that its id could be taken again
   * and again. Here an id is taken until its start has ended, and starts count towards the limit.
   */
  async function begin(
    context: SocketContext,
    id: string,
    payload: SubscribePayload,
  ): Promise<ExecutionArgs | readonly GraphQLError[]> {
    const { extra } = context
    extra.starting ??= new Set()
    if (extra.starting.has(id)) {
      extra.socket.close(CloseCode.SubscriberAlreadyExists, 'Subscriber already exists')
      return []
    }
    const others = new Set([...Object.keys(context.subscriptions), ...extra.starting])
    others.delete(id)
    if (others.size >= limits.operations) {
      const message = `A socket may have at most ${limits.operations} operations at a time.`
      return [new GraphQLError(message, { extensions: { code: 'RATE_LIMITED' } })]
    }
    extra.starting.add(id)
    try {
      // The log closes the socket of a session that has ended; what is said before it gets there is refused.
      const principal = extra.transport?.principal
      if (principal?.kind === 'user' && !(await authenticator.isAlive(principal))) {
        closeForbidden(extra.socket, 'Session revoked')
        return []
      }
      return await start(yoga, context, payload)
    } finally {
      extra.starting.delete(id)
    }
  }

  function holdToSession(socket: WebSocket, principal: Viewer): void {
    const { userId, sessionId, expiresAt } = principal
    socket.once('close', options.onConnected(userId))
    const ofSession = socketsOfSession.get(sessionId) ?? new Set()
    socketsOfSession.set(sessionId, ofSession.add(socket))
    const expiry = setTimeout(() => closeForbidden(socket, 'Token expired'), expiresAt - Date.now())
    socket.once('close', () => {
      clearTimeout(expiry)
      ofSession.delete(socket)
      if (ofSession.size === 0) socketsOfSession.delete(sessionId)
    })
  }

  const stopListening = feed.onSessionRevoked((sessionId) => {
    for (const socket of socketsOfSession.get(sessionId) ?? []) closeForbidden(socket, 'Session revoked')
  })

  return {
    get connections() {
      return sockets.clients.size
    },
    async dispose() {
      stopListening()
      server.off('upgrade', onUpgrade)
      for (const socket of sockets.clients) socket.close(1012, 'Service restart')
      const stragglers = setTimeout(() => {
        for (const socket of sockets.clients) socket.terminate()
      }, 2_000)
      await new Promise((resolve) => sockets.close(resolve))
      clearTimeout(stragglers)
    },
  }
}

/** The standard client retries after 4403 with fresh parameters; it takes 4401 for final. */
function closeForbidden(socket: WebSocket, reason: TokenProblem): void {
  socket.close(CloseCode.Forbidden, reason)
  // A client that does not answer the close keeps nothing open.
  setTimeout(() => socket.terminate(), 1_000).unref()
}

/** Without what an error says to the HTTP transport alone. */
function forSocket(error: GraphQLFormattedError | GraphQLError): GraphQLFormattedError {
  const formatted = error instanceof GraphQLError ? error.toJSON() : error
  const { extensions: all, ...rest } = formatted
  const { http: _http, unexpected: _unexpected, ...extensions } = all ?? {}
  return Object.keys(extensions).length === 0 ? rest : { ...rest, extensions }
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}

function authorizationOf(context: SocketContext): string | undefined {
  const given = context.connectionParams?.['authorization'] ?? context.connectionParams?.['Authorization']
  return typeof given === 'string' ? given : context.extra.request.headers.authorization
}

/**
 * Runs an operation as far as its first result. A request that fails as a whole (parse, validation,
 * limits, a subscription that cannot start) returns errors, which become one `error` message; the
 * socket lives on.
 */
async function start(
  yoga: Yoga,
  context: SocketContext,
  params: SubscribePayload,
): Promise<ExecutionArgs | readonly GraphQLError[]> {
  const { transport } = context.extra
  if (transport === undefined) throw new Error('A socket was subscribed on before it was opened.')
  const enveloped = yoga.getEnveloped({ ...transport, params } as never)
  const { schema, parse, validate, contextFactory, execute, subscribe } = enveloped
  let document: ReturnType<typeof parse>
  try {
    document = parse(params.query)
  } catch (error) {
    if (error instanceof GraphQLError) return [error]
    throw error
  }
  const errors = validate(schema, document)
  if (errors.length > 0) return errors
  const args = {
    schema,
    document,
    operationName: params.operationName ?? null,
    variableValues: params.variables ?? null,
    contextValue: await contextFactory(),
  }
  const operation = getOperationAST(document, params.operationName)
  if (operation == null)
    return [
      new GraphQLError('Could not determine what operation to execute.', {
        extensions: { code: 'OPERATION_RESOLUTION_FAILURE' },
      }),
    ]
  const result = await (operation.operation === 'subscription' ? subscribe(args) : execute(args))
  if (Symbol.asyncIterator in result) return { ...args, rootValue: orClose(result, context.extra.socket) }
  if (!('data' in result)) return result.errors ?? []
  return { ...args, rootValue: result }
}

/** A subscription that fails half way closes its socket so that the client comes back and resumes. */
function orClose<Result>(results: AsyncIterable<Result>, socket: WebSocket): AsyncIterableIterator<Result> {
  const iterator = results[Symbol.asyncIterator]()
  return {
    async next() {
      try {
        return await iterator.next()
      } catch {
        socket.close(tryAgainLater, 'Try again later')
        return { done: true, value: undefined }
      }
    },
    async return() {
      await iterator.return?.()
      return { done: true, value: undefined }
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}
