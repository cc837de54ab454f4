import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { seedBulk } from '../../src/seed/bulk.ts'
import { seedDemo } from '../../src/seed/demo.ts'
import { startTestApp } from '../testkit/app.ts'
import { createTestDatabase, type TestDatabase } from '../testkit/database.ts'
import { Login, SendMessage } from '../testkit/operations.ts'
import { type Run, run, secret } from './cli.ts'

// Some of these start whole processes.
vi.setConfig({ testTimeout: 60_000 })

let database: TestDatabase
let client: pg.Client

beforeEach(async () => {
  database = await createTestDatabase()
  client = new pg.Client(database.url)
  await client.connect()
})

afterEach(async () => {
  await client.end()
  await database.dispose()
})

function runSeed(...args: string[]): Run {
  return run(['seed', ...args], { env: { DATABASE_URL: database.url, JWT_SECRET: secret } })
}

async function seed(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runSeed(...args).ended
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout
}

const writeDemo = () => seedDemo({ databaseUrl: database.url, when: 'fresh' })
const writeBulk = (users: number, chats: number, messages: number) =>
  seedBulk({ databaseUrl: database.url, users, chats, messages })

// biome-ignore lint/suspicious/noExplicitAny: rows have the shape of whatever was asked.
async function rowsOf(sql: string): Promise<any[]> {
  return (await client.query(sql)).rows
}

async function counts(): Promise<Record<string, number>> {
  const tables = ['users', 'chats', 'chat_members', 'messages', 'events']
  const [row] = await rowsOf(
    `SELECT ${tables.map((name) => `(SELECT count(*)::int FROM ${name}) AS ${name}`)}`,
  )
  return row
}

/** What holds in every database that the server itself has written: each statement finds the rows that break it. */
const invariants = {
  'numbers are dense, and the chat knows the last': `SELECT c.id FROM chats c LEFT JOIN messages m ON m.chat_id = c.id
    GROUP BY c.id HAVING count(m.id) <> c.last_sequence OR coalesce(max(m.sequence), 0) <> c.last_sequence
      OR coalesce(min(m.sequence), 1) <> 1`,
  'the last message is the last activity': `SELECT c.id FROM chats c
    LEFT JOIN messages m ON m.chat_id = c.id AND m.sequence = c.last_sequence
    WHERE c.last_activity_at <> coalesce(m.created_at, c.created_at)`,
  'whoever writes is a member': `SELECT m.id FROM messages m WHERE NOT EXISTS (
    SELECT 1 FROM chat_members x WHERE x.chat_id = m.chat_id AND x.user_id = m.author_id)`,
  'every chat is in the lists of its members': `SELECT m.id FROM chat_members m JOIN chats c ON c.id = m.chat_id
    LEFT JOIN chat_listings l ON l.chat_id = m.chat_id AND l.user_id = m.user_id
    WHERE l.chat_id IS NULL OR c.wide <> (l.activity_at IS NULL) OR l.activity_at <> date_bin('10 seconds', c.last_activity_at, '1970-01-01T00:00:00Z')`,
  'nobody has read what is not written': `SELECT m.id FROM chat_members m JOIN chats c ON c.id = m.chat_id
    WHERE m.last_read_sequence NOT BETWEEN 0 AND c.last_sequence`,
  'time and ids follow the numbers': `SELECT id FROM (SELECT id, created_at,
      lag(created_at) OVER w AS earlier, lag(id) OVER w AS smaller
    FROM messages WINDOW w AS (PARTITION BY chat_id ORDER BY sequence)) m
    WHERE created_at <= earlier OR id <= smaller OR created_at > now()`,
  'ids are of the time of their row': `SELECT id FROM messages
    WHERE ('x' || translate(left(id::text, 13), '-', ''))::bit(48)::bigint <> round(extract(epoch FROM created_at) * 1000)`,
  'things come after what they need': `SELECT m.id FROM messages m JOIN chats c ON c.id = m.chat_id
      JOIN users u ON u.id = m.author_id WHERE c.created_at > m.created_at OR u.created_at > c.created_at`,
  'what is deleted has no text, and all else has': `SELECT id FROM messages WHERE (text IS NULL) <> (deleted_at IS NOT NULL)`,
  'a direct chat is between two, by its key': `SELECT c.id FROM chats c JOIN chat_members m ON m.chat_id = c.id
    GROUP BY c.id HAVING (c.kind = 'DIRECT') <> (c.direct_key IS NOT NULL) OR (c.kind = 'DIRECT') <> (c.title IS NULL)
      OR (c.kind = 'DIRECT' AND c.direct_key <> string_agg(m.user_id::text, ':' ORDER BY m.user_id))`,
  'a group has one owner, a direct chat none': `SELECT c.id FROM chats c JOIN chat_members m ON m.chat_id = c.id
    GROUP BY c.id HAVING count(*) FILTER (WHERE m.role = 'OWNER') <> (CASE c.kind WHEN 'GROUP' THEN 1 ELSE 0 END)`,
}

async function expectInvariants(): Promise<void> {
  for (const [what, sql] of Object.entries(invariants)) expect(await rowsOf(sql), what).toEqual([])
}

