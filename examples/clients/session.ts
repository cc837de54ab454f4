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

/** The tokens of one login, refreshed once for all who ask for it at the same time. */
export class Session {
  readonly #url: string
  readonly #request: RefreshRequest
  #tokens: Tokens | null = null
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
  }

  end(): void {
    this.#tokens = null
  }

  /** For sockets and streams: one that lasts for a while yet. */
  readonly lastingToken = async (): Promise<string> => {
    const { accessToken, accessTokenExpiresAt = 0 } = this.#tokens ?? {}
    const lasts = new Date(accessTokenExpiresAt).getTime() - Date.now() > 30_000
    return accessToken !== undefined && lasts ? accessToken : this.refresh()
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
        if (data && this.#tokens) this.#tokens = data.refreshTokens.tokens ?? null
        if (data && this.#tokens) return this.#tokens.accessToken
      } catch {
        // The answer is lost. For 30 s the same refresh token may be used again.
      }
      await new Promise((resolve) => setTimeout(resolve, waitMs))
    }
    throw new Error('Logged out')
  }
}
