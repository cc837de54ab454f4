import pg from 'pg'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { createDirectChat, sendMessage } from '../testkit/chats.ts'
import type { Data } from '../testkit/client.ts'
import { EventCursor, MessageAdded } from '../testkit/operations.ts'

const Events = 'subscription ($after: String) { events(after: $after) { __typename cursor } }'
const Poll = `query ($after: String!) { viewer { events(after: $after, first: 100) {
  edges { cursor node { __typename } } pageInfo { endCursor hasNextPage } } } }`

let app: TestApp
let alice: TestUser
let bob: TestUser
let chatId: string
let admin: pg.Client
const disposables: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  app = await startTestApp()
  ;[alice, bob] = [await app.register('alice'), await app.register('bob')]
  chatId = await createDirectChat(alice, bob.id)
  admin = new pg.Client(app.database.url)
  await admin.connect()
})
afterEach(async () => {
  for (const dispose of disposables.splice(0).reverse()) await dispose()
})
afterAll(async () => {
  await admin.end()
  await app.dispose()
})

const cursorOf = async (user: TestUser): Promise<string> => (await user.run(EventCursor)).viewer.eventCursor

/** Makes whatever is in the log older than any retention, and starts a process that has one. */
async function pruneAll(): Promise<TestApp> {
  await admin.query(`UPDATE events SET created_at = created_at - interval '1 day'`)
  const other = await startTestApp({ database: app.database, config: { eventRetentionSeconds: 3_600 } })
  disposables.push(other.dispose)
  await vi.waitFor(async () => expect(await count()).toBe(0))
  return other
}

async function count(): Promise<number> {
  const { rows } = await admin.query(`SELECT count(*)::int FROM events WHERE kind <> 'LOG_EPOCH'`)
  return rows[0].count
}

/** The code with which a subscription and a poll are refused. */
async function refusals(user: TestUser, after: string): Promise<unknown[]> {
  const client = user.socket()
  const codes: unknown[] = []
  for (const query of [Events, MessageAdded]) {
    await new Promise<void>((resolve) =>
      client.subscribe<Data>(
        { query, variables: { after } },
        {
          next: (result) => codes.push(result),
          error: (errors) => {
            codes.push((errors as Data)[0]?.extensions?.code ?? errors)
            resolve()
          },
          complete: resolve,
        },
      ),
    )
  }
  // Both came over one socket: the first refusal left it open.
  await client.dispose()
  codes.push((await user.send(Poll, { after })).errors[0]?.extensions['code'])
  return codes
}

test('a cursor from before the retention has expired, for subscriptions and polls; one of now has not', async () => {
  const old = await cursorOf(bob)
  const last = bob.subscribe(MessageAdded, { after: old })
  await sendMessage(alice, chatId, 'missed for good')
  // From the event: a process that lags behind its log gives an older cursor, and rightly.
  const newest = (await last.take(1))[0].messageAdded.cursor
  await last.stop()
  const other = await pruneAll()
  const there = { ...bob, ...other.client(bob.token) }
  for (const user of [bob, there]) {
    await vi.waitFor(async () => expect(await refusals(user, old)).toEqual(Array(3).fill('CURSOR_EXPIRED')))
  }
  // Nothing is missing behind the last entry, though it is gone, too.
  const live = bob.subscribe(MessageAdded, { after: newest })
  await live.started
  await sendMessage(alice, chatId, 'later')
  const [event] = await live.take(1)
  expect(event.messageAdded.message.text).toBe('later')
  await live.stop()
  const fresh = await cursorOf(there)
  expect((await there.run(Poll, { after: fresh })).viewer.events.edges).toEqual([])
})

test('the oldest go, what is younger stays, and whoever is between resumes', async () => {
  await pruneAll()
  const sent: { sequence: number }[] = []
  const live = bob.subscribe(MessageAdded, { after: await cursorOf(bob) })
  for (let i = 0; i < 3; i++) sent.push(await sendMessage(alice, chatId, `${i}`))
  const after = (await live.take(3))[2].messageAdded.cursor
  await live.stop()
  for (let i = 3; i < 6; i++) sent.push(await sendMessage(alice, chatId, `${i}`))
  await admin.query(
    `UPDATE events SET created_at = created_at - interval '1 day'
      WHERE (sequence <= $1 AND kind = 'MESSAGE_ADDED') OR kind = 'LOG_EPOCH'`,
    [sent[2]?.sequence],
  )
  const other = await startTestApp({ database: app.database, config: { eventRetentionSeconds: 3_600 } })
  disposables.push(other.dispose)
  await vi.waitFor(async () => expect(await count()).toBe(3))
  const { viewer } = await bob.run(Poll, { after })
  expect(viewer.events.edges).toHaveLength(3)
})

test('of several processes one prunes, and none waits for another', async () => {
  for (let i = 0; i < 5; i++) await sendMessage(alice, chatId, `${i}`)
  await admin.query(`UPDATE events SET created_at = created_at - interval '1 day'`)
  await admin.query('BEGIN')
  await admin.query('SELECT * FROM event_log FOR UPDATE')
  const config = { eventRetentionSeconds: 3_600 }
  const others = await Promise.all([1, 2].map(() => startTestApp({ database: app.database, config })))
  // They have started, they look at the log, and they answer while somebody holds it.
  for (const other of others) {
    disposables.push(other.dispose)
    expect((await other.client(bob.token).run(EventCursor)).viewer.eventCursor).toBeTruthy()
  }
  expect(await count()).toBeGreaterThan(0)
  await admin.query('COMMIT')
  const last = await startTestApp({ database: app.database, config })
  disposables.push(last.dispose)
  await vi.waitFor(async () => expect(await count()).toBe(0))
  for (const other of [...others, last]) expect(other.logs).toEqual([])
})

