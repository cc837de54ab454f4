import pg from 'pg'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { uuidv7 } from '../../src/core/ids.ts'
import { createDatabase, type Database } from '../../src/db/client.ts'
import type { EventKind, LogEvent } from '../../src/events/event.ts'
import { type FollowOptions, follow } from '../../src/events/follow.ts'
import { createHub, type Hub } from '../../src/events/hub.ts'
import { createLogReader } from '../../src/events/reader.ts'
import { createTailer, type Tailer } from '../../src/events/tailer.ts'
import { createTestDatabase, type TestDatabase } from '../testkit/database.ts'

let testDatabase: TestDatabase
let database: Database
let hub: Hub<LogEvent>
let tailer: Tailer
/** How often the log was read on behalf of a reader. */
let logReads = 0

const userId = uuidv7()
const kinds: ReadonlySet<EventKind> = new Set(['SESSION_REVOKED'])
const hydrate = async (events: readonly LogEvent[]) => new Map(events.map((event) => [event.position, event]))

const sizeOf = () => 100

beforeEach(async () => {
  testDatabase = await createTestDatabase()
  database = createDatabase({ url: testDatabase.url, onError: () => {} })
  logReads = 0
  database.onStatement = (sql) => {
    if (sql.includes('FROM events') && sql.includes('CROSS JOIN LATERAL')) logReads++
  }
  hub = createHub({ database, hydrate })
  tailer = await createTailer({
    database,
    logger: pino({ level: 'silent' }),
    onHeldBack: () => {},
    onLost: () => {},
    onBatch: hub.route,
    pollMs: 5,
  })
})

afterEach(async () => {
  await tailer.dispose()
  await database.dispose()
  await testDatabase.dispose()
})

/** Events that concern the user, in one transaction. @returns the position of the last */
async function append(count: number): Promise<number> {
  const text = `INSERT INTO events (kind, user_id) SELECT 'SESSION_REVOKED', $1 FROM generate_series(1, $2::int) RETURNING position`
  const rows = await database.query<{ position: string }>({ name: `append_${count}`, text }, [userId, count])
  return Number(rows.at(-1)?.position)
}

function read(after: number | null, options: Partial<FollowOptions<LogEvent>> = {}) {
  return follow<LogEvent>({
    hub,
    reader: createLogReader(database),
    hydrate,
    sizeOf,
    userId,
    chatId: null,
    kinds,
    after,
    caughtUp: null,
    lifetime: () => () => {},
    ...options,
  })
}

async function take(events: AsyncIterator<LogEvent>, count: number): Promise<number[]> {
  const positions: number[] = []
  while (positions.length < count) positions.push((await events.next()).value.position)
  return positions
}

const upTo = (end: number) => Array.from({ length: end }, (_, i) => i + 1)

test('a reader that falls behind its backlog reads the log instead, and misses nothing', async () => {
  const events = read(0, { maxBacklog: 10, pageSize: 7 })
  await append(1)
  expect(await take(events, 1)).toEqual([1])
  const before = logReads
  // Nobody takes anything while forty batches arrive.
  for (let i = 0; i < 40; i++) await tailer.reached(await append(5))
  expect(await take(events, 200)).toEqual(upTo(201).slice(1))
  expect(logReads).toBeGreaterThan(before)
  await tailer.reached(await append(3))
  expect(await take(events, 3)).toEqual([202, 203, 204])
  await events.return?.()
})

test('a reader that was quiet for longer than the log goes back, and then falls behind, goes on', async () => {
  const events = read(0, { maxBacklog: 10, pageSize: 7 })
  await append(1)
  expect(await take(events, 1)).toEqual([1])
  const next = events.next()
  // Of others, and all of it gone since.
  await database.query({ text: `SELECT setval('events_position_seq', 999)` }, [])
  await database.query({ text: `INSERT INTO events (kind, user_id) VALUES ('SESSION_REVOKED', $1)` }, [
    uuidv7(),
  ])
  await tailer.reached(1000)
  await database.query({ text: `UPDATE event_log SET pruned_through = 1000` }, [])
  await tailer.reached(await append(40))
  const positions = [(await next).value.position, ...(await take(events, 39))]
  expect(positions).toEqual(Array.from({ length: 40 }, (_, i) => 1001 + i))
})

test('a log that is long and has little for the reader is read in few steps, and none is left out', async () => {
  const expected: number[] = []
  for (let i = 0; i < 5; i++) {
    await database.query({ text: `SELECT setval('events_position_seq', ${i * 1_000_000 + 1})` }, [])
    const last = await append(3)
    expected.push(last - 2, last - 1, last)
  }
  await tailer.reached(expected.at(-1) ?? 0)
  const before = logReads
  expect(await take(read(0), 15)).toEqual(expected)
  expect(logReads - before).toBeLessThan(10)
})

