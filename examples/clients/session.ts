export interface Tokens {
  readonly accessToken: string
  readonly accessTokenExpiresAt: string
  readonly refreshToken: string
}

/** `refreshTokens` as it is posted to `/graphql`, but for its variables: text, or the id of a persisted operation. */
export interface RefreshRequest {
  readonly query?: string
  readonly documentId?: string
}

const refreshRequest: RefreshRequest = {
  query: `mutation RefreshTokens($input: RefreshTokensInput!) { refreshTokens(input: $input) {
    ... on RefreshTokensPayload { tokens { accessToken accessTokenExpiresAt refreshToken } } } }`,
}

/**
 * For how long a new token is good, in ms: from its own two times, which are in whole seconds. The clock here may be minutes off, and with
 * `accessTokenExpiresAt` every token would seem to have ended, or none.
 */
export function lifetimeOf({ accessToken, accessTokenExpiresAt }: Tokens): number {
  try {
    const claims = accessToken.split('.')[1]?.replaceAll('-', '+').replaceAll('_', '/')
    const { iat, exp } = JSON.parse(atob(claims ?? ''))
    return (exp - iat - 1) * 1_000
  } catch {
    return Date.parse(accessTokenExpiresAt) - Date.now()
  }
}

/** The tokens of one login, refreshed once for all who ask for it at the same time. */
export class Session {
  readonly #url: string
  readonly #request: RefreshRequest
  #tokens: Tokens | null = null
  #endsAt = 0
  #refreshing: Promise<string> | null = null

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
    this.#endsAt = Date.now() + lifetimeOf(tokens)
  }

  end(): void {
    this.#tokens = null
  }

  /** For sockets and streams: one that lasts for a while yet. */
  readonly lastingToken = async (): Promise<string> => {
    const { accessToken } = this.#tokens ?? {}
    return accessToken !== undefined && this.lastsMs(accessToken) > 30_000 ? accessToken : this.refresh()
  }

  /** For how long yet; 0 where there is another one by now. */
  lastsMs(token: string): number {
    return token === this.#tokens?.accessToken ? this.#endsAt - Date.now() : 0
  }

  /** @throws where there is no session (any more): ask the user to log in */
  refresh(): Promise<string> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = null
    })
    return this.#refreshing
  }

  async #refresh(): Promise<string> {
    for (let waitMs = 250; this.#tokens; waitMs = Math.min(waitMs * 2, 8_000)) {
      const { refreshToken } = this.#tokens
      try {
        const response = await fetch(this.#url, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ ...this.#request, variables: { input: { refreshToken } } }),
        })
        const { data } = (await response.json()) as { data?: { refreshTokens: { tokens?: Tokens } } }
        // Without data nothing was decided; whoever is refused gets data without tokens.
        const tokens = data?.refreshTokens.tokens
        if (data && !tokens) this.end()
        if (tokens && this.#tokens) {
          this.begin(tokens)
          return tokens.accessToken
        }
      } catch {
        // The answer is lost. For 30 s the same refresh token may be used again.
      }
      await new Promise((resolve) => setTimeout(resolve, waitMs))
    }
    throw new Error('Logged out')
  }
}
