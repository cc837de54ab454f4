import { setTimeout as delay } from 'node:timers/promises'
import type { GraphQLFormattedError } from 'graphql'
import { lifetimeOf, type Tokens } from '../clients/session.ts'

// biome-ignore lint/suspicious/noExplicitAny: an answer has the shape of whatever was asked.
type Data = any

/** What the codes of errors mean to a person; for others the server's own words do. */
const words: Record<string, string> = {
  INVALID_CREDENTIALS: 'The name or the password is wrong.',
  INVALID_REFRESH_TOKEN: 'Your session is over. Log in again.',
  UNAUTHENTICATED: 'Your session is over. Log in again.',
  FORBIDDEN: 'You cannot write to each other.',
  NOT_FOUND: 'There is no such person or chat.',
}
/** What trying again can mend. */
const passing = new Set(['SERVICE_UNAVAILABLE', 'INTERNAL_SERVER_ERROR'])

/** An answer that trying again does not change, in words for a person. */
export class Refusal extends Error {
  readonly code: string

  constructor({ code = '', message = '', retryAfterMs = 0 }) {
    const wait = retryAfterMs > 0 ? ` Try again in ${Math.ceil(retryAfterMs / 1_000)} s.` : ''
    super((words[code] ?? message) + wait)
    this.code = code
  }
}

/** What every result is asked for besides its payload. */
export const failure = '... on UserError { code reason: message ... on RateLimitedError { retryAfterMs } }'
const tokenFields = 'tokens { accessToken accessTokenExpiresAt refreshToken }'

/** A login that keeps its tokens fresh. Operations are asked over HTTP. */
export class Session {
  readonly #url: URL
  #accessToken = ''
  #refreshToken = ''
  #lastsMs = 0
  #endsAt = 0
  #renewing: Promise<string> | null = null

  constructor(url: string) {
    this.#url = new URL('/graphql', url)
  }

  async login(identifier: string, password: string, deviceName: string): Promise<void> {
    const mutation = `mutation LogIn($input: LoginInput!) {
      login(input: $input) { ... on LoginPayload { ${tokenFields} } ${failure} } }`
    this.#keep((await this.#post(mutation, { input: { identifier, password, deviceName } })).login.tokens)
  }

  /** Ends it, here and for the server, as far as that can be told. */
  async logout(): Promise<void> {
    await this.ask('mutation LogOut { logout { success } }').catch(() => {})
  }

  /** A token that is good for a while. One refresh serves all who ask at the same time: its token works once. */
  async lastingToken(): Promise<string> {
    // Renewed with a quarter of its time left.
    if (this.lastsMs(this.#accessToken) > this.#lastsMs / 4) return this.#accessToken
    this.#renewing ??= this.#renew().finally(() => {
      this.#renewing = null
    })
    return this.#renewing
  }

  lastsMs(token: string): number {
    return token === this.#accessToken ? this.#endsAt - Date.now() : 0
  }

  /** The token was refused before its time: the next one is a new one. */
  distrust(): void {
    this.#endsAt = 0
  }

  /** @throws Refusal; another error where the server was not reached, or was in no state to answer */
  async ask(query: string, variables: object = {}): Promise<Data> {
    const token = await this.lastingToken()
    try {
      return await this.#post(query, variables, token)
    } catch (problem) {
      if (!(problem instanceof Refusal) || problem.code !== 'UNAUTHENTICATED') throw problem
      // Its time may be over by the server's clock and not by this one, which was set back.
      if (token === this.#accessToken) this.distrust()
      return this.#post(query, variables, await this.lastingToken())
    }
  }

  /** Tries until there is an answer: what it asks must be safe to ask twice. @throws Refusal */
  async askUntilAnswered(query: string, variables: object = {}): Promise<Data> {
    for (;;) {
      try {
        return await this.ask(query, variables)
      } catch (problem) {
        if (problem instanceof Refusal) throw problem
        await delay(500)
      }
    }
  }

  async #renew(): Promise<string> {
    const mutation = `mutation Renew($input: RefreshTokensInput!) {
      refreshTokens(input: $input) { ... on RefreshTokensPayload { ${tokenFields} } ${failure} } }`
    const { refreshTokens } = await this.#post(mutation, { input: { refreshToken: this.#refreshToken } })
    this.#keep(refreshTokens.tokens)
    return this.#accessToken
  }

  #keep(tokens: Tokens): void {
    this.#accessToken = tokens.accessToken
    this.#refreshToken = tokens.refreshToken
    this.#lastsMs = lifetimeOf(tokens)
    this.#endsAt = Date.now() + this.#lastsMs
  }

  async #post(query: string, variables: object, token?: string): Promise<Data> {
    const response = await fetch(this.#url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
      body: JSON.stringify({ query, variables }),
      signal: AbortSignal.timeout(10_000),
    })
    const { data, errors } = (await response.json()) as { data?: Data; errors?: GraphQLFormattedError[] }
    const error = errors?.[0]
    if (error !== undefined) {
      const code = String(error.extensions?.['code'])
      throw passing.has(code) ? new Error(error.message) : new Refusal({ code, message: error.message })
    }
    const [result] = Object.values<Data>(data)
    if (result?.code) throw new Refusal({ ...result, message: result.reason })
    return data
  }
}
