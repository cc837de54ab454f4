import type { Store } from '../../events/store.ts'
import type { AccessTokens } from './tokens.ts'
import type { Viewer } from './viewer.ts'

export type TokenProblem = 'Invalid token' | 'Token expired' | 'Session revoked'

/**
 * From an access token to a viewer. A token is good only as long as its session is, so the session is
 * looked up; what was found is remembered for a while, and forgotten at once when the log tells that
 * the session ended, in whichever process that happened.
 */
export interface Authenticator {
  authenticate(token: string): Promise<Viewer | TokenProblem>
  /** Whether the session of somebody who was authenticated before goes on. */
  isAlive(viewer: Viewer): Promise<boolean>
  forget(sessionId: string): void
  /** Where ends of sessions may have been missed. */
  forgetAll(): void
}

const rememberMs = 30_000
const rememberAtMost = 20_000

const findSession = {
  name: 'auth_find_session',
  text: 'SELECT user_id FROM sessions WHERE id = $1 AND revoked_at IS NULL AND expires_at > now()',
}

export function createAuthenticator(options: { store: Store; accessTokens: AccessTokens }): Authenticator {
  const alive = new Map<string, { userId: string; until: number }>()
  // A look-up that was under way while its session ended must not be remembered.
  const forgotten = new Map<string, number>()

  async function userOfSession(sessionId: string): Promise<string | null> {
    const now = Date.now()
    const known = alive.get(sessionId)
    if (known !== undefined && known.until > now) return known.userId
    const generation = forgotten.get(sessionId) ?? 0
    const [row] = await options.store.query<{ user_id: string }>(findSession, [sessionId])
    if (row === undefined) return null
    if ((forgotten.get(sessionId) ?? 0) !== generation) return null
    if (alive.size >= rememberAtMost) alive.clear()
    alive.set(sessionId, { userId: row.user_id, until: now + rememberMs })
    return row.user_id
  }

  return {
    async authenticate(token) {
      const claims = options.accessTokens.verify(token)
      if (claims === 'expired') return 'Token expired'
      if (claims === 'invalid') return 'Invalid token'
      const userId = await userOfSession(claims.sessionId)
      if (userId !== claims.userId) return 'Session revoked'
      return { kind: 'user', ...claims }
    },
    isAlive: async (viewer) => (await userOfSession(viewer.sessionId)) === viewer.userId,
    forget(sessionId) {
      alive.delete(sessionId)
      if (forgotten.size >= rememberAtMost) forgotten.clear()
      forgotten.set(sessionId, (forgotten.get(sessionId) ?? 0) + 1)
    },
    forgetAll: () => alive.clear(),
  }
}
