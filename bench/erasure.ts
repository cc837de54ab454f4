import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { parseIdOf } from '../src/core/ids.ts'
import { option, startParley, withDatabase } from './testbed.ts'

/**
 * `npm run build && npx tsx bench/erasure.ts [--messages 1000000 --chats 10000]`: how long the erasure of a
 * large account takes, and what it does to somebody who sends messages to the same group meanwhile.
 */
const messages = option('messages', 1_000_000)
const chats = option('chats', 10_000)
const perSecond = option('rate', 100)
const password = 'Bench1OnThisMachine'

// biome-ignore lint/suspicious/noExplicitAny: an answer has the shape of whatever was asked.
type Data = any

async function main(databaseUrl: string): Promise<void> {
  const { graphql } = await startParley(databaseUrl, { RATE_LIMITS: 'off' })
  const run = async (query: string, token = ''): Promise<Data> => {
    const response = await fetch(graphql, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
      body: JSON.stringify({ query }),
    })
    return ((await response.json()) as Data).data
  }
  const register = async (name: string) => {
    const { register: payload } = await run(`mutation { register(input: { username: "${name}",
      email: "${name}@example.com", password: "${password}" }) {
      ... on RegisterPayload { viewer { user { id } } tokens { accessToken } } } }`)
    return { token: payload.tokens.accessToken, id: payload.viewer.user.id }
  }
  const [leaving, staying] = [await register('leaving'), await register('staying')]
  const { createGroupChat } = await run(
    `mutation { createGroupChat(input: { title: "Bench", memberIds: ["${leaving.id}"] }) {
      ... on CreateGroupChatPayload { chat { id } } } }`,
    staying.token,
  )
  const chatId: string = createGroupChat.chat.id
  const db = new pg.Client(databaseUrl)
  await db.connect()
  await fill(db, parseIdOf('Chat', chatId) ?? '', parseIdOf('User', leaving.id) ?? '')

  let sent = 0
  /** At a steady rate, each timed from when it was due. */
  const sendUntil = async (isOver: () => Promise<boolean> | boolean): Promise<number[]> => {
    const times: number[] = []
    const pending: Promise<void>[] = []
    for (
      let due = performance.now(), i = 0;
      i % perSecond !== 0 || !(await isOver());
      i++, due += 1000 / perSecond
    ) {
      await delay(Math.max(0, due - performance.now()))
      const began = due
      const send = run(
        `mutation { sendMessage(input: { chatId: "${chatId}", clientMessageId: "b${++sent}", text: "Hello" }) {
          __typename } }`,
        staying.token,
      )
      pending.push(send.then(() => void times.push(performance.now() - began)))
    }
    await Promise.all(pending)
    return times
  }

  const calmUntil = performance.now() + 5_000
  report('before', await sendUntil(() => performance.now() > calmUntil))
  const began = performance.now()
  const erasing = run(
    `mutation { deleteAccount(input: { password: "${password}", messages: ERASE }) { __typename } }`,
    leaving.token,
  ).then(() => console.log(`  answered after ${(performance.now() - began).toFixed(0)} ms`))
  const isDone = async () => {
    await erasing
    return (await db.query('SELECT 1 FROM erasures')).rows.length === 0
  }
  report('meanwhile', await sendUntil(isDone))
  console.log(`  done after ${((performance.now() - began) / 1000).toFixed(0)} s`)
  await db.end()
}

async function fill(db: pg.Client, chatId: string, userId: string): Promise<void> {
  await db.query(
    `INSERT INTO chats (id, kind, title) SELECT gen_random_uuid(), 'GROUP', 'Group ' || n FROM generate_series(1, $1) n`,
    [chats],
  )
  await db.query(
    `INSERT INTO chat_members (id, chat_id, user_id, role) SELECT gen_random_uuid(), c.id, u.id, CASE WHEN u.id = $1 THEN 'OWNER' ELSE 'MEMBER' END::chat_role
     FROM chats c CROSS JOIN users u WHERE c.id <> $2`,
    [userId, chatId],
  )
  await db.query(
    `INSERT INTO messages (id, chat_id, sequence, author_id, text, client_message_id)
     SELECT gen_random_uuid(), $1, n, $2, 'Message number ' || n, n::text FROM generate_series(1, $3) n`,
    [chatId, userId, messages],
  )
  await db.query('UPDATE chats SET last_sequence = $2 WHERE id = $1', [chatId, messages])
  await db.query('VACUUM ANALYZE')
}

function report(name: string, times: number[]): void {
  const sorted = times.toSorted((a, b) => a - b)
  const at = (part: number) => (sorted[Math.floor(sorted.length * part)] ?? Number.NaN).toFixed(1)
  console.log(`  sendMessage ${name.padEnd(10)} p50 ${at(0.5)} ms   p99 ${at(0.99)} ms   of ${sorted.length}`)
}

console.log(
  `An account with ${messages.toLocaleString('en')} messages and ${chats.toLocaleString('en')} groups`,
)
await withDatabase(main)
