import { type KeptSession, readSession, renewSession, type Session } from './session.ts'

/** Exchanges a refresh token; null where the server says that the session is over, and throws where it says nothing. */
type Refresh = (refreshToken: string) => Promise<Session | null>

export interface Tokens {
  /** A token that is good for a while yet; null where nobody is logged in (any more). */
  fresh(): Promise<string | null>
  /** Another one than this one, which the server has refused. */
  instead(refused: string): Promise<string | null>
  /** For how long yet this one is good; 0 where there is another by now. */
  lastsMs(token: string): number
  /** This one was refused before its time, as it is where the session was ended elsewhere: `fresh` gives another. */
  distrust(token: string): void
}

/**
 * A token that ends sooner is exchanged before it is used. It is a share of its time, so that one that lives for seconds
 * is not exchanged for each request.
 */
const marginOf = (session: KeptSession): number => Math.min(15_000, lifetimeOf(session) / 4)

/**
 * Hands out access tokens of one login. However many ask at once, one refresh is in flight, over all tabs. Where another
 * tab has logged in as somebody else, there are none here any more.
 */
export function createTokens(sessionId: string | null, refresh: Refresh): Tokens {
  let inFlight: Promise<string | null> | null = null
  let distrusted: string | null = null

  function own(): KeptSession | null {
    const session = readSession()
    return session?.id === sessionId ? session : null
  }

  const isGood = (session: KeptSession) =>
    session.accessToken !== distrusted && endsIn(session) > marginOf(session)

  function renew(unwanted: string): Promise<string | null> {
    inFlight ??= oneTabAtATime(async () => {
      const session = own()
      if (session === null) return null
      // Another tab was faster.
      if (session.accessToken !== unwanted && isGood(session)) return session.accessToken
      const renewed = await refresh(session.refreshToken)
      // Logged out, or in as somebody else, meanwhile.
      if (own()?.refreshToken !== session.refreshToken) return own()?.accessToken ?? null
      renewSession(session.id, renewed)
      return renewed?.accessToken ?? null
    }).finally(() => {
      inFlight = null
    })
    return inFlight
  }

  return {
    async fresh() {
      const session = own()
      if (session === null) return null
      return isGood(session) ? session.accessToken : renew(session.accessToken)
    },
    instead: renew,
    lastsMs(token) {
      const session = own()
      return session?.accessToken === token ? endsIn(session) : 0
    },
    distrust(token) {
      distrusted = token
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
