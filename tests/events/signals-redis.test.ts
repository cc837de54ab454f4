import { createClient } from '@redis/client'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createDatabase, type Database } from '../../src/db/client.ts'
import type { Signals } from '../../src/events/signals.ts'
import { createPostgresSignals } from '../../src/events/signals-postgres.ts'
import { createRedisSignals } from '../../src/events/signals-redis.ts'
import { createTestDatabase } from '../testkit/database.ts'
import { createTestProxy } from '../testkit/proxy.ts'
import { createTestRedis, hasRedis, type TestRedis } from '../testkit/redis.ts'

vi.setConfig({ testTimeout: 60_000 })

const disposables: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const dispose of disposables.splice(0).reverse()) await dispose()
})

async function openDatabase(): Promise<Database> {
  const testDatabase = await createTestDatabase()
  const database = createDatabase({ url: testDatabase.url, onError: () => {} })
  disposables.push(testDatabase.dispose, database.dispose)
  return database
}

interface Process {
  readonly signals: Signals
  readonly heard: string[]
  readonly logs: string[]
  resumed: number
}

function observe(signals: Signals, logs: string[]): Process {
  disposables.push(signals.dispose)
  const heard: string[] = []
  signals.subscribe('a', (payload) => heard.push(payload))
  const process = { signals, heard, logs, resumed: 0 }
  signals.onResumed(() => process.resumed++)
  return process
}

const loggerInto = (logs: string[]) =>
  pino({ level: 'info' }, { write: (line: string) => logs.push(JSON.parse(line).msg) })

async function open(url: string, database: Database): Promise<Process> {
  const logs: string[] = []
  return observe(await createRedisSignals({ url, database, logger: loggerInto(logs) }), logs)
}

/** How long it takes for a word to get there, in milliseconds. */
async function timeOf(word: string, from: Process, to: Process): Promise<number> {
  const began = performance.now()
  from.signals.publish('a', word)
  await vi.waitFor(() => expect(to.heard).toContain(word), { timeout: 10_000, interval: 5 })
  return performance.now() - began
}

/** Says words until one goes by Redis. */
async function untilRedisIsUsed({ signals }: Process): Promise<void> {
  const client = createClient({ url: redis.url })
  await client.connect()
  let passed = 0
  await client.pSubscribe('parley:signals:*', () => passed++)
  await vi.waitFor(
    () => {
      signals.publish('elsewhere', '')
      expect(passed).toBeGreaterThan(0)
    },
    { timeout: 15_000, interval: 100 },
  )
  client.destroy()
}

let redis: TestRedis

