import type { ServerResponse } from 'node:http'
import type { ExecutionResult } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import type { Caller } from '../graphql/operation/caller.ts'
import { plainResult } from './result.ts'

/** After so many heartbeats in which a client has taken nothing of what waits for it, it counts as gone. */
export const stalledBeats = 5

/** An operation over HTTP. */
export interface HttpContext extends Caller {
  /** Whether the client takes server-sent events. */
  readonly acceptsEvents: boolean
  /** Receives the results of a subscription, to be sent as they come. */
  readonly takeResults: (results: AsyncIterable<ExecutionResult>) => void
}

/**
 * Hands the results of a subscription over instead of making a web stream of them: events go out by Node's own
 * response, which tells when a client does not keep up.
 */
export function useEventStreams(): Plugin<object, HttpContext> {
  return {
    onResultProcess({ result, resultProcessor, serverContext, setResultProcessor }) {
      if (!(Symbol.asyncIterator in result) || resultProcessor === undefined) return
      const { takeResults } = serverContext
      setResultProcessor((results, { Response }) => {
        takeResults(results as unknown as AsyncIterable<ExecutionResult>)
        return new Response()
      }, 'text/event-stream')
    },
  }
}

/**
 * Sends the results of a subscription as server-sent events (GraphQL over SSE, distinct connections). The next is asked
 * for when the client has room for it, and none any more when it has gone. Resolves then, or when all is sent.
 * @param heartbeatMs between comments that keep proxies from closing the connection, in milliseconds
 */
export async function sendEvents(
  response: ServerResponse,
  results: AsyncIterable<ExecutionResult>,
  heartbeatMs: number,
): Promise<void> {
  const iterator = results[Symbol.asyncIterator]()
  if (response.destroyed) return void (await iterator.return?.())
  let stalled = 0
  response.on('drain', () => {
    stalled = 0
  })
  const beating = setInterval(() => {
    if (!response.writableNeedDrain) response.write(comment)
    else if (++stalled >= stalledBeats) response.destroy()
  }, heartbeatMs)
  const gone = new Promise<void>((resolve, reject) => {
    response.once('close', () => {
      clearInterval(beating)
      Promise.resolve(iterator.return?.()).then(() => resolve(), reject)
    })
  })
  // It is waited for where the stream ends in good order.
  gone.catch(() => {})
  response.socket?.setNoDelay(true)
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache, no-transform',
    // Or nginx would gather events.
    'x-accel-buffering': 'no',
  })
  // Some clients take the stream for begun only when something comes.
  response.write(comment)
  for (;;) {
    const { done, value } = await iterator.next()
    if (response.destroyed) break
    if (done) {
      response.end('event: complete\ndata:\n\n')
      break
    }
    if (!response.write(toEvent(value))) {
      await Promise.race([gone, new Promise<void>((resolve) => response.once('drain', resolve))])
    }
  }
  await gone
}

const comment = ':\n\n'

/** With the cursor as its id, where it was asked for: what clients repeat in `Last-Event-ID`. */
function toEvent(result: ExecutionResult): string {
  const [event] = Object.values(result.data ?? {}) as ({ cursor?: unknown } | null)[]
  const id = typeof event?.cursor === 'string' ? `id: ${event.cursor}\n` : ''
  return `${id}event: next\ndata: ${JSON.stringify(plainResult(result))}\n\n`
}
