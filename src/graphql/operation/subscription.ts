import { setTimeout as delay } from 'node:timers/promises'
import type { Following } from '../../events/follow.ts'

/** How often an event is tried that fails although there is a database, over about 1.5 s. */
const eventAttempts = 6
/** Between attempts at the most, in milliseconds. */
const longestPauseMs = 1_000

/** What went wrong with an event on the server: for good, as far as one can tell, or because the database is away. */
export type Failure = 'unavailable' | 'internal'

/** How many events of one subscription are worked on at a time at the most, and what they may cost together. */
const groupSize = 50
const groupCost = 5_000

export type EventSource<Event> = AsyncIterable<Event> & Partial<Pick<Following<Event>, 'takeReady' | 'ended'>>

/**
 * Maps events in order, all that are ready at once: the look-ups of fifty events are gathered into one.
 *
 * Written without a generator, so that `return` reaches the source at once.
 */
export function mapEvents<Event, Result>(
  source: EventSource<Event>,
  options: {
    /** What an event costs, which decides how many are worked on at a time. */
    readonly cost: number
    readonly map: (event: Event) => Promise<Result>
    /** Whether the result has nothing left for the client, such as a chat that they left a moment ago. It is left out. */
    readonly isGone: (result: Result) => boolean
    /**
     * What failed is tried again, as long as the database is away. If it goes on failing otherwise, the stream ends
     * at that event with an error, and so does its source: the client resumes, and the event is not lost.
     */
    readonly failureOf: (result: Result) => Failure | null
  },
): AsyncIterableIterator<Result> {
  const { map, isGone, failureOf } = options
  const size = Math.max(1, Math.min(groupSize, Math.floor(groupCost / options.cost)))
  const iterator = source[Symbol.asyncIterator]()
  let group: { readonly event: Event; readonly mapped: Promise<Result> }[] = []
  let done = false
  const hasEnded = () => source.ended === true

  /** @returns null where it is not for the client (any more) */
  async function finish({ event, mapped }: (typeof group)[number]): Promise<Result | null> {
    let result = await mapped
    for (let attempt = 1; ; attempt++) {
      if (hasEnded() || isGone(result)) return null
      const failure = failureOf(result)
      if (failure === null) return result
      if (failure === 'internal' && attempt >= eventAttempts) {
        throw new Error('An event could not be handed over.')
      }
      await delay(Math.min(25 * 2 ** attempt, longestPauseMs))
      if (hasEnded()) return null
      result = await map(event)
    }
  }

  async function next(): Promise<IteratorResult<Result>> {
    while (!done) {
      if (hasEnded()) group = []
      if (group.length === 0) {
        const first = await iterator.next()
        if (first.done) break
        group = [first.value, ...(source.takeReady?.(size - 1) ?? [])].map((event) => ({
          event,
          mapped: map(event),
        }))
        // Whoever is not waited for yet must not count as unhandled.
        for (const { mapped } of group) mapped.catch(() => {})
      }
      try {
        const front = group.shift()
        const value = front === undefined ? null : await finish(front)
        if (value !== null) return { done: false, value }
      } catch (error) {
        done = true
        group = []
        await iterator.return?.()
        throw error
      }
    }
    return { done: true, value: undefined }
  }
  return {
    next,
    return: async () => {
      group = []
      await iterator.return?.()
      return { done: true, value: undefined }
    },
    throw: async (error) => {
      group = []
      await iterator.throw?.(error)
      throw error
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}
