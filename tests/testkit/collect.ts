import type { Client } from 'graphql-ws'
import type { Data } from './client.ts'

/** A subscription and what came of it so far. */
export interface Collected {
  readonly events: readonly Data[]
  /** The messages of an `error` that ended it, or what closed its socket. */
  readonly failure: unknown
  readonly completed: boolean
  /** Resolves once the server has begun: what happens from then on is seen. */
  readonly started: Promise<void>
  /** The next events, this many, from where the last call ended. */
  take(count: number): Promise<Data[]>
  /** Every event up to the first that fits. */
  until(fits: (event: Data) => boolean): Promise<Data[]>
  /** Resolves when it ended, in whichever way. */
  readonly ended: Promise<void>
  stop(): Promise<void>
}

const patienceMs = 10_000

export function collect(client: Client, query: string, variables?: object): Collected {
  const events: Data[] = []
  let failure: unknown
  let completed = false
  let taken = 0
  let over = false
  const waiting = new Set<() => void>()
  const changed = () => {
    for (const check of waiting) check()
  }

  const started = new Promise<void>((resolve) => {
    client.on('connected', () => resolve())
  })
  const ended = new Promise<void>((resolve) => {
    const end = () => {
      over = true
      resolve()
      changed()
    }
    client.subscribe<Data>(
      { query, variables: variables as Record<string, unknown> },
      {
        next: (result) => {
          events.push(result.errors ? { errors: result.errors } : result.data)
          changed()
        },
        error: (error) => {
          failure = error
          end()
        },
        complete: () => {
          completed = true
          end()
        },
      },
    )
  })

  function wait<Result>(what: string, find: () => Result | null): Promise<Result> {
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void) => {
        clearTimeout(timer)
        waiting.delete(check)
        settle()
      }
      const fail = (why: string) =>
        finish(() =>
          reject(new Error(`${why} while waiting for ${what}: ${JSON.stringify({ events, failure })}`)),
        )
      const timer = setTimeout(() => fail('Patience ended'), patienceMs)
      const check = () => {
        const found = find()
        if (found !== null) finish(() => resolve(found))
        else if (over) fail('The subscription ended')
      }
      waiting.add(check)
      check()
    })
  }

  return {
    events,
    get failure() {
      return failure
    },
    get completed() {
      return completed
    },
    started,
    ended,
    take: (count) =>
      wait(`${count} events`, () => {
        if (events.length - taken < count) return null
        const from = taken
        taken += count
        return events.slice(from, taken)
      }),
    until: (fits) =>
      wait('an event that fits', () => {
        const index = events.findIndex((event, i) => i >= taken && fits(event))
        if (index === -1) return null
        const from = taken
        taken = index + 1
        return events.slice(from, taken)
      }),
    async stop() {
      await client.dispose()
    },
  }
}
