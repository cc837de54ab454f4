import type { TokenProblem } from '../../features/auth/sessions.ts'
import type { Principal } from '../../features/auth/viewer.ts'

/** The caller and the properties of their transport, determined before the operation starts. */
export interface Caller {
  readonly principal: Principal
  /** Why the token was rejected; null if it is valid or absent. */
  readonly tokenProblem: TokenProblem | null
  readonly requestId: string
  readonly userAgent: string | null
  /** Where the request comes from: the socket's address, or the one that a trusted proxy reports. */
  readonly clientAddress: string
  /** The cursor that the transport brought along to resume after: `Last-Event-ID`, which is newer than `after`. */
  readonly resumeAfter: string | null
  /** Whether the transport itself ends with the session: a WebSocket is closed, a stream of events is not. */
  readonly closesWithSession: boolean
}

/** What the operation may be over this transport. */
export interface TransportCapabilities {
  /** Mutations are refused where a link or a page of another origin could send them: over GET. */
  readonly mutations: boolean
  /** Whether the client takes a stream of results. */
  readonly streams: boolean
}
