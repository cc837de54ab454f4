import pg from 'pg'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createDatabase, type Database } from '../../src/db/client.ts'
import { createMemorySignals, type Signals } from '../../src/events/signals.ts'
import { createPostgresSignals } from '../../src/events/signals-postgres.ts'
import { createRedisSignals } from '../../src/events/signals-redis.ts'
import { createTestDatabase, type TestDatabase } from '../testkit/database.ts'
import { createTestRedis, hasRedis } from '../testkit/redis.ts'

let testDatabase: TestDatabase
let database: Database
const disposables: (() => Promise<unknown>)[] = []

beforeEach(async () => {
  testDatabase = await createTestDatabase()
  database = createDatabase({ url: testDatabase.url, onError: () => {} })
})

afterEach(async () => {
  for (const dispose of disposables.splice(0).reverse()) await dispose()
  await database.dispose()
  await testDatabase.dispose()
})

async function openPostgres(): Promise<Signals> {
  const signals = createPostgresSignals({ database, logger: pino({ level: 'silent' }) })
  disposables.push(signals.dispose)
  await new Promise<void>((resolve) => signals.onResumed(resolve))
  return signals
}

async function openRedis(url: string): Promise<Signals> {
  const signals = await createRedisSignals({ url, database, logger: pino({ level: 'silent' }) })
  disposables.push(signals.dispose)
  return signals
}

/** What two processes have; a single process talks to itself. */
const transports: Record<string, () => Promise<readonly [Signals, Signals]>> = {
  memory: async () => {
    const signals = createMemorySignals()
    return [signals, signals]
  },
  postgres: async () => [await openPostgres(), await openPostgres()],
  redis: async () => {
    const redis = await createTestRedis()
    await redis.start()
    disposables.push(redis.stop)
    let statements = 0
    database.onStatement = (sql) => {
      if (sql.includes('pg_notify')) statements++
    }
    // Whatever the test says goes by Redis.
    disposables.push(async () => expect(statements).toBe(0))
    return [await openRedis(redis.url), await openRedis(redis.url)]
  },
}

function listen(signals: Signals, topic: string): { readonly heard: string[]; stop(): void } {
  const heard: string[] = []
  return { heard, stop: signals.subscribe(topic, (payload) => heard.push(payload)) }
}

describe.each(Object.entries(transports))('%s', (name, open) => {
  beforeEach((context) => context.skip(name === 'redis' && !hasRedis, 'There is no redis-server here.'))

  test('a word is heard once by every process, the one that says it included', async () => {
    const [here, there] = await open()
    const [mine, theirs] = [listen(here, 'a'), listen(there, 'a')]
    here.publish('a', 'one')
    expect(mine.heard).toEqual(['one'])
    await vi.waitFor(() => expect(theirs.heard).toEqual(['one']))
    there.publish('a', 'two')
    await vi.waitFor(() => expect(mine.heard).toEqual(['one', 'two']))
    expect(theirs.heard).toEqual(['one', 'two'])
  })

  test('words come in their order, each to its topic', async () => {
    const [here, there] = await open()
    const [even, odd] = [listen(there, 'even'), listen(there, 'odd')]
    for (let i = 0; i < 500; i++) here.publish(i % 2 ? 'odd' : 'even', String(i))
    const all = Array.from({ length: 500 }, (_, i) => i)
    await vi.waitFor(() => expect(odd.heard).toHaveLength(250))
    expect(even.heard).toEqual(all.filter((i) => i % 2 === 0).map(String))
    expect(odd.heard).toEqual(all.filter((i) => i % 2 === 1).map(String))
  })

  test('whoever has stopped listening hears nothing more', async () => {
    const [here, there] = await open()
    const [first, second] = [listen(there, 'a'), listen(there, 'a')]
    here.publish('a', 'one')
    await vi.waitFor(() => expect(second.heard).toEqual(['one']))
    first.stop()
    here.publish('a', 'two')
    await vi.waitFor(() => expect(second.heard).toEqual(['one', 'two']))
    expect(first.heard).toEqual(['one'])
  })

  test('any text of 4,000 bytes as JSON goes, and one byte more does not', async () => {
    const [here, there] = await open()
    const { heard } = listen(there, 'a')
    // Eight bytes stand around the text; a quote and an é take two each.
    const longest = `${'"'.repeat(1_000)}${'é'.repeat(800)}${'x'.repeat(392)}`
    const texts = [longest, `${longest.slice(1)}xx`, 'line\nline', '💬', '']
    for (const text of texts) here.publish('a', text)
    await vi.waitFor(() => expect(heard).toEqual(texts))
    expect(() => here.publish('a', `${longest}x`)).toThrow(RangeError)
  })

  test('what was said just before the end is still heard', async () => {
    const [here, there] = await open()
    const { heard } = listen(there, 'a')
    for (let i = 0; i < 5; i++) here.publish('a', String(i))
    await here.dispose()
    await vi.waitFor(() => expect(heard).toEqual(['0', '1', '2', '3', '4']))
  })
})

test('a process that was cut off says so when it hears again', async () => {
  const [here, there] = [await openPostgres(), await openPostgres()]
  const resumed = new Promise<void>((resolve) => there.onResumed(resolve))
  const { heard } = listen(there, 'a')
  const client = new pg.Client(testDatabase.url)
  await client.connect()
  await client.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'parley signals'`,
  )
  await client.end()
  await resumed
  here.publish('a', 'again')
  await vi.waitFor(() => expect(heard).toEqual(['again']))
})

test('many words take few statements, and what is said again in a moment is said once, last', async () => {
  const [here, there] = [await openPostgres(), await openPostgres()]
  const { heard } = listen(there, 'a')
  let statements = 0
  database.onStatement = (sql) => {
    if (sql.includes('pg_notify')) statements++
  }
  const words = Array.from({ length: 900 }, (_, i) => `${i} ${'x'.repeat(40)}`)
  // The first goes at once.
  here.publish('a', 'first')
  for (const word of ['start', 'stop', 'start', ...words]) here.publish('a', word)
  await vi.waitFor(() => expect(heard).toHaveLength(903))
  expect(heard).toEqual(['first', 'stop', 'start', ...words])
  expect(statements).toBe(2)
})

test('what cannot be said is kept, the latest thousand, in its order', async () => {
  const [here, there] = [await openPostgres(), await openPostgres()]
  const { heard } = listen(there, 'a')
  const { query } = database
  let failures = 0
  Object.assign(database, {
    query: async () => {
      failures++
      throw new Error('The database is away.')
    },
  })
  for (let i = 0; i < 600; i++) here.publish('a', String(i))
  await vi.waitFor(() => expect(failures).toBe(1))
  for (let i = 600; i < 1_500; i++) here.publish('a', String(i))
  Object.assign(database, { query })
  await vi.waitFor(() => expect(heard).toHaveLength(1_000), { timeout: 5_000 })
  expect(heard).toEqual(Array.from({ length: 1_000 }, (_, i) => String(i + 500)))
})
