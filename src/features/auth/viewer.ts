import { unauthenticated } from '../../core/errors.ts'

/** Who is asking, once that is proved: a user in one of their sessions. */
export interface Viewer {
  readonly kind: 'user'
  readonly userId: string
  readonly sessionId: string
  /** When the access token ends, in milliseconds since 1970. */
  readonly expiresAt: number
}

/** Nobody in particular: an object of its own, so that forgetting to ask is a type error. */
export interface Anonymous {
  readonly kind: 'anonymous'
}

export type Principal = Viewer | Anonymous

export const anonymous: Anonymous = { kind: 'anonymous' }

/** @throws RequestError `UNAUTHENTICATED` */
export function requireViewer(principal: Principal): Viewer {
  if (principal.kind === 'anonymous') throw unauthenticated()
  return principal
}