describe.skipIf(!hasRedis)('signals while Redis comes and goes', () => {
  let database: Database
  beforeEach(async () => {
    redis = await createTestRedis()
    disposables.push(redis.stop)
    database = await openDatabase()
  })

  test('start without it, go by Postgres, and take to it when it is there', async () => {
    const [here, there] = [await open(redis.url, database), await open(redis.url, database)]
    expect(here.logs).toEqual([expect.stringContaining('Redis is away')])
    expect(await timeOf('early', here, there)).toBeLessThan(1_000)
    await redis.start()
    await vi.waitFor(() => expect(there.logs.at(-1)).toContain('again'), { timeout: 5_000 })
    await untilRedisIsUsed(here)
    await timeOf('later', here, there)
    expect(there.heard).toEqual(['early', 'later'])
  })

  test('a word is delayed by less than a second when it stops, and it is used when it is back', async () => {
    await redis.start()
    const [here, there] = [await open(redis.url, database), await open(redis.url, database)]
    await timeOf('before', here, there)
    await redis.stop()
    expect(await timeOf('during', here, there)).toBeLessThan(1_000)
    expect(await timeOf('back', there, here)).toBeLessThan(1_000)
    const { resumed } = there
    await redis.start()
    await vi.waitFor(() => expect(there.logs).toHaveLength(2), { timeout: 5_000 })
    expect(there.logs).toEqual([
      expect.stringContaining('Redis is away'),
      expect.stringContaining('by Redis again'),
    ])
    await vi.waitFor(() => expect(there.resumed).toBeGreaterThan(resumed), { timeout: 5_000 })
    await untilRedisIsUsed(here)
    expect(await timeOf('after', here, there)).toBeLessThan(1_000)
    expect(there.heard).toEqual(['before', 'during', 'back', 'after'])
  })

  test('where it freezes words come in time, in order and once, also when it wakes', async () => {
    await redis.start()
    const [here, there] = [await open(redis.url, database), await open(redis.url, database)]
    redis.freeze()
    expect(await timeOf('one', here, there)).toBeLessThan(1_000)
    expect(await timeOf('two', here, there)).toBeLessThan(1_000)
    redis.thaw()
    await untilRedisIsUsed(here)
    await timeOf('three', here, there)
    expect(there.heard).toEqual(['one', 'two', 'three'])
  })

  test('a connection that is silent for long is given up for a new one', async () => {
    await redis.start()
    const proxy = await createTestProxy(redis.url)
    disposables.push(proxy.dispose)
    const here = await open(proxy.url, database)
    proxy.silence()
    await vi.waitFor(() => expect(here.logs.at(-1)).toContain('away'), { timeout: 5_000 })
    await vi.waitFor(() => expect(here.logs.at(-1)).toContain('again'), { timeout: 15_000 })
  })

  test('where one process alone cannot reach it, the others speak to it by Postgres', async () => {
    await redis.start()
    const proxy = await createTestProxy(redis.url)
    disposables.push(proxy.dispose)
    const [here, cut] = [await open(redis.url, database), await open(proxy.url, database)]
    await timeOf('before', here, cut)
    const { resumed } = cut
    proxy.freeze()
    // A moment after it has told the others.
    await vi.waitFor(() => expect(cut.resumed).toBeGreaterThan(resumed), { timeout: 5_000 })
    expect(cut.logs).toHaveLength(1)
    // Longer than one notice holds.
    for (let i = 0; i < 30; i++) {
      expect(await timeOf(`word ${i}`, here, cut)).toBeLessThan(1_000)
      await database.query({ text: 'SELECT pg_sleep(0.1)' }, [])
    }
    expect(here.logs).toEqual([])
    proxy.thaw()
    await untilRedisIsUsed(here)
    await timeOf('after', here, cut)
    expect(cut.heard).toEqual(['before', ...Array.from({ length: 30 }, (_, i) => `word ${i}`), 'after'])
  })

  test('two databases on one Redis do not hear each other', async () => {
    await redis.start()
    const other = await openDatabase()
    const [here, stranger] = [await open(redis.url, database), await open(redis.url, other)]
    const there = await open(redis.url, database)
    await timeOf('ours', here, there)
    await timeOf('theirs', stranger, stranger)
    await timeOf('ours again', here, there)
    expect(stranger.heard).toEqual(['theirs'])
    expect(there.heard).toEqual(['ours', 'ours again'])
  })
})

test('a listening connection that says nothing any more is replaced', async () => {
  const database = await openDatabase()
  const proxy = await createTestProxy(database.url)
  disposables.push(proxy.dispose)
  const open = async (url: string) => {
    const process = observe(
      createPostgresSignals({ database: { ...database, url }, logger: loggerInto([]) }),
      [],
    )
    await vi.waitFor(() => expect(process.resumed).toBe(1), { timeout: 5_000 })
    return process
  }
  const [here, there] = [await open(database.url), await open(proxy.url)]
  proxy.silence()
  await vi.waitFor(() => expect(there.resumed).toBe(2), { timeout: 5_000 })
  await timeOf('heard', here, there)
})

test('what strangers say on the channel does no harm', async () => {
  const database = await openDatabase()
  const process = observe(createPostgresSignals({ database, logger: loggerInto([]) }), [])
  await vi.waitFor(() => expect(process.resumed).toBe(1), { timeout: 5_000 })
  for (const words of ['', 'hello', '{}', 'null', '{"words":1}']) {
    await database.query({ text: `SELECT pg_notify('parley_signals', $1)` }, [words])
  }
  const other = observe(createPostgresSignals({ database, logger: loggerInto([]) }), [])
  await timeOf('still here', other, process)
})
