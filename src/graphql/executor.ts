import { setTimeout as delay } from 'node:timers/promises'
import { createSourceEventStream, type ExecutionArgs, type ExecutionResult, execute } from 'graphql'
import type { Following } from '../events/follow.ts'

/** How often an event is tried that fails although there is a database, over about 1.5 s. */
const eventAttempts = 6
/** Between attempts at the most, in milliseconds. */
const longestPauseMs = 1_000

/** Runs operations. */
export interface Executor {
  execute(args: ExecutionArgs): Promise<ExecutionResult> | ExecutionResult
  /**
   * @param finish sees each result before the client does
   * @param failed whether a result says that something went wrong on the server: for good and all, as far as one can
   * tell, or because the database is away. The event is tried again then, as long as the database is away; if it goes
   * on failing otherwise the stream ends with an error, so that the client resumes: handing over the failure in the
   * event's place would lose the event.
   * @param gone whether it says that what the event speaks of is not for the client any more, such as a chat that they
   * left a moment ago. The event is left out then: another one tells of that.
   * @param cost of one event, by which is decided how many are worked on at a time
   */
  subscribe(
    args: ExecutionArgs,
    finish: (result: ExecutionResult) => ExecutionResult,
    failed: (result: ExecutionResult) => Failure | null,
    gone: (result: ExecutionResult) => boolean,
    cost: number,
  ): Promise<AsyncIterableIterator<ExecutionResult> | ExecutionResult>
}

export type Failure = 'unavailable' | 'internal'

export function createExecutor(): Executor {
  return {
    execute,
    async subscribe(args, finish, failed, gone, cost) {
      const events = await createSourceEventStream(args)
      if (!(Symbol.asyncIterator in events)) return finish(events)
      const size = Math.max(1, Math.min(groupSize, Math.floor(groupCost / cost)))
      return mapInGroups(
        events as Source<unknown>,
        size,
        async (event) => finish(await execute({ ...args, rootValue: event })),
        { gone, failed },
      )
    },
  }
}

/** How many events of one subscription are worked on at a time at the most, and what they may cost together. */
const groupSize = 50
const groupCost = 5_000

type Source<Value> = AsyncIterable<Value> & Partial<Pick<Following<Value>, 'takeReady' | 'ended'>>

/**
 * Maps in order, and what is ready without waiting all at once: look-ups of fifty events are gathered into one. What
 * is gone is left out. What failed is tried again when it is that event's turn; a failure for good ends the stream, and
 * its source, at that event: what comes behind it is handed over when the client resumes.
 *
 * Without a generator of its own, so that `return` reaches the source at once.
 */
function mapInGroups<In, Out>(
  source: Source<In>,
  size: number,
  map: (value: In) => Promise<Out>,
  { gone, failed }: { gone: (mapped: Out) => boolean; failed: (mapped: Out) => Failure | null },
): AsyncIterableIterator<Out> {
  const iterator = source[Symbol.asyncIterator]()
  let group: { readonly value: In; readonly mapped: Promise<Out> }[] = []
  let done = false
  const hasEnded = () => source.ended === true

  /** @returns null where it is not for the client (any more) */
  async function finish({ value, mapped }: (typeof group)[number]): Promise<Out | null> {
    let result = await mapped
    for (let attempt = 1; ; attempt++) {
      if (hasEnded() || gone(result)) return null
      const failure = failed(result)
      if (failure === null) return result
      if (failure === 'internal' && attempt >= eventAttempts) {
        throw new Error('An event could not be handed over.')
      }
      await delay(Math.min(25 * 2 ** attempt, longestPauseMs))
      if (hasEnded()) return null
      result = await map(value)
    }
  }

  async function next(): Promise<IteratorResult<Out>> {
    while (!done) {
      if (hasEnded()) group = []
      if (group.length === 0) {
        const first = await iterator.next()
        if (first.done) break
        group = [first.value, ...(source.takeReady?.(size - 1) ?? [])].map((value) => ({
          value,
          mapped: map(value),
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
