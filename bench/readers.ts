import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { type Client, createClient } from 'graphql-ws'
import pg from 'pg'
import WebSocket from 'ws'
import { parseIdOf } from '../src/core/ids.ts'
import { option, startParley, withDatabase } from './testbed.ts'

/**
 * `npm run build && npx tsx bench/readers.ts [--seconds 60 --subscriptions 5 --characters 200 --backlog 100000]`:
 * what a client costs that does not read, in memory and in everybody else's delay, while messages are sent as fast as
 * they go; and the memory in which a long backlog is streamed.
 */
const seconds = option('seconds', 60)
const subscriptions = option('subscriptions', 5)
const characters = option('characters', 200)
const backlog = option('backlog', 100_000)
const writers = 4

// biome-ignore lint/suspicious/noExplicitAny: an answer has the shape of whatever was asked.
type Data = any

const Events = `subscription ($after: String) { events(after: $after) { cursor __typename
  ... on MessageEvent { message { id sequence text createdAt author { id displayName } } chat { id unreadCount } } } }`

async function main(databaseUrl: string): Promise<void> {
  const parley = await startParley(databaseUrl, { RATE_LIMITS: 'off', LOG_LEVEL: 'info' })
  const { graphql } = parley
  const run = async (query: string, variables: object, token = ''): Promise<Data> => {
    const response = await fetch(graphql, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
      body: JSON.stringify({ query, variables }),
    })
    return ((await response.json()) as Data).data
  }
  const register = async (name: string) => {
    const { register: payload } = await run(
      `mutation { register(input: { username: "${name}", email: "${name}@example.com", password: "Bench1OnThisMachine" }) {
        ... on RegisterPayload { viewer { user { id } } tokens { accessToken } } } }`,
      {},
    )
    return { token: payload.tokens.accessToken, id: payload.viewer.user.id }
  }
  const [writer, slow, fast] = [await register('writer'), await register('slow'), await register('fast')]
  const { createGroupChat } = await run(
    `mutation { createGroupChat(input: { title: "Bench", memberIds: ["${slow.id}", "${fast.id}"] }) {
      ... on CreateGroupChatPayload { chat { id } } } }`,
    {},
    writer.token,
  )
  const chatId: string = createGroupChat.chat.id
  const cursor = async () => (await run('{ viewer { eventCursor } }', {}, slow.token)).viewer.eventCursor
  const rss = () => {
    const status = readFileSync(`/proc/${parley.pid}/status`, 'utf8')
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024
  }
  const connect = (token: string, webSocketImpl: unknown = WebSocket): Client =>
    createClient({
      url: graphql.replace('http', 'ws'),
      webSocketImpl,
      connectionParams: { authorization: `Bearer ${token}` },
    })

  let sent = 0
  /** Sends for so long; how late the fast reader heard of each, and the most memory meanwhile. */
  const load = async (ms: number) => {
    const delays: number[] = []
    const client = connect(fast.token)
    client.subscribe<Data>(
      { query: Events },
      {
        next: ({ data }) => {
          if (data.events.message !== undefined) {
            delays.push(Date.now() - Date.parse(data.events.message.createdAt))
          }
        },
        error: console.error,
        complete: () => {},
      },
    )
    await delay(500)
    const end = Date.now() + ms
    let peak = 0
    const before = sent
    const send = async () => {
      while (Date.now() < end) {
        const input = { chatId, clientMessageId: `b${++sent}`, text: 'x'.repeat(characters) }
        await run(
          'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { __typename } }',
          { input },
          writer.token,
        )
        peak = Math.max(peak, rss())
      }
    }
    await Promise.all(Array.from({ length: writers }, send))
    await client.dispose()
    delays.sort((a, b) => a - b)
    const at = (share: number) => delays[Math.floor(delays.length * share)]
    return { sent: sent - before, peak: Math.round(peak), p50: at(0.5), p99: at(0.99) }
  }

  await load(5_000)
  console.log('without', await load(seconds * 1_000))
  const sockets: WebSocket[] = []
  const client = connect(
    slow.token,
    class extends WebSocket {
      constructor(url: string, protocols: string) {
        super(url, protocols)
        sockets.push(this)
      }
    },
  )
  for (let i = 0; i < subscriptions; i++) {
    client.subscribe(
      { query: Events, variables: { after: await cursor() } },
      { next() {}, error() {}, complete() {} },
    )
  }
  await delay(500)
  sockets[0]?.pause()
  console.log(
    `with a client that does not read (${subscriptions} subscriptions)`,
    await load(seconds * 1_000),
  )
  console.log('without, again', await load(seconds * 1_000))
  sockets[0]?.terminate()

  const after = await cursor()
  const db = new pg.Client(databaseUrl)
  await db.connect()
  await db.query(
    `WITH last AS (SELECT last_sequence FROM chats WHERE id = $1), m AS (
        INSERT INTO messages (id, chat_id, sequence, author_id, text)
        SELECT gen_random_uuid(), $1, last_sequence + n, $2, repeat('x', $4::int) FROM last, generate_series(1, $3::int) n
        RETURNING id, sequence
      ), c AS (UPDATE chats SET last_sequence = last_sequence + $3 WHERE id = $1)
      INSERT INTO events (kind, chat_id, subject_id, sequence) SELECT 'MESSAGE_ADDED', $1, id, sequence FROM m ORDER BY sequence`,
    [parseIdOf('Chat', chatId), parseIdOf('User', writer.id), backlog, characters],
  )
  await db.query('ANALYZE')
  await db.end()
  const before = rss()
  let peak = before
  let received = 0
  const began = performance.now()
  const reader = connect(slow.token)
  for await (const { data } of reader.iterate<Data>({ query: Events, variables: { after } })) {
    if (data?.events.__typename === 'CaughtUp') break
    if (++received % 100 === 0) peak = Math.max(peak, rss())
  }
  const took = (performance.now() - began) / 1_000
  await reader.dispose()
  console.log(
    `a backlog of ${received} events: ${took.toFixed(1)} s, ${Math.round(received / took)} a second; memory ${Math.round(before)} MB before, ${Math.round(peak)} MB at the most`,
  )
}

await withDatabase(main)
