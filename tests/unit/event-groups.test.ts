import { expect, test } from 'vitest'
import { mapEvents } from '../../src/graphql/operation/subscription.ts'

/** Events that are all there at once. */
function createSource(count: number) {
  const left = Array.from({ length: count }, (_, i) => ({ event: i + 1 }))
  const source = {
    returned: false,
    ended: false,
    taken: [] as number[],
    takeReady(limit: number) {
      source.taken.push(limit)
      return left.splice(0, limit)
    },
    async next() {
      const value = left.shift()
      return value === undefined || source.ended
        ? { done: true as const, value: undefined }
        : { done: false as const, value }
    },
    async return() {
      source.returned = true
      return { done: true as const, value: undefined }
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
  return source
}

interface Result {
  readonly event: number
}

function follow(
  source: ReturnType<typeof createSource>,
  options: { failsAt?: number; goneAt?: number; cost?: number; isAwayAt?: (event: number) => boolean } = {},
) {
  const results = mapEvents<Result, Result>(source, {
    cost: options.cost ?? 1,
    map: async (event) => event,
    isGone: ({ event }) => event === options.goneAt,
    failureOf({ event }) {
      if (options.isAwayAt?.(event)) return 'unavailable'
      return event === options.failsAt ? 'internal' : null
    },
  })
  return { next: async () => (await results.next()).value?.event, results }
}

test('what is ready is worked on together, as far as its cost allows, and handed over in order', async () => {
  for (const [cost, size] of [
    [1, 50],
    [100, 50],
    [1_000, 5],
    [10_000, 1],
  ] as const) {
    const source = createSource(7)
    const { next } = follow(source, { cost })
    const seen = []
    for (let i = 0; i < 8; i++) seen.push(await next())
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, undefined])
    expect(source.taken[0]).toBe(size - 1)
  }
})

test('what is gone is left out', async () => {
  const { next } = follow(createSource(3), { goneAt: 2 })
  expect([await next(), await next(), await next()]).toEqual([1, 3, undefined])
})

test('an event that goes on failing ends the stream and its source: nothing behind it is handed over', async () => {
  const source = createSource(5)
  const { next, results } = follow(source, { failsAt: 3 })
  expect([await next(), await next()]).toEqual([1, 2])
  await expect(results.next()).rejects.toThrow('could not be handed over')
  expect(source.returned).toBe(true)
  expect(await results.next()).toEqual({ done: true, value: undefined })
})

test('while the database is away an event waits, longer than a failure of another kind is put up with', async () => {
  const source = createSource(3)
  let attempts = 0
  const { next } = follow(source, { isAwayAt: (event) => event === 2 && ++attempts < 8 })
  expect([await next(), await next(), await next(), await next()]).toEqual([1, 2, 3, undefined])
  expect(attempts).toBe(8)
})

test('an event that waits for the database is let go when the client goes', async () => {
  const source = createSource(3)
  const { next } = follow(source, { isAwayAt: (event) => event === 1 })
  const first = next()
  source.ended = true
  expect(await first).toBeUndefined()
})

test('what was worked on when the source ended is not handed over', async () => {
  const source = createSource(5)
  const { next } = follow(source)
  expect(await next()).toBe(1)
  source.ended = true
  expect(await next()).toBeUndefined()
})
