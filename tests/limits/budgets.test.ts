import { randomBytes } from 'node:crypto'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createDatabase } from '../../src/db/client.ts'
import type { Budget, Budgets } from '../../src/limits/budgets.ts'
import { createPostgresBudgets, pruneBudgets } from '../../src/limits/postgres.ts'
import { createRedisBudgets } from '../../src/limits/redis.ts'
import { createTestDatabase } from '../testkit/database.ts'
import { createTestRedis, hasRedis } from '../testkit/redis.ts'

interface Place {
  /** As two processes have them. */
  readonly here: Budgets
  readonly there: Budgets
  pass(ms: number): Promise<void>
  dispose(): Promise<void>
}

async function openPostgres(): Promise<Place & { database: ReturnType<typeof createDatabase> }> {
  const { url, dispose } = await createTestDatabase()
  const open = () =>
    createDatabase({
      url,
      onError: (error) => {
        throw error
      },
    })
  const [database, other] = [open(), open()]
  return {
    database,
    here: createPostgresBudgets(database.query),
    there: createPostgresBudgets(other.query),
    async pass(ms) {
      await database.prisma
        .$executeRaw`UPDATE rate_limits SET free_at = free_at - ${ms} * interval '1 millisecond'`
    },
    async dispose() {
      await Promise.all([database.dispose(), other.dispose()])
      await dispose()
    },
  }
}

async function openRedis(): Promise<Place> {
  const redis = await createTestRedis()
  await redis.start()
  const open = () => createRedisBudgets({ url: redis.url, logger: pino({ level: 'silent' }) })
  const [here, there] = [await open(), await open()]
  return {
    here,
    there,
    pass: redis.pass,
    async dispose() {
      await Promise.all([here.dispose(), there.dispose()])
      await redis.stop()
    },
  }
}

const minute = 60_000
const newBudget = (burst: number, intervalMs = minute): Budget => ({
  key: new Uint8Array(randomBytes(32)),
  burst,
  intervalMs,
})

for (const { where, open, missing } of [
  { where: 'Postgres', open: openPostgres, missing: false },
  { where: 'Redis', open: openRedis, missing: !hasRedis },
]) {
  describe.skipIf(missing)(`budgets in ${where}`, () => {
    let place: Place
    beforeAll(async () => {
      place = await open()
    })
    afterAll(() => place.dispose())

    const takeOne = async (budget: Budget, budgets = place.here) => (await budgets.take([budget]))[0] ?? 0
    const takeMany = async (budget: Budget, count: number) => {
      const waits: number[] = []
      for (let i = 0; i < count; i++) waits.push(await takeOne(budget))
      return waits
    }
    const some = expect.toSatisfy((wait) => wait > 0)

    test('a burst is let through and not one more, which is told when it will be', async () => {
      const budget = newBudget(5)
      const began = performance.now()
      expect(await takeMany(budget, 5)).toEqual([0, 0, 0, 0, 0])
      const wait = await takeOne(budget)
      expect(wait).toBeLessThanOrEqual(minute)
      expect(wait).toBeGreaterThanOrEqual(minute - (performance.now() - began) - 2)
    })

    test('a refusal takes nothing', async () => {
      const budget = newBudget(1)
      await takeOne(budget)
      const waits = await takeMany(budget, 5)
      expect(Math.max(...waits)).toBeLessThanOrEqual(minute)
    })

    test('what it is told to wait for is there then, and not before', async () => {
      const budget = newBudget(3)
      await takeMany(budget, 3)
      const wait = await takeOne(budget)
      await place.pass(wait - 10_000)
      const rest = await takeOne(budget)
      expect(rest).toBeLessThanOrEqual(10_000)
      await place.pass(rest)
      expect(await takeOne(budget)).toBe(0)
      expect(await takeOne(budget)).toBeGreaterThan(minute - 10_000)
    })

    test('one comes back after another, and no more than the burst are saved up', async () => {
      const budget = newBudget(3)
      await takeMany(budget, 3)
      await place.pass(2 * minute)
      expect(await takeMany(budget, 3)).toEqual([0, 0, some])
      await place.pass(100 * minute)
      expect(await takeMany(budget, 4)).toEqual([0, 0, 0, some])
    })

    test('of several none is taken where one is used up', async () => {
      const [narrow, wide] = [newBudget(1), newBudget(3)]
      expect(await place.here.take([narrow, wide])).toEqual([0, 0])
      for (let i = 0; i < 5; i++) {
        expect(await place.here.take([narrow, wide])).toEqual([some, 0])
      }
      expect(await takeMany(wide, 3)).toEqual([0, 0, some])
    })

    test('what is given back can be taken again, and a budget that is whole gains nothing', async () => {
      const budget = newBudget(2)
      await takeMany(budget, 2)
      await place.here.giveBack([budget])
      expect(await takeMany(budget, 2)).toEqual([0, some])
      for (let i = 0; i < 5; i++) await place.here.giveBack([budget, newBudget(2)])
      expect(await takeMany(budget, 3)).toEqual([0, 0, some])
    })

    test('two processes share it', async () => {
      const budget = newBudget(2)
      expect([await takeOne(budget), await takeOne(budget, place.there)]).toEqual([0, 0])
      expect(await takeOne(budget)).toBeGreaterThan(0)
      expect(await takeOne(budget, place.there)).toBeGreaterThan(0)
    })

    test('of many at once exactly a burst gets through, and the others take nothing', async () => {
      const [narrow, wide] = [newBudget(10), newBudget(30)]
      const all = await Promise.all(
        Array.from({ length: 60 }, (_, i) => (i % 2 ? place.here : place.there).take([wide, narrow])),
      )
      expect(all.filter((waits) => waits.every((wait) => wait === 0))).toHaveLength(10)
      expect(Math.max(...all.flat())).toBeLessThanOrEqual(minute)
      expect((await takeMany(wide, 21)).filter((wait) => wait === 0)).toHaveLength(20)
    })
  })
}

test('what others use up in the very moment is refused, and nothing else is taken', async () => {
  const { here, database, dispose } = await openPostgres()
  const [first, last] = [newBudget(3), newBudget(1)].map((budget, i) => {
    budget.key[0] = i
    return budget
  }) as [Budget, Budget]
  let late: Promise<number[][]> | undefined
  // The row is written and not committed yet: to the others it looks free, and they wait for it.
  await database.prisma.$transaction(async (tx) => {
    await tx.$executeRaw`INSERT INTO rate_limits VALUES (${last.key}, now() + interval '1 minute')`
    late = Promise.all(Array.from({ length: 3 }, () => here.take([first, last])))
    while ((await countWaiting()) < 3) await new Promise(setImmediate)
  })
  expect(await late).toEqual(Array(3).fill([0, minute]))
  for (let i = 0; i < 3; i++) expect(await here.take([first])).toEqual([0])
  expect((await here.take([first]))[0]).toBeGreaterThan(0)
  await dispose()

  async function countWaiting(): Promise<number> {
    const [row] = await database.query<{ count: string }>(
      {
        name: 'test_waiting',
        text: `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      },
      [],
    )
    return Number(row?.count)
  }
})

test('rows of budgets that are whole again are deleted, others stay', async () => {
  const place = await openPostgres()
  const { here, database } = place
  await here.take([newBudget(1, 1_000), newBudget(1, 1_000), newBudget(1, 100 * minute)])
  await place.pass(2_000)
  expect(await pruneBudgets(database.query)).toBe(false)
  expect(await database.prisma.rateLimit.count()).toBe(1)
  await place.dispose()
})
