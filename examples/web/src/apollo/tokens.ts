import { type KeptSession, readSession, type Session, saveSession } from './session.ts'

/** Exchanges a refresh token; null where the server says that the session is over, and throws where it says nothing. */
type Refresh = (refreshToken: string) => Promise<Session | null>

export interface Tokens {
  /** A token that is good for a while yet; null where nobody is logged in (any more). */
  fresh(): Promise<string | null>
  /** Another one than this one, which the server has refused. */
  instead(refused: string): Promise<string | null>
  /** For how long yet this one is good; 0 where there is another by now. */
  lastsMs(token: string): number
}

/** A token that ends sooner is exchanged before it is used. */
const marginMs = 15_000

/** Hands out access tokens. However many ask at once, one refresh is in flight, over all tabs. */
export function createTokens(refresh: Refresh): Tokens {
  let inFlight: Promise<string | null> | null = null

  function renew(unwanted: string): Promise<string | null> {
    inFlight ??= oneTabAtATime(async () => {
      const session = readSession()
      if (session === null) return null
      // Another tab was faster.
      if (session.accessToken !== unwanted && endsIn(session) > marginMs) return session.accessToken
      const renewed = await refresh(session.refreshToken)
      // Logged out, or in as somebody else, meanwhile.
      if (readSession()?.refreshToken !== session.refreshToken) return readSession()?.accessToken ?? null
      saveSession(renewed)
      return renewed?.accessToken ?? null
    }).finally(() => {
      inFlight = null
    })
    return inFlight
  }

  return {
    async fresh() {
      const session = readSession()
      if (session === null) return null
      return endsIn(session) > marginMs ? session.accessToken : renew(session.accessToken)
    },
    instead: renew,
    lastsMs(token) {
      const session = readSession()
      return session?.accessToken === token ? endsIn(session) : 0
    },
  }
}

function endsIn(session: KeptSession): number {
  return session.receivedAt + lifetimeOf(session) - Date.now()
}

/** In ms, by the token's own two times: `accessTokenExpiresAt` is one of the server's clock, and the clock here may be off. */
function lifetimeOf({ accessToken, accessTokenExpiresAt, receivedAt }: KeptSession): number {
  try {
    const claims = accessToken.split('.')[1]?.replaceAll('-', '+').replaceAll('_', '/')
    const { iat, exp } = JSON.parse(atob(claims ?? ''))
    // They are in whole seconds.
    return (exp - iat - 1) * 1_000
  } catch {
    return Date.parse(accessTokenExpiresAt) - receivedAt
  }
}

/** A refresh token works once, so tabs take turns. Browsers have locks on pages over HTTPS and of this machine. */
function oneTabAtATime<Result>(work: () => Promise<Result>): Promise<Result> {
  const locks = navigator.locks as LockManager | undefined
  return locks === undefined ? work() : locks.request('parley.refresh', work)
}
