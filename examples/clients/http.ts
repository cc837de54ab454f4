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

/** `fetch`, again where there was no answer, or the server could not do its part just now. */
export async function fetchAgain(url: string, init: RequestInit, repeatable: boolean): Promise<Response> {
  for (let count = 1; ; count++) {
    const last = !repeatable || count === 8
    try {
      const response = await fetch(url, init)
      // All of it: it may break off.
      const whole = new Response(await response.arrayBuffer(), response)
      if (whole.status < 500 || last) return whole
    } catch (error) {
      if (last) throw error
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
    const init = { method: 'POST', headers, body: JSON.stringify(body) }
    const response = await fetchAgain(url, init, isRepeatable(isMutation, body.variables))
    const result = (await response.json()) as ExecutionResult<Data>
    const refused = result.errors?.some(({ extensions }) => extensions?.['code'] === 'UNAUTHENTICATED')
    if (!refused || refreshed) return result
    await session.refresh()
  }
}
