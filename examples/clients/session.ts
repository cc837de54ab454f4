export interface Tokens {
  readonly accessToken: string
  readonly accessTokenExpiresAt: string
  readonly refreshToken: string
}

/**
 * `refreshTokens` as it is posted to `/graphql`, but for its variables: text, or the id of a persisted operation that
 * selects as much.
 */
export interface RefreshRequest {
  readonly query?: string
  readonly documentId?: string
}

const refreshRequest: RefreshRequest = {
  query: `mutation RefreshTokens($input: RefreshTokensInput!) { refreshTokens(input: $input) {
    ... on RefreshTokensPayload { tokens { accessToken accessTokenExpiresAt refreshToken } }
    ... on RateLimitedError { retryAfterMs } } }`,
}

const loginRequest = `mutation LogIn($input: LoginInput!) { login(input: $input) {
  ... on LoginPayload { tokens { accessToken accessTokenExpiresAt refreshToken } }
  ... on UserError { reason } } }`

/** What the server decided, in words for a person. */
export class Refusal extends Error {}

/**
 * The tokens of a new login.
 *
 * @param deviceName by which people know it in the list of their sessions
 * @throws Refusal; another error where nothing was decided
 */
export async function logIn(
  url: string,
  identifier: string,
  password: string,
  deviceName?: string,
): Promise<Tokens> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: loginRequest, variables: { input: { identifier, password, deviceName } } }),
    signal: AbortSignal.timeout(10_000),
  })
  const { data, errors } = (await response.json()) as {
    data?: { login: { tokens?: Tokens; reason?: string } }
    errors?: { message: string }[]
  }
  if (!data?.login.tokens) throw new Refusal(data?.login.reason ?? errors?.[0]?.message)
  return data.login.tokens
}

/** What comes of it: neither of both where the refresh token is worth nothing (any more). */
interface Refreshed {
  readonly tokens?: Tokens
  readonly retryAfterMs?: number
}

/** The session was ended: here, elsewhere, or by running out. What is asked for without it is a new login. */
export class SessionEnded extends Refusal {
  constructor() {
    super('The session has ended: log in again')
    this.name = 'SessionEnded'
  }
}

/**
 * For how long a new token is good, in ms: from its own two times, which are in whole seconds. The clock here may be
 * minutes off, and with `accessTokenExpiresAt` every token would seem to have ended, or none.
 */
function lifetimeOf({ accessToken, accessTokenExpiresAt }: Tokens): number {
  try {
    const claims = accessToken.split('.')[1]?.replaceAll('-', '+').replaceAll('_', '/')
    const { iat, exp } = JSON.parse(atob(claims ?? ''))
    return (exp - iat - 1) * 1_000
  } catch {
    return Date.parse(accessTokenExpiresAt) - Date.now()
  }
}

/** The tokens of one login at a time, refreshed once for all who ask for it at the same time. */
export class Session {
  readonly #url: string
  readonly #request: RefreshRequest
  #tokens: Tokens | null = null
  #lifetimeMs = 0
  #endsAt = 0
  #refreshing: { readonly of: Tokens; readonly done: Promise<string> } | null = null
  /** For how long an answer over HTTP is waited for: a network that has gone silent does not say so. */
  timeoutMs = 10_000
  /** Called where the server says that the session is over: show the way to log in. `end()` does not call it. */
  onEnded: () => void = () => {}

  constructor(url: string, request: RefreshRequest = refreshRequest) {
    this.#url = url
    this.#request = request
  }

  get tokens(): Tokens | null {
    return this.#tokens
  }

  /** For requests: the token that there is, good or not. After the answer `UNAUTHENTICATED` refresh, and ask again. */
  get headers(): { authorization?: string } {
    return this.#tokens ? { authorization: `Bearer ${this.#tokens.accessToken}` } : {}
  }

  begin(tokens: Tokens): void {
    this.#tokens = tokens
    this.#lifetimeMs = lifetimeOf(tokens)
    this.#endsAt = Date.now() + this.#lifetimeMs
  }

  end(): void {
    this.#tokens = null
  }

  /** For sockets and streams: one that lasts for a while yet. @throws SessionEnded */
  readonly lastingToken = async (): Promise<string> => {
    const { accessToken } = this.#tokens ?? {}
    // A share of its time, so that one that lives for seconds is not refreshed each time it is asked for.
    const marginMs = Math.min(30_000, this.#lifetimeMs / 4)
    return accessToken !== undefined && this.lastsMs(accessToken) > marginMs ? accessToken : this.refresh()
  }

  /** For how long yet; 0 where there is another one by now. */
  lastsMs(token: string): number {
    return token === this.#tokens?.accessToken ? this.#endsAt - Date.now() : 0
  }

  /** This one was refused before its time, as it is where the session was ended elsewhere: who asks next gets another. */
  distrust(token: string): void {
    if (token === this.#tokens?.accessToken) this.#endsAt = 0
  }

  /** Waits for a network that is away. @throws SessionEnded */
  async refresh(): Promise<string> {
    const of = this.#tokens
    if (of === null) throw new SessionEnded()
    if (this.#refreshing?.of !== of) this.#refreshing = { of, done: this.#refresh(of) }
    return this.#refreshing.done
  }

  /** As long as these are the tokens: what comes of those of one login is nothing to another that was begun meanwhile. */
  async #refresh(of: Tokens): Promise<string> {
    for (let waitMs = 250; this.#tokens === of; waitMs = Math.min(waitMs * 2, 8_000)) {
      const refreshed = await this.#ask(of.refreshToken)
      if (this.#tokens !== of) break
      if (refreshed?.tokens) {
        this.begin(refreshed.tokens)
        return refreshed.tokens.accessToken
      }
      if (refreshed && refreshed.retryAfterMs === undefined) {
        this.end()
        this.onEnded()
        break
      }
      await new Promise((resolve) => setTimeout(resolve, refreshed?.retryAfterMs ?? waitMs))
    }
    throw new SessionEnded()
  }

  /** Null where nothing was decided, or the answer is lost: for 30 s the same refresh token may be used again. */
  async #ask(refreshToken: string): Promise<Refreshed | null> {
    try {
      const response = await fetch(this.#url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ ...this.#request, variables: { input: { refreshToken } } }),
        signal: AbortSignal.timeout(this.timeoutMs),
      })
      const { data } = (await response.json()) as { data?: { refreshTokens: Refreshed } }
      return data?.refreshTokens ?? null
    } catch {
      return null
    }
  }
}