test.each([0, 10])(
  'a log that is restored in place and goes on by %d entries ends subscriptions, and old cursors with them',
  async (others) => {
    const alone = await startTestApp()
    disposables.push(alone.dispose)
    const [dora, emil] = [await alone.register('dora'), await alone.register('emil')]
    const chat = await createDirectChat(dora, emil.id)
    const client = new pg.Client(alone.database.url)
    await client.connect()
    disposables.push(() => client.end())
    // What a restore does: the tables are made anew and filled, the sequence goes back to where it was then.
    await client.query('CREATE TABLE dump AS TABLE events')
    const before = await cursorOf(emil)
    const closed = vi.fn()
    const socket = emil.socket({ onClosed: closed })
    const results: Data[] = []
    socket.subscribe<Data>(
      { query: MessageAdded, variables: { after: before } },
      { next: (result) => results.push(result.data), error: () => {}, complete: () => {} },
    )
    await sendMessage(dora, chat, 'one')
    await sendMessage(dora, chat, 'two')
    await vi.waitFor(() => expect(results).toHaveLength(2))
    const after = results[1].messageAdded.cursor
    await client.query(`BEGIN`)
    await client.query(`
    TRUNCATE events;
    INSERT INTO events SELECT * FROM dump;
    SELECT setval('events_position_seq', (SELECT max(position) FROM dump));
    DELETE FROM messages; UPDATE chats SET last_sequence = 0;
    INSERT INTO events (kind, chat_id) SELECT 'CHAT_RENAMED', id FROM chats, generate_series(1, ${others});`)
    await client.query('COMMIT')
    await vi.waitFor(() => expect(closed).toHaveBeenCalled())
    expect(closed.mock.calls[0]?.[0]).toMatchObject({ code: 1013 })
    await socket.dispose()
    expect(await refusals(emil, after)).toEqual(Array(3).fill('CURSOR_EXPIRED'))
    expect(alone.logs).toMatchObject([{ msg: expect.stringContaining('beginning anew') }])
    // What a client does then.
    const live = emil.subscribe(MessageAdded, { after: await cursorOf(emil) })
    await live.started
    await sendMessage(dora, chat, 'another one')
    const [event] = await live.take(1)
    expect(event.messageAdded.message).toMatchObject({ text: 'another one', sequence: 1 })
    await live.stop()
  },
)

test('a table of events that is made anew makes old cursors foreign, although its numbers go on', async () => {
  const alone = await startTestApp()
  disposables.push(alone.dispose)
  const user = await alone.register('user')
  const old = await cursorOf(user)
  const client = new pg.Client(alone.database.url)
  await client.connect()
  disposables.push(() => client.end())
  await client.query(`BEGIN;
    CREATE TABLE restored (LIKE events INCLUDING ALL);
    INSERT INTO restored SELECT * FROM events;
    ALTER SEQUENCE events_position_seq OWNED BY restored.position;
    DROP TABLE events; ALTER TABLE restored RENAME TO events;
    COMMIT`)
  await vi.waitFor(async () => expect(await refusals(user, old)).toEqual(Array(3).fill('CURSOR_EXPIRED')))
  const { viewer } = await user.run(Poll, { after: await cursorOf(user) })
  expect(viewer.events.edges).toEqual([])
})

test('what a restored copy does not know is refused, and what it knows is not, however alike it looks', async () => {
  const before = await startTestApp()
  disposables.push(() => before.database.dispose())
  const { database } = before
  const [dora, emil] = [await before.register('dora'), await before.register('emil')]
  const chat = await createDirectChat(dora, emil.id)
  const early = await cursorOf(emil)
  await sendMessage(dora, chat, 'in the copy')
  await before.app.dispose()
  const client = new pg.Client(database.url)
  await client.connect()
  disposables.push(() => client.end())
  // A copy of the whole database, as a backup of its files is: the same identity, the same numbers.
  const tables = ['events', 'log_epochs', 'messages']
  for (const table of tables) await client.query(`CREATE TABLE copy_of_${table} AS TABLE ${table}`)
  const { rows } = await client.query('SELECT last_value FROM events_position_seq')

  const after = await startTestApp({ database })
  const user = { ...emil, ...after.client(emil.token) }
  for (let i = 0; i < 20; i++) await sendMessage(after.client(dora.token), chat, `lost ${i}`)
  const live = user.subscribe(MessageAdded, { after: early })
  const lost = (await live.take(21))[20].messageAdded.cursor
  await live.stop()
  await after.app.dispose()

  for (const table of tables) {
    await client.query(`DELETE FROM ${table}`)
    const { rows: columns } = await client.query(
      `SELECT column_name FROM information_schema.columns WHERE table_name = $1 AND is_generated = 'NEVER'`,
      [table],
    )
    const names = columns.map(({ column_name }) => column_name).join(', ')
    await client.query(`INSERT INTO ${table} (${names}) SELECT ${names} FROM copy_of_${table}`)
  }
  await client.query(`SELECT setval('events_position_seq', $1)`, [rows[0].last_value])
  await client.query('UPDATE chats SET last_sequence = 1')

  const again = await startTestApp({ database })
  disposables.push(again.dispose)
  const back = { ...emil, ...again.client(emil.token) }
  for (let i = 0; i < 40; i++) await sendMessage(again.client(dora.token), chat, `new ${i}`)
  expect(await refusals(back, lost)).toEqual(Array(3).fill('CURSOR_EXPIRED'))
  const resumed = back.subscribe(MessageAdded, { after: early })
  const texts = (await resumed.take(41)).map(({ messageAdded }) => messageAdded.message.text)
  expect(texts).toEqual(['in the copy', ...Array.from({ length: 40 }, (_, i) => `new ${i}`)])
  await resumed.stop()
})
