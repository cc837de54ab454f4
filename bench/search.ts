import pg from 'pg'
import { toGlobalId, uuidv7 } from '../src/core/ids.ts'
import { createDatabase, type Statement } from '../src/db/client.ts'
import type { Store } from '../src/events/store.ts'
import { listUserMessages, listViewerMessages } from '../src/features/messages/across-chats.ts'
import { searchMessages } from '../src/features/messages/search.ts'
import { seedBulk } from '../src/seed/bulk.ts'
import { option, withDatabase } from './testbed.ts'

/**
 * `npx tsx bench/search.ts [--messages 1000000 --chats 20000 --users 2000 --plans 1]`: how long searches and lists over
 * all chats take the database, for people who see much and little of it, and words that are everywhere, rare, and
 * of long ago. `--plans 1` prints how the database went about it.
 */
const size = {
  users: option('users', 2000),
  chats: option('chats', 20_000),
  messages: option('messages', 1_000_000),
}
const withPlans = option('plans', 0) === 1
const runs = 7

async function main(url: string): Promise<void> {
  await seedBulk({ databaseUrl: url, ...size })
  const client = new pg.Client(url)
  await client.connect()
  await addWords(client)
  const people = await addPeople(client)
  await client.query('VACUUM ANALYZE')

  const database = createDatabase({ url, onError: (error) => console.error(error) })
  let last: { statement: Statement; values: readonly unknown[] } | null = null
  const store = {
    query: (statement: Statement, values: readonly unknown[]) => {
      last = { statement, values }
      return database.query(statement, values)
    },
  } as unknown as Store

  async function measure(name: string, work: () => Promise<{ edges: unknown[] } | undefined>): Promise<void> {
    const times: number[] = []
    let found: number | undefined
    for (let i = 0; i < runs; i++) {
      const began = performance.now()
      found = (await work())?.edges.length
      times.push(performance.now() - began)
    }
    const sorted = times.slice(1).sort((a, b) => a - b)
    const [first, median] = [times[0] ?? 0, sorted[sorted.length >> 1] ?? 0]
    console.log(
      `${name.padEnd(60)} ${String(found).padStart(3)} found ${median.toFixed(1).padStart(7)} ms, first ${first.toFixed(1)} ms`,
    )
    if (!withPlans || last === null) return
    const { statement, values } = last as { statement: Statement; values: unknown[] }
    const { rows } = await client.query(`EXPLAIN (ANALYZE, BUFFERS) ${statement.text}`, values)
    console.log(rows.map((row) => `    ${row['QUERY PLAN']}`).join('\n'))
  }

  const middle = await client.query<{ id: string }>(`SELECT id FROM messages ORDER BY id OFFSET $1 LIMIT 1`, [
    Math.floor(size.messages / 3),
  ])
  const deep = Buffer.from(`vm|${middle.rows[0]?.id}`).toString('base64url')
  for (const [who, userId] of Object.entries(people)) {
    const viewer = { kind: 'user' as const, userId, sessionId: '', expiresAt: 0 }
    for (const query of [
      'meeting',
      'meeting coffee',
      '"meeting coffee"',
      'rareword',
      'seldomword',
      'oldword',
      'noword',
    ]) {
      await measure(`${who}: ${query}`, () => searchMessages(store, viewer, { query }))
    }
    await measure(`${who}: by one author: meeting`, () =>
      searchMessages(store, viewer, { query: 'meeting', authorId: toGlobalId('User', people['busy'] ?? '') }),
    )
    await measure(`${who}: viewer.messages`, () => listViewerMessages(store, viewer, {}))
    await measure(`${who}: viewer.messages, deep`, () =>
      listViewerMessages(store, viewer, { last: 50, before: deep }),
    )
    await measure(`${who}: user.messages`, async () => {
      const { busy = '' } = people
      return (await listUserMessages(store, viewer, [busy], {})).get(busy)
    })
  }
  await database.dispose()
  await client.end()
}

/** In one of 10,000, in one of 200, and in a quarter of the oldest fifth. */
async function addWords(client: pg.Client): Promise<void> {
  await client.query(
    `UPDATE messages m SET text = text || CASE
        WHEN r.part < 0.0001 THEN ' rareword' WHEN r.part < 0.0051 THEN ' seldomword' ELSE ' oldword' END
      FROM (SELECT id, random() AS part, row_number() OVER (ORDER BY id) AS place FROM messages) r
      WHERE r.id = m.id AND (r.part < 0.0051 OR (r.place < $1 AND r.part > 0.75))`,
    [size.messages / 5],
  )
}

/** The busiest of the seed; and three others, in many chats, in quiet ones, and in next to none. */
async function addPeople(client: pg.Client): Promise<Record<string, string>> {
  const { rows } = await client.query<{ user_id: string }>(
    `SELECT user_id FROM chat_members JOIN chats c ON c.id = chat_id
      GROUP BY user_id ORDER BY sum(c.last_sequence) DESC LIMIT 1`,
  )
  const people: Record<string, string> = { busy: rows[0]?.user_id ?? '' }
  const chats: Record<string, string> = {
    'half of all chats': `SELECT id FROM chats ORDER BY random() LIMIT ${size.chats / 2}`,
    'quiet chats': `SELECT id FROM (SELECT id FROM chats ORDER BY last_sequence LIMIT ${Math.floor(size.chats * 0.9)}) c
      ORDER BY random() LIMIT ${size.chats / 20}`,
    'three chats': 'SELECT id FROM chats ORDER BY last_sequence LIMIT 3',
  }
  for (const [name, source] of Object.entries(chats)) {
    const id = uuidv7()
    await client.query(
      `INSERT INTO users (id, username, username_key, email, email_key, display_name, display_name_key, password_hash)
        VALUES ($1::uuid, $1, $1, $1, $1, $1, $1, '')`,
      [id],
    )
    await client.query(
      `INSERT INTO chat_members (id, chat_id, user_id) SELECT gen_random_uuid(), id, $1 FROM (${source}) c`,
      [id],
    )
    people[name] = id
  }
  return people
}

await withDatabase(main)
