import pg from 'pg'
import { uuidv7 } from '../src/core/ids.ts'
import type { Statement } from '../src/db/client.ts'
import { chatsBackward, chatsForward, summariesStatement } from '../src/features/chats/lists.ts'
import { totalUnread } from '../src/features/chats/unread.ts'
import { option, withDatabase } from './testbed.ts'

/**
 * `npx tsx bench/chat-list.ts [--chats 10000 --messages 300000 --authors 5000] [--plans]`: what the list of chats costs for somebody with
 * a hundred and with so many, what unread counts cost where so many messages behind the read position do not count,
 * and what the members' lists add to sending. Plans are the generic ones that prepared statements come to use.
 */
const many = option('chats', 10_000)
const messages = option('messages', 300_000)
const authors = option('authors', 5_000)

const nil = '00000000-0000-0000-0000-000000000000'
const rounds = 30

async function main(databaseUrl: string): Promise<void> {
  const db = new pg.Client(databaseUrl)
  await db.connect()
  await db.query('SET plan_cache_mode = force_generic_plan')
  await addUsers(db, 'user', many)
  for (const size of [100, many]) await measureList(db, size)
  await measureUnread(db)
  await measureSends(db)
  await db.end()
}

async function addUsers(db: pg.Client, name: string, count: number): Promise<void> {
  await db.query(
    `INSERT INTO users (id, username, username_key, email, email_key, display_name, display_name_key, password_hash)
      SELECT gen_random_uuid(), $1 || n, $1 || n, $1 || n, $1 || n, $1 || ' ' || n, $1 || n, '' FROM generate_series(1, $2::int) n`,
    [name, count],
  )
}

async function addViewer(db: pg.Client, name: string): Promise<string> {
  await addUsers(db, name, 1)
  const { rows } = await db.query('SELECT id FROM users WHERE username = $1', [`${name}1`])
  return rows[0].id
}

/** Of a hundred chats one has sixty members, the others two; each has five messages, and a hundred are unread. */
async function measureList(db: pg.Client, size: number): Promise<void> {
  const viewer = await addViewer(db, `viewer_of_${size}_`)
  await db.query(
    `CREATE TEMP TABLE made AS SELECT n, gen_random_uuid() AS id, now() - n * interval '1 minute' AS at, n % 100 = 0 AS wide
      FROM generate_series(1, ${size}) n`,
  )
  await db.query(
    `INSERT INTO chats (id, kind, last_sequence, last_activity_at) SELECT id, CASE WHEN wide THEN 'GROUP' ELSE 'DIRECT' END::chat_kind, 5, at FROM made`,
  )
  await db.query(
    `INSERT INTO chat_members (id, chat_id, user_id, last_read_sequence)
      SELECT gen_random_uuid(), id, $1::uuid, CASE WHEN n <= 100 THEN 2 ELSE 5 END FROM made
      UNION ALL
      SELECT gen_random_uuid(), m.id, u.id, 5 FROM made m
      JOIN (SELECT id, row_number() OVER () - 1 AS i FROM users WHERE id <> $1) u
        ON (u.i - m.n) % ${many} BETWEEN 0 AND CASE WHEN m.wide THEN 58 ELSE 0 END`,
    [viewer],
  )
  await db.query(
    `INSERT INTO messages (id, chat_id, sequence, author_id, text)
      SELECT gen_random_uuid(), made.id, s, m.user_id, 'Hello' FROM made CROSS JOIN generate_series(1, 5) s
      CROSS JOIN LATERAL (SELECT user_id FROM chat_members WHERE chat_id = made.id AND user_id <> $1 LIMIT 1) m`,
    [viewer],
  )
  await db.query('VACUUM ANALYZE')
  const { rows: all } = await db.query(
    'SELECT id, last_activity_at AS at FROM made JOIN chats USING (id) ORDER BY at DESC, id DESC',
  )
  const deep = all[Math.floor(size * 0.7)]
  console.log(`\n${size.toLocaleString('en')} chats`)
  const page = (after: [unknown, string], before: [unknown, string]) => [viewer, ...after, ...before, 21]
  const open: [[string, string], [string, string]] = [
    ['infinity', nil],
    ['1970-01-01T00:00:00Z', nil],
  ]
  await report(db, 'first page', chatsForward, page(...open))
  await report(db, 'deep page', chatsForward, page([deep.at, deep.id], open[1]))
  await report(db, 'backwards from there', chatsBackward, page(open[0], [deep.at, deep.id]))
  await report(db, 'backwards from the end', chatsBackward, page(...open))
  const hundred = all.slice(0, 100).map(({ id }) => id)
  await report(db, 'summaries of a hundred', summariesStatement, [viewer, hundred, true, true, true])
  await report(db, 'viewer.unreadCount', totalUnread, [viewer])
  await db.query('UPDATE chat_members SET last_read_sequence = 5 WHERE user_id = $1', [viewer])
  await db.query('VACUUM ANALYZE chat_members')
  await report(db, 'the same, nothing unread', totalUnread, [viewer])
  await db.query('DROP TABLE made')
}

