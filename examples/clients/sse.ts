import type { ExecutionResult } from 'graphql'
import { type Body, isUnauthenticated } from './http.ts'
import type { Session } from './session.ts'

export interface Following {
  readonly url: string
  readonly session: Session
  /** Ends it. */
  readonly signal: AbortSignal
  /** Between a connection that was lost and the next. @default 1000 */
  readonly waitMs?: number
}

/**
 * Follows `events` over server-sent events, each event once: over lost connections, and over the end of the token, with
 * which a stream ends.
 *
 * @throws `AggregateError` where it was refused: after `CURSOR_EXPIRED` fetch the state again; `SessionEnded`;
 * `NoEvents`
 */
export async function* followEvents<Event extends { cursor: string }>(
  options: Following,
  body: Body,
): AsyncGenerator<Event> {
  let after = body.variables?.['after']
  while (!options.signal.aborted) {
    const variables = { ...body.variables, after }
    for await (const { data, errors } of results<{ events: Event }>(options, { ...body, variables })) {
      if (errors?.some(({ extensions }) => !begunAnew.has(String(extensions?.['code'])))) {
        throw new AggregateError(errors, errors[0]?.message)
      }
      if (!data) continue
      // Applied first, then taken note of: whoever stops in between gets it again.
      yield data.events
      after = data.events.cursor
    }
    await new Promise((resolve) => setTimeout(resolve, options.waitMs ?? 1_000))
  }
}

/** The token ended, or the event could not be loaded just now. */
const begunAnew = new Set(['UNAUTHENTICATED', 'SERVICE_UNAVAILABLE', 'INTERNAL_SERVER_ERROR'])

/** The address, or the request, is wrong: no later answer would be another one. */
export class NoEvents extends Error {}

/** Answers in place of a stream that may be others a moment later, as all from 500 on. */
const passing = new Set([401, 408, 429])

/** Until the stream ends, whichever way. */
async function* results<Data>(
  { url, session, signal }: Following,
  body: Body,
): AsyncGenerator<ExecutionResult<Data>> {
  const token = await session.lastingToken()
  const headers = {
    'content-type': 'application/json',
    accept: 'text/event-stream',
    authorization: `Bearer ${token}`,
  }
  const quiet = new AbortController()
  // A comment comes every 12 s: where nothing does, there is nobody.
  let timer = setTimeout(() => quiet.abort(), 30_000)
  try {
    const either = AbortSignal.any([signal, quiet.signal])
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body), signal: either })
    if (response.status === 401) session.distrust(token)
    const isStream = response.headers.get('content-type')?.startsWith('text/event-stream')
    if (!isStream && response.status < 500 && !passing.has(response.status)) {
      throw new NoEvents(`${url} answers ${response.status}: ${(await response.text()).slice(0, 200)}`)
    }
    let text = ''
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      clearTimeout(timer)
      timer = setTimeout(() => quiet.abort(), 30_000)
      const blocks = `${text}${chunk}`.split('\n\n')
      text = blocks.pop() ?? ''
      for (const block of blocks) {
        const line = block.split('\n').find((one) => one.startsWith('data: {'))
        if (!line) continue
        const result = JSON.parse(line.slice('data: '.length)) as ExecutionResult<Data>
        if (result.errors?.some(isUnauthenticated)) session.distrust(token)
        yield result
      }
    }
  } catch (problem) {
    // All else is a connection that is lost.
    if (problem instanceof NoEvents) throw problem
  } finally {
    clearTimeout(timer)
  }
}
