import type { IncomingMessage } from 'node:http'
import { CloseCode } from 'graphql-ws'
import type { WebSocket } from 'ws'
import type { Logger } from '../core/logger.ts'
import type { Authenticator, TokenProblem } from '../features/auth/sessions.ts'
import type { Viewer } from '../features/auth/viewer.ts'
import type { Caller } from '../graphql/operation/caller.ts'
import { authenticate, type OnConnected } from './request.ts'
import { type Payload, type SocketConnection, tryAgainLater } from './socket-protocol.ts'

/** How long a socket whose token ends waits for the answer to a renewal that is under way, in milliseconds. */
export const renewalGraceMs = 5_000

/** Who is on a socket, and until when. */
export interface SocketSession {
  /** Null until the client has said who it is. */
  readonly transport: Caller | null
  /** @returns what to tell the client; null where the socket was closed instead */
  connect(payload: Payload): Promise<Payload | null>
  /**
   * A new token of the session that the socket belongs to moves the end of the socket; any other payload comes back.
   * @returns what to tell the client; null where the socket was closed instead
   */
  ping(payload: Payload): Promise<Payload | null>
  /** The session has ended. */
  revoke(): void
}

/** The sockets of each session in this process. */
export type SocketsOfSession = Map<string, Set<SocketSession>>

export function createSocketSession(options: {
  socket: WebSocket
  connection: SocketConnection
  request: IncomingMessage
  clientAddress: string
  authenticator: Authenticator
  socketsOfSession: SocketsOfSession
  onConnected: OnConnected
  logger: Logger
}): SocketSession {
  const { socket, connection, request, authenticator, socketsOfSession, logger } = options
  let transport: Caller | null = null
  let expiry: NodeJS.Timeout | undefined
  let renewals = 0
  /** The token has ended, and a renewal decides. */
  let overdue = false
  const session: SocketSession = {
    get transport() {
      return transport
    },
    connect,
    ping,
    revoke: () => forbid('Session revoked'),
  }

  /** The standard client retries after 4403 with fresh parameters; it takes 4401 for final. */
  function forbid(reason: TokenProblem | 'Other session'): null {
    connection.close(CloseCode.Forbidden, reason)
    return null
  }

  /** Null where that cannot be found out now. */
  async function identify(authorization: unknown): Promise<Caller | null> {
    try {
      return await authenticate(authenticator, authorization, request, {
        closesWithSession: true,
        resumeAfter: null,
        clientAddress: options.clientAddress,
      })
    } catch (error) {
      logger.error({ err: error }, 'a socket could not be authenticated')
      return null
    }
  }

  async function connect(payload: Payload): Promise<Payload | null> {
    const found = await identify(authorizationIn(payload) ?? request.headers.authorization)
    if (socket.readyState !== socket.OPEN) return null
    if (found === null) {
      connection.close(tryAgainLater, 'Try again later')
      return null
    }
    if (found.tokenProblem !== null) return forbid(found.tokenProblem)
    transport = found
    if (found.principal.kind === 'anonymous') return {}
    hold(found.principal)
    return told(found.principal)
  }

  function hold({ userId, sessionId, expiresAt }: Viewer): void {
    const leave = options.onConnected(userId)
    const siblings = socketsOfSession.get(sessionId) ?? new Set()
    socketsOfSession.set(sessionId, siblings.add(session))
    expireAt(expiresAt)
    socket.once('close', () => {
      leave()
      clearTimeout(expiry)
      siblings.delete(session)
      if (siblings.size === 0) socketsOfSession.delete(sessionId)
    })
  }

  function expireAt(time: number): void {
    clearTimeout(expiry)
    expiry = setTimeout(expire, time - Date.now())
  }

  function expire(): void {
    if (renewals === 0 || overdue) return void forbid('Token expired')
    overdue = true
    expiry = setTimeout(expire, renewalGraceMs)
  }

  async function ping(payload: Payload): Promise<Payload | null> {
    const authorization = authorizationIn(payload)
    if (authorization === undefined) return payload
    if (transport === null) {
      connection.close(CloseCode.Unauthorized, 'Unauthorized')
      return null
    }
    renewals++
    const found = await identify(authorization)
    renewals--
    if (socket.readyState !== socket.OPEN) return null
    return renew(transport, found)
  }

  function renew(current: Caller, found: Caller | null): Payload | null {
    if (found === null) {
      if (overdue && renewals === 0) return forbid('Token expired')
      return { authorization: { code: 'SERVICE_UNAVAILABLE' } }
    }
    const { principal, tokenProblem } = found
    if (tokenProblem !== null) return forbid(tokenProblem)
    if (principal.kind === 'anonymous') return forbid('Invalid token')
    const { principal: held } = current
    // A socket belongs to whoever opened it, and what runs on it was allowed to them.
    if (held.kind === 'anonymous' || principal.sessionId !== held.sessionId) return forbid('Other session')
    // An answer that was overtaken by a newer one takes nothing back.
    const lasting = principal.expiresAt > held.expiresAt ? principal : held
    transport = { ...current, principal: lasting }
    overdue = false
    expireAt(lasting.expiresAt)
    return told(lasting)
  }

  return session
}

/** Until when the socket lasts. */
function told({ expiresAt }: Viewer): Payload {
  return { authorization: { expiresAt: new Date(expiresAt).toISOString() } }
}

function authorizationIn(payload: Payload): unknown {
  return payload['authorization'] ?? payload['Authorization'] ?? undefined
}