/** One chat each, in which the viewer has read nothing. */
async function measureUnread(db: pg.Client): Promise<void> {
  const viewer = await addViewer(db, 'reader')
  const { rows: others } = await db.query('SELECT id FROM users WHERE id <> $1 LIMIT $2', [viewer, authors])
  const crowd = others.map(({ id }) => id)
  const bob = crowd[0]
  console.log(`\nUnread among ${messages.toLocaleString('en')}`)
  const cases: [string, string[], deleted: boolean, last: string][] = [
    ['of somebody else', [bob], false, bob],
    ['own ones and one other', [viewer], false, bob],
    ['deleted ones and one other', [bob], true, bob],
    [`own ones, ${authors} others read`, crowd, false, viewer],
  ]
  for (const [name, from, deleted, last] of cases) {
    const chatId = uuidv7()
    await db.query("INSERT INTO chats (id, kind) VALUES ($1, 'GROUP')", [chatId])
    await db.query('INSERT INTO chat_members (id, chat_id, user_id) VALUES ($1, $2, $3)', [
      uuidv7(),
      chatId,
      viewer,
    ])
    const write = async (writers: string[], count: number, isDeleted: boolean) => {
      const { rows } = await db.query(
        'UPDATE chats SET last_sequence = last_sequence + $2 WHERE id = $1 RETURNING last_sequence',
        [chatId, count],
      )
      await db.query(
        `INSERT INTO messages (id, chat_id, sequence, author_id, text, deleted_at)
          SELECT (lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000000)::bigint + n), 16, '0') || repeat('0', 16))::uuid,
            $1, $2::int + n, ($3::uuid[])[1 + n % cardinality($3)], 'Hello', CASE WHEN $5 THEN now() END FROM generate_series(1, $4::int) n`,
        [chatId, rows[0].last_sequence - count, writers, count, isDeleted],
      )
    }
    if (last === viewer) {
      await write(from, authors, deleted)
      await db.query('UPDATE chat_members SET last_read_sequence = $2 WHERE chat_id = $1', [chatId, authors])
      await write([viewer], messages, false)
    } else {
      await write(from, messages, deleted)
      await write([last], 1, false)
    }
    await db.query('VACUUM ANALYZE messages')
    await report(db, name, summariesStatement, [viewer, [chatId], false, false, true])
  }
}

/** What the first message of ten seconds does to the chat's row, with the lists of so many members behind it. */
async function measureSends(db: pg.Client): Promise<void> {
  console.log('\nMoving a chat to the front')
  const touch = 'UPDATE chats SET last_activity_at = last_activity_at + $2::interval WHERE id = $1'
  for (const size of [2, 20, 50, 100, 200]) {
    const chatId = uuidv7()
    await db.query("INSERT INTO chats (id, kind) VALUES ($1, 'GROUP')", [chatId])
    await db.query(
      'INSERT INTO chat_members (id, chat_id, user_id) SELECT gen_random_uuid(), $1, id FROM (SELECT id FROM users LIMIT $2) u',
      [chatId, size],
    )
    await db.query('UPDATE chats SET wide = false WHERE id = $1', [chatId])
    for (const [name, step] of [
      ['in the same ten seconds', '0 seconds'],
      ['in the next ten seconds', '10 seconds'],
    ]) {
      const times: number[] = []
      for (let i = 0; i < 1_000; i++) {
        times.push(await timed(() => db.query({ name: 'touch', text: touch, values: [chatId, step] })))
      }
      console.log(`  ${size} members, ${name}`.padEnd(34), summaryOf(times))
    }
  }
}

async function report(db: pg.Client, name: string, statement: Statement, values: unknown[]): Promise<void> {
  const times: number[] = []
  for (let i = 0; i < rounds; i++) times.push(await timed(() => db.query({ ...statement, values })))
  const literals = values.map((value) => db.escapeLiteral(toText(value))).join(', ')
  const { rows } = await db.query(`EXPLAIN (ANALYZE, BUFFERS) EXECUTE ${statement.name}(${literals})`)
  const plan = rows.map((row) => row['QUERY PLAN'])
  const buffers = /Buffers: shared hit=(\d+)/.exec(plan.join('\n'))?.[1]
  console.log(`  ${name}`.padEnd(34), summaryOf(times), `  ${buffers} blocks`)
  if (process.argv.includes('--plans')) console.log(plan.map((line) => `      ${line}`).join('\n'))
}

function toText(value: unknown): string {
  if (Array.isArray(value)) return `{${value.join(',')}}`
  return value instanceof Date ? value.toISOString() : String(value)
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

function summaryOf(times: number[]): string {
  const sorted = times.toSorted((a, b) => a - b)
  const at = (part: number) => (sorted[Math.floor(sorted.length * part)] ?? Number.NaN).toFixed(2).padStart(7)
  return `p50 ${at(0.5)} ms   p95 ${at(0.95)} ms`
}

await withDatabase(main)
