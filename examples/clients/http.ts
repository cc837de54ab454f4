import type { ExecutionResult } from 'graphql'
import type { Session } from './session.ts'

/** What is posted to `/graphql`: the text of an operation, or the id of a persisted one. */
export interface Body {
  readonly query?: string
  readonly documentId?: string
  readonly doc_id?: string
  readonly variables?: Record<string, unknown>
}

/**
 * Whether an operation whose answer was lost may be sent again: reading, and sending with a `clientMessageId`. A second
 * `register` or `createGroupChat` would not be the first one again.
 */
export function isRepeatable(isMutation: boolean, variables: Record<string, unknown> = {}): boolean {
  return !isMutation || 'clientMessageId' in Object(variables['input'])
}

/** The token was refused: with another one the answer may be another. */
export function isUnauthenticated({
  extensions,
}: {
  extensions?: Record<string, unknown> | undefined
}): boolean {
  return extensions?.['code'] === 'UNAUTHENTICATED'
}

/**
 * `fetch`, with all of the body: either may break off, or never come, and a network that has gone silent does not say
 * so. The limit is on silence, since a slow one may need longer; and a timer of its own, since Node 20 forgets
 * `AbortSignal.timeout` within `AbortSignal.any`.
 */
export async function fetchWhole(url: string, init: RequestInit = {}, silenceMs = 10_000): Promise<Response> {
  const quiet = new AbortController()
  const giveUp = () => quiet.abort(new Error(`Nothing was heard for ${silenceMs} ms`))
  let timer = setTimeout(giveUp, silenceMs)
  try {
    const signal = init.signal ? AbortSignal.any([init.signal, quiet.signal]) : quiet.signal
    const response = await fetch(url, { ...init, signal })
    const chunks: Uint8Array<ArrayBuffer>[] = []
    for (const reader = response.body?.getReader(); reader; ) {
      const { value, done } = await reader.read()
      if (done) break
      clearTimeout(timer)
      timer = setTimeout(giveUp, silenceMs)
      chunks.push(value)
    }
    return new Response(new Blob(chunks), response)
  } finally {
    clearTimeout(timer)
  }
}

/** `fetchWhole`, again where there was no answer in time, or the server could not do its part just now. */
export async function fetchAgain(
  url: string,
  init: RequestInit,
  repeatable: boolean,
  timeoutMs?: number,
): Promise<Response> {
  for (let count = 1; ; count++) {
    const last = !repeatable || count === 8
    try {
      const response = await fetchWhole(url, init, timeoutMs)
      if (response.status < 500 || last) return response
    } catch (error) {
      if (last || init.signal?.aborted) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, 2 ** count * 50))
  }
}

/** An operation by nothing but `fetch`: refreshes the tokens where they are worth nothing any more. */
export async function post<Data>(
  url: string,
  session: Session,
  body: Body,
  isMutation: boolean,
): Promise<ExecutionResult<Data>> {
  for (let refreshed = false; ; refreshed = true) {
    const headers = {
      'content-type': 'application/json',
      accept: 'application/graphql-response+json',
      ...session.headers,
    }
    const repeatable = isRepeatable(isMutation, body.variables)
    const init = { method: 'POST', headers, body: JSON.stringify(body) }
    const response = await fetchAgain(url, init, repeatable, session.timeoutMs)
    const result = (await response.json()) as ExecutionResult<Data>
    if (refreshed || !result.errors?.some(isUnauthenticated)) return result
    await session.refresh()
  }
}
