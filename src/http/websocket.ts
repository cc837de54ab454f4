import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import type { SubscribePayload } from 'graphql-ws'
import { type ServerOptions, type WebSocket, WebSocketServer as WsServer } from 'ws'
import type { Logger } from '../core/logger.ts'
import type { Feed } from '../events/feed.ts'
import type { Authenticator } from '../features/auth/sessions.ts'
import type { Delivery } from '../features/realtime/delivery.ts'
import { toClientError } from '../graphql/operation/client-errors.ts'
import type { OperationRunner, Outcome } from '../graphql/operation/runner.ts'
import type { ClientAddresses } from './client-address.ts'
import type { Origins } from './origins.ts'
import { isGraphqlPath } from './paths.ts'
import type { OnConnected } from './request.ts'
import {
  type Answer,
  type SocketConnection,
  socketLimits,
  speakProtocol,
  subprotocol,
  tryAgainLater,
} from './socket-protocol.ts'
import { createSocketSession, type SocketSession, type SocketsOfSession } from './socket-session.ts'

/** A socket carries operations of every kind. */
const capabilities = { mutations: true, streams: true }

/** The standard client comes back after it. */
const serviceRestart = 1012

export interface WebSocketServer {
  /** Sockets that are open. */
  readonly connections: number
  /**
   * Closes every socket with 1012 as soon as its queries and mutations are answered, or after the grace. What clients
   * say from now on is not looked at: they say it again elsewhere.
   */
  close(graceMs: number): Promise<void>
}

/**
 * `graphql-transport-ws` on the GraphQL path. Operations are run by the same runner as over HTTP; a socket lives no longer than the newest token that came over it and the session behind that.
 */
export function createWebSocketServer(options: {
  server: Server
  runner: OperationRunner
  origins: Origins
  authenticator: Authenticator
  addressOf: ClientAddresses
  feed: Feed<Delivery>
  onConnected: OnConnected
  logger: Logger
  /** Between pings, in milliseconds. */
  heartbeatMs: number
}): WebSocketServer {
  const { server, runner, origins, authenticator, feed, logger, heartbeatMs } = options
  const socketOptions: ServerOptions & { closeTimeout: number } = {
    noServer: true,
    maxPayload: socketLimits.messageBytes,
    perMessageDeflate: false,
    handleProtocols: (protocols) => (protocols.has(subprotocol) ? subprotocol : false),
    closeTimeout: socketLimits.closeTimeoutMs,
  }
  const sockets = new WsServer(socketOptions)
  const socketsOfSession: SocketsOfSession = new Map()
  const connections = new Set<SocketConnection>()

  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (request.headers.upgrade?.toLowerCase() !== 'websocket')
      return answerPlainly(server, request, socket, head)
    // Node has let go of the socket; without a listener a reset would end the process.
    socket.on('error', () => socket.destroy())
    const { origin, host } = request.headers
    if (!isGraphqlPath(request.url)) return refuse(socket, '404 Not Found')
    if (!origins.allows(origin, host)) return refuse(socket, '403 Forbidden')
    sockets.handleUpgrade(request, socket, head, (client) => sockets.emit('connection', client, request))
  }
  server.on('upgrade', onUpgrade)

  sockets.on('connection', (socket: WebSocket, request: IncomingMessage) => {
    const connection = speakProtocol({
      socket,
      logger,
      heartbeatMs,
      handlers(connection) {
        const session = createSocketSession({
          socket,
          connection,
          request,
          clientAddress: options.addressOf(request),
          authenticator,
          socketsOfSession,
          onConnected: options.onConnected,
          logger,
        })
        return { connect: session.connect, ping: session.ping, start: (payload) => begin(session, payload) }
      },
    })
    connections.add(connection)
    socket.once('close', () => connections.delete(connection))
  })

  async function begin(session: SocketSession, payload: SubscribePayload): Promise<Answer> {
    const { transport } = session
    if (transport === null) throw new Error('A socket was subscribed on before anybody was there.')
    const { principal, requestId } = transport
    // The log closes the socket of a session that has ended; what is said before it gets there is refused.
    try {
      if (principal.kind === 'user' && !(await authenticator.isAlive(principal))) {
        session.revoke()
        return []
      }
    } catch (error) {
      return [toClientError(error, { requestId, logger })]
    }
    return toAnswer(await runner.run(payload, transport, capabilities))
  }

  const stopListening = feed.onSessionRevoked((sessionId) => {
    for (const session of socketsOfSession.get(sessionId) ?? []) session.revoke()
  })

  // The end of somebody's session may have been missed, and what is subscribed on them has ended.
  const stopListeningToLoss = feed.onLost(() => {
    for (const connection of connections) connection.close(tryAgainLater, 'Try again later')
  })

  return {
    get connections() {
      return sockets.clients.size
    },
    async close(graceMs) {
      stopListening()
      stopListeningToLoss()
      server.off('upgrade', onUpgrade)
      for (const connection of connections) connection.drain(serviceRestart, 'Service restart')
      const grace = setTimeout(() => {
        for (const connection of connections) connection.close(serviceRestart, 'Service restart')
      }, graceMs)
      await new Promise((resolve) => sockets.close(resolve))
      clearTimeout(grace)
    },
  }
}

/**
 * A request that asks for another protocol besides, such as curl's for HTTP/2, is answered in the one that it came
 * in. Node has parsed and let go of it: it is put back without the question.
 */
function answerPlainly(server: Server, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const { method, url, httpVersion, rawHeaders } = request
  const asking = new Set(['upgrade', 'http2-settings'])
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const [name = '', value = ''] = rawHeaders.slice(i, i + 2)
    if (asking.has(name.toLowerCase())) continue
    const options = value.split(',').filter((each) => !asking.has(each.trim().toLowerCase()))
    lines.push(`${name}: ${name.toLowerCase() === 'connection' ? options.join(',') : value}`)
  }
  // Bytes as they came: header values are read as Latin-1.
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]))
  server.emit('connection', socket)
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}

/**
 * A request that fails as a whole (parse, validation, limits, a subscription that cannot start) is answered with
 * errors, which become one `error` message; the socket lives on.
 */
function toAnswer(outcome: Outcome): Answer {
  if (Symbol.asyncIterator in outcome || 'data' in outcome) return outcome
  return outcome.errors ?? []
}