describe('the demo data', () => {
  test('is written once', async () => {
    expect(await seed()).toContain('alice, bob or charlie')
    const before = await counts()
    expect(before).toMatchObject({ users: 3, chats: 4 })
    expect(await seed()).toContain('nothing was written')
    expect(await counts()).toEqual(before)
  })

  test('is what the server would have written', async () => {
    await writeDemo()
    await expectInvariants()
  })

  test('has a log that tells all of it, in the order of time', async () => {
    await writeDemo()
    const log = await rowsOf(
      'SELECT position::int, kind, chat_id, actor_id, subject_id, sequence, created_at FROM events ORDER BY position',
    )
    expect(log.map((event) => event.position)).toEqual(log.map((_, index) => index + 1))
    expect(log.map((event) => event.created_at)).toEqual(
      log.map((event) => event.created_at).toSorted((a, b) => a - b),
    )
    const told = (kind: string) => log.filter((event) => event.kind === kind)
    const messages = await rowsOf('SELECT * FROM messages ORDER BY created_at')
    const facts = (time: string) =>
      messages
        .filter((message) => message[time] !== null)
        .map(({ chat_id, id, sequence, ...rest }) => ({
          chat_id,
          actor_id: null,
          subject_id: id,
          sequence,
          created_at: rest[time],
        }))
    const without = (events: object[]) =>
      events.map((event) => ({ ...event, position: undefined, kind: undefined }))
    expect(without(told('MESSAGE_ADDED'))).toEqual(facts('created_at'))
    expect(without(told('MESSAGE_EDITED'))).toEqual(facts('edited_at'))
    expect(without(told('MESSAGE_DELETED'))).toEqual(facts('deleted_at'))
    expect(told('CHAT_CREATED')).toHaveLength(4)
    for (const member of await rowsOf('SELECT * FROM chat_members')) {
      const read = told('CHAT_READ').filter(
        (e) => e.chat_id === member.chat_id && e.actor_id === member.user_id,
      )
      expect(read.at(-1)?.sequence ?? 0).toBe(member.last_read_sequence)
      expect(read.map((event) => event.sequence)).toEqual(
        [...new Set(read.map((event) => event.sequence))].toSorted((a, b) => a - b),
      )
    }
  })

  test('has a chat to page back in, something unread, tombstones, edits and difficult texts', async () => {
    await writeDemo()
    const [facts] =
      await rowsOf(`SELECT max(sequence) AS longest, count(edited_at)::int AS edited, count(deleted_at)::int AS deleted,
      bool_or(text ~ '[א-ת]') AS rtl, bool_or(text LIKE '%<script>%') AS html, bool_or(text LIKE E'%\\n%') AS lines FROM messages`)
    expect(facts).toMatchObject({ rtl: true, html: true, lines: true })
    expect(facts.longest).toBeGreaterThan(60)
    expect(facts.edited).toBeGreaterThan(1)
    expect(facts.deleted).toBeGreaterThan(1)
  })
})

describe('a bulk seed', () => {
  test('is what the server would have written, beside what is there', async () => {
    await writeDemo()
    const demo = await counts()
    const output = await seed('--users', '40', '--chats', '60', '--messages', '3001')
    expect(output).toContain('3,001 of 3,001 messages')
    await writeBulk(3, 2, 0)
    expect(await counts()).toMatchObject({
      users: 3 + 40 + 3,
      chats: 4 + 60 + 2,
      messages: (demo['messages'] ?? 0) + 3001,
      events: demo['events'],
    })
    await expectInvariants()
    const [last] = await rowsOf('SELECT max(username_key) AS name FROM users')
    expect(last.name).toBe('user000043')
  })

  test('has a few busy chats and many quiet ones', async () => {
    await writeBulk(40, 60, 3001)
    const chats = await rowsOf('SELECT last_sequence AS count FROM chats ORDER BY 1 DESC')
    expect(chats[0].count).toBeGreaterThan(3001 / 10)
    expect(chats[30].count).toBeLessThan(3001 / 60)
    expect(chats[30].count).toBeGreaterThan(0)
  })

  test('makes one user alone a place to write to', async () => {
    await writeBulk(1, 3, 10)
    expect(await counts()).toMatchObject({ users: 1, chats: 3, chat_members: 3, messages: 10 })
    await expectInvariants()
  })

  test('interrupted, it leaves nothing', async () => {
    const seeding = runSeed('--users', '1000', '--chats', '1000', '--messages', '2000000')
    await seeding.says(/1,000 of 1,000 users/)
    seeding.child.kill('SIGINT')
    expect(await seeding.ended).toMatchObject({ code: 130, stderr: '' })
    expect(await counts()).toEqual({ users: 0, chats: 0, chat_members: 0, messages: 0, events: 0 })
  })

  test('makes users who log in, and whose messages are known when they are sent again', async () => {
    await writeBulk(2, 1, 20)
    const app = await startTestApp({ database })
    try {
      const [user] = await rowsOf('SELECT username FROM users JOIN messages ON author_id = users.id LIMIT 1')
      const input = { identifier: user.username, password: 'Password123' }
      const { login } = await app.anonymous.run(Login, { input })
      const viewer = app.client(login.tokens.accessToken)
      const { viewer: mine } = await viewer.run(
        '{ viewer { chats(first: 1) { edges { node { id messages(last: 20) { edges { node { text clientMessageId } } } } } } } }',
      )
      const [{ node: chat }] = mine.chats.edges
      const { node: sent } = chat.messages.edges.find(
        (edge: { node: { clientMessageId: string | null } }) => edge.node.clientMessageId !== null,
      )
      const { sendMessage } = await viewer.run(SendMessage, { input: { chatId: chat.id, ...sent } })
      expect(sendMessage).toMatchObject({ deduplicated: true })
    } finally {
      await app.dispose()
    }
  })
})
