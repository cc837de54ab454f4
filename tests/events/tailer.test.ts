import pg from 'pg'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { uuidv7 } from '../../src/core/ids.ts'
import { createDatabase, type Database } from '../../src/db/client.ts'
import { createTailer, type Tailer } from '../../src/events/tailer.ts'
import { createTestDatabase, type TestDatabase } from '../testkit/database.ts'

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

async function connect(): Promise<pg.Client> {
  const client = new pg.Client(testDatabase.url)
  await client.connect()
  disposables.push(() => client.end())
  return client
}

async function append(client: pg.Client): Promise<number> {
  const { rows } = await client.query(
    `INSERT INTO events (kind, user_id) VALUES ('SESSION_REVOKED', $1) RETURNING position`,
    [uuidv7()],
  )
  return Number(rows[0].position)
}

/** A tailer, and the positions that it has handed over. */
async function tail(options: { batchSize?: number } = {}): Promise<{ tailer: Tailer; seen: number[] }> {
  const seen: number[] = []
  const tailer = await createTailer({
    database,
    logger: pino({ level: 'silent' }),
    onHeldBack: () => {},
    onLost: () => {},
    onBatch: async (events) => {
      seen.push(...events.map((event) => event.position))
    },
    pollMs: 5,
    ...options,
  })
  disposables.push(() => tailer.dispose())
  return { tailer, seen }
}

/** Resolves once the tailer has looked at a hole and found somebody who may yet fill it. */
async function untilBlocked(): Promise<void> {
  let looks = 0
  await new Promise<void>((resolve) => {
    database.onStatement = (sql) => {
      if (sql.includes('pg_locks') && ++looks === 3) resolve()
    }
  })
  database.onStatement = null
}

test('a position that commits after a later one is waited for', async () => {
  const { tailer, seen } = await tail()
  const [slow, fast, other] = [await connect(), await connect(), await connect()]
  await slow.query('BEGIN')
  const first = await append(slow)
  const second = await append(fast)
  await untilBlocked()
  // Transactions that end meanwhile move every snapshot's bounds past the slow one's id as it was seen
  // from the fast one: bounds of snapshots alone do not tell that the hole is still coming.
  for (let i = 0; i < 3; i++) await other.query('SELECT pg_current_xact_id()')
  await untilBlocked()
  expect(seen).toEqual([])
  await slow.query('COMMIT')
  await tailer.reached(second)
  expect(seen).toEqual([first, second])
})

test('a position whose transaction was rolled back is passed', async () => {
  const { tailer, seen } = await tail()
  const [undone, fast] = [await connect(), await connect()]
  await undone.query('BEGIN')
  await append(undone)
  const second = await append(fast)
  await untilBlocked()
  await undone.query('ROLLBACK')
  await tailer.reached(second)
  expect(seen).toEqual([second])
})

test('a long transaction that appends nothing holds nobody up', async () => {
  const { tailer, seen } = await tail()
  const [long, undone, fast] = [await connect(), await connect(), await connect()]
  await long.query('BEGIN')
  await long.query('SELECT pg_current_xact_id()')
  await undone.query('BEGIN')
  await append(undone)
  await undone.query('ROLLBACK')
  const position = await append(fast)
  await tailer.reached(position)
  expect(seen).toEqual([position])
  await long.query('ROLLBACK')
})

test('what was on its way when the tailer started is handed over', async () => {
  const [early, later] = [await connect(), await connect()]
  await early.query('BEGIN')
  const first = await append(early)
  const second = await append(later)
  const starting = tail()
  await untilBlocked()
  await early.query('COMMIT')
  const { tailer, seen } = await starting
  // Committed before the tailer was ready: behind its horizon, for resuming readers to find.
  expect(tailer.horizon).toBe(second)
  const third = await append(later)
  await tailer.reached(third)
  expect(seen).toEqual([third])
  expect(first).toBeLessThan(second)
})

test('many writers with delays and rollbacks: nothing lost, repeated or out of order', async () => {
  const { tailer, seen } = await tail({ batchSize: 50 })
  const committed: number[] = []
  const writers = await Promise.all(Array.from({ length: 12 }, connect))
  await Promise.all(
    writers.map(async (client, writer) => {
      for (let round = 0; round < 60; round++) {
        await client.query('BEGIN')
        const positions: number[] = []
        for (let i = 0; i <= (writer + round) % 3; i++) positions.push(await append(client))
        await client.query('SELECT pg_sleep(random() * 0.004)')
        if ((writer * 7 + round) % 5 === 0) await client.query('ROLLBACK')
        else {
          await client.query('COMMIT')
          committed.push(...positions)
        }
      }
    }),
  )
  const end = await append(writers[0] as pg.Client)
  await tailer.reached(end)
  expect(seen).toEqual([...committed, end].sort((a, b) => a - b))
})

test('a batch that fails is handed over again', async () => {
  const seen: number[] = []
  let failures = 2
  const tailer = await createTailer({
    database,
    logger: pino({ level: 'silent' }),
    onHeldBack: () => {},
    onLost: () => {},
    onBatch: async (events) => {
      if (events.length > 0 && failures-- > 0) throw new Error('not now')
      seen.push(...events.map((event) => event.position))
    },
    pollMs: 5,
  })
  disposables.push(() => tailer.dispose())
  const position = await append(await connect())
  await tailer.reached(position)
  expect(seen).toEqual([position])
})