test('a reader that the log does not reach back to is told', async () => {
  await tailer.reached(await append(5))
  await database.query({ text: `UPDATE event_log SET pruned_through = 3` }, [])
  await expect(read(2).next()).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' })
  expect(await take(read(3), 2)).toEqual([4, 5])
})

test('what waits is bounded in bytes, too, and fewer are got ready at a time where they are long', async () => {
  const events = read(0, { sizeOf: () => 30_000, maxBacklogBytes: 300_000 })
  await append(1)
  expect(await take(events, 1)).toEqual([1])
  const before = logReads
  // Ten fit.
  for (const { count, reads } of [
    { count: 10, reads: 0 },
    { count: 11, reads: 1 },
  ]) {
    const last = await append(count)
    await tailer.reached(last)
    expect(events.waiting.bytes).toBeLessThanOrEqual(300_000)
    let position = 0
    while (position < last) {
      position = (await events.next()).value.position
      const ready = events.takeReady(50)
      expect(ready.length).toBeLessThan(reads === 0 ? 3 : 50)
      position = ready.at(-1)?.position ?? position
    }
    expect(logReads - before).toBe(reads)
  }
})

test('a reader waits while the database is away', async () => {
  const { query } = database
  let failures = 0
  await append(3)
  const away = async () => {
    failures++
    throw Object.assign(new Error('away'), { code: 'ECONNREFUSED' })
  }
  const events = read(0)
  Object.assign(database, { query: away })
  const first = events.next()
  await vi.waitFor(() => expect(failures).toBeGreaterThan(1))
  Object.assign(database, { query })
  expect((await first).value.position).toBe(1)
  expect(await take(events, 2)).toEqual([2, 3])
})

test('a reader that keeps up never reads the log again', async () => {
  const events = read(0)
  await append(1)
  await take(events, 1)
  const before = logReads
  for (let i = 0; i < 20; i++) {
    await append(5)
    await take(events, 5)
  }
  expect(logReads).toBe(before)
  await events.return?.()
})

test('readers that come while batches are on their way see each event once', async () => {
  const readers: AsyncIterableIterator<LogEvent>[] = []
  const reading: Promise<number[]>[] = []
  for (let i = 0; i < 60; i++) {
    await append(3)
    if (i % 3 > 0) continue
    const events = read(0, { maxBacklog: 20, pageSize: 11 })
    readers.push(events)
    reading.push(take(events, 180))
  }
  for (const positions of await Promise.all(reading)) expect(positions).toEqual(upTo(180))
  expect(hub.stats).toEqual({ users: 1, listeners: readers.length })
  await Promise.all(readers.map((events) => events.return?.()))
  expect(hub.stats).toEqual({ users: 0, listeners: 0 })
})

test('readers that are cut and resumed among rollbacks and delays lose, repeat and reorder nothing', async () => {
  const committed: number[] = []
  const writers = await Promise.all(
    Array.from({ length: 8 }, async () => {
      const client = new pg.Client(testDatabase.url)
      await client.connect()
      return client
    }),
  )
  const insert = `INSERT INTO events (kind, user_id) VALUES ('SESSION_REVOKED', $1) RETURNING position`
  const writing = Promise.all(
    writers.map(async (client, writer) => {
      for (let round = 0; round < 40; round++) {
        await client.query('BEGIN')
        const { rows } = await client.query(insert, [userId])
        await client.query('SELECT pg_sleep(random() * 0.004)')
        const undone = (writer + round) % 4 === 0
        await client.query(undone ? 'ROLLBACK' : 'COMMIT')
        if (!undone) committed.push(Number(rows[0].position))
      }
    }),
  )
  const total = 8 * 40 * 0.75
  const readAll = async (step: number) => {
    const seen: number[] = []
    while (seen.length < total) {
      const events = read(seen.at(-1) ?? 0, { maxBacklog: 8, pageSize: 5 })
      seen.push(...(await take(events, Math.min(step, total - seen.length))))
      await events.return?.()
    }
    return seen
  }
  const [, ...readers] = await Promise.all([writing, readAll(1), readAll(7), readAll(50), readAll(total)])
  committed.sort((a, b) => a - b)
  for (const seen of readers) expect(seen).toEqual(committed)
  await Promise.all(writers.map((client) => client.end()))
})

test('a reader that is ended while it waits is freed at once', async () => {
  const events = read(0)
  await append(1)
  await take(events, 1)
  const next = events.next()
  await events.return?.()
  expect(await next).toEqual({ done: true, value: undefined })
  expect(hub.stats.listeners).toBe(0)
})
