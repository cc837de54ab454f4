import { setTimeout as delay } from 'node:timers/promises'
import type { Data } from '../testkit/client.ts'
import { Login, RefreshTokens } from '../testkit/operations.ts'
import type { Dice } from './dice.ts'

/** What clients met with, counted over the whole run. */
export interface Tally {
  /** Failed attempts by their code, or by what became of the connection. */
  readonly errors: Map<string, number>
  refreshes: number
  logins: number
  /** Subscriptions that came back behind a cursor. */
  resumes: number
  /** Connections that were cut, in whichever way. */
  cuts: number
  pauses: number
  /** From the first attempt of a write to its acknowledgement, in milliseconds. */
  slowestWrite: number
}

export const newTally = (): Tally => ({
  errors: new Map(),
  refreshes: 0,
  logins: 0,
  resumes: 0,
  cuts: 0,
  pauses: 0,
  slowestWrite: 0,
})

/** What the clients of a run have in common. */
export interface World {
  readonly urls: readonly string[]
  readonly dice: Dice
  readonly tally: Tally
  /** Ends every attempt for good: nobody waits any longer. */
  readonly over: AbortSignal
}

export function countError({ tally }: World, code: string): void {
  tally.errors.set(code, (tally.errors.get(code) ?? 0) + 1)
}

interface Answer {
  readonly data: Data
  /** What went wrong; null where there is data. */
  readonly code: string | null
}

const requestMs = 15_000

/** One attempt, at any process. What comes back has data, or the code of what went wrong. */
async function attempt(
  world: World,
  token: string | null,
  query: string,
  variables: object,
): Promise<Answer> {
  // Not `AbortSignal.any`: in Node 20 what nobody else refers to is collected, and never aborts.
  const ending = new AbortController()
  const end = () => ending.abort()
  const late = setTimeout(end, requestMs)
  world.over.addEventListener('abort', end)
  try {
    const response = await fetch(`${world.dice.pick(world.urls)}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/graphql-response+json',
        ...(token !== null && { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({ query, variables }),
      signal: ending.signal,
    })
    const { data, errors } = (await response.json()) as { data?: Data; errors?: Data[] }
    return errors === undefined
      ? { data, code: null }
      : { data: null, code: errors[0].extensions?.code ?? 'no code' }
  } catch (error) {
    return { data: null, code: connectionProblem(error) }
  } finally {
    clearTimeout(late)
    world.over.removeEventListener('abort', end)
  }
}

export function connectionProblem(error: unknown): string {
  const { cause, code, name } = error as { cause?: { code?: string }; code?: string; name?: string }
  return `connection: ${cause?.code ?? code ?? name ?? error}`
}

/** Where one waits for things to get better. */
export async function pause({ dice, over }: World, least: number, most: number): Promise<void> {
  await delay(dice.between(least, most), undefined, { signal: over })
}

export interface Token {
  readonly token: string
  /** The id of its session. */
  readonly sessionId: string
}

/** Somebody on one device: has an access token whenever one is needed, as docs/errors.md tells clients to. */
export interface Session {
  token(): Promise<Token>
  /** The server does not take it: the next one is another. */
  refuse(token: string): void
  /** One attempt at an operation, and the session that it was made in. */
  ask(query: string, variables: object): Promise<Answer & { readonly sessionId: string }>
  /** Repeats an operation, at any process, until it is answered. What it answers may be an error of its union. */
  run(query: string, variables: object): Promise<Data>
}

interface Grant extends Token {
  readonly refreshToken: string
  readonly expiresAt: number
}

/** A token that has less than this left, in milliseconds, is not begun with. */
const marginMs = 1_000
export const password = 'Password123'

export function createSession(world: World, username: string): Session {
  let grant: Grant | null = null
  let refused: string | null = null
  let renewing: Promise<Grant> | null = null

  async function renew(): Promise<Grant> {
    if (grant !== null) {
      const input = { refreshToken: grant.refreshToken }
      const { refreshTokens } = await repeat(world, () => attempt(world, null, RefreshTokens, { input }))
      world.tally.refreshes++
      if (refreshTokens.tokens !== undefined) return toGrant(refreshTokens.tokens)
    }
    // The session has ended, or never was.
    const input = { identifier: username, password }
    for (;;) {
      const { login } = await repeat(world, () => attempt(world, null, Login, { input }))
      world.tally.logins++
      if (login.tokens !== undefined) return toGrant(login.tokens)
      countError(world, login.code)
      await pause(world, 100, 500)
    }
  }

  async function token(): Promise<Grant> {
    if (grant !== null && grant.token !== refused && grant.expiresAt - Date.now() > marginMs) return grant
    renewing ??= renew().finally(() => {
      renewing = null
    })
    grant = await renewing
    return grant
  }

  const ask: Session['ask'] = async (query, variables) => {
    const { token: mine, sessionId } = await token()
    const answer = await attempt(world, mine, query, variables)
    if (answer.code === 'UNAUTHENTICATED') refused = mine
    return { ...answer, sessionId }
  }

  return {
    token,
    refuse(token) {
      refused = token
    },
    ask,
    run: (query, variables) => repeat(world, () => ask(query, variables)),
  }
}

async function repeat(world: World, once: () => Promise<Answer>): Promise<Data> {
  for (;;) {
    const { data, code } = await once()
    if (code === null) return data
    world.over.throwIfAborted()
    countError(world, code)
    await pause(world, 50, 400)
  }
}

function toGrant({ accessToken, refreshToken }: { accessToken: string; refreshToken: string }): Grant {
  const [, payload = ''] = accessToken.split('.')
  const { sid, exp } = JSON.parse(Buffer.from(payload, 'base64url').toString())
  return { token: accessToken, refreshToken, sessionId: sid, expiresAt: exp * 1000 }
}
