import { createClient } from 'graphql-ws'
import pg from 'pg'
import WebSocket from 'ws'
import { parseIdOf, toGlobalId } from '../src/core/ids.ts'
import { option, startParley, withDatabase } from './testbed.ts'

/**
 * `npm run build && npx tsx bench/groups.ts [--messages 1000000 --followers 20]`: how long it takes to clear a large
 * group and a large direct chat, and until everybody who follows has heard of 500 new members.
 */
const messages = option('messages', 1_000_000)
const own = option('own', 100_000)
const followers = option('followers', 20)
const newcomers = 500

// biome-ignore lint/suspicious/noExplicitAny: an answer has the shape of whatever was asked.
type Data = any

async function main(databaseUrl: string): Promise<void> {
  const { graphql } = await startParley(databaseUrl, { RATE_LIMITS: 'off' })
  const run = async (query: string, token = '', variables = {}): Promise<Data> => {
    const response = await fetch(graphql, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
      body: JSON.stringify({ query, variables }),
    })
    const { data, errors } = (await response.json()) as Data
    if (errors) throw new Error(JSON.stringify(errors))
    return data
  }
  const register = async (name: string) => {
    const { register: payload } = await run(`mutation { register(input: { username: "${name}",
      email: "${name}@example.com", password: "Bench1OnThisMachine" }) {
      ... on RegisterPayload { viewer { user { id } } tokens { accessToken } } } }`)
    return { token: payload.tokens.accessToken as string, id: payload.viewer.user.id as string }
  }
  const createGroup = async (token: string, memberIds: readonly string[]): Promise<string> => {
    const query = `mutation ($memberIds: [ID!]) { createGroupChat(input: { title: "Bench", memberIds: $memberIds }) {
      ... on CreateGroupChatPayload { chat { id } } } }`
    return (await run(query, token, { memberIds })).createGroupChat.chat.id
  }
  const db = new pg.Client(databaseUrl)
  await db.connect()
  const [alice, bob] = [await register('alice'), await register('bob')]

  const group = await createGroup(alice.token, [bob.id])
  const { createDirectChat } = await run(
    `mutation { createDirectChat(input: { userId: "${bob.id}" }) { ... on CreateDirectChatPayload { chat { id } } } }`,
    alice.token,
  )
  await fill(db, group, alice.id, messages)
  await fill(db, createDirectChat.chat.id, alice.id, own)
  await db.query('VACUUM ANALYZE')
  const clear = async (chatId: string, name: string) => {
    const query = `mutation { clearChat(input: { chatId: "${chatId}" }) { ... on ClearChatPayload { clearedCount } } }`
    const began = performance.now()
    const { clearChat } = await run(query, alice.token)
    const time = (performance.now() - began).toFixed(0)
    console.log(
      `  ${name}: ${clearChat.clearedCount.toLocaleString('en')} messages, answered after ${time} ms`,
    )
  }
  await clear(createDirectChat.chat.id, 'clearing a direct chat of one’s own')
  const began = performance.now()
  await clear(group, 'clearing a group')
  for (;;) {
    const { rows } = await db.query('SELECT 1 FROM chats WHERE purged_through < cleared_through')
    if (rows.length === 0) break
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  console.log(`  and gone from the database after ${((performance.now() - began) / 1000).toFixed(0)} s`)

  await addNewcomers()
  await db.end()

  async function addNewcomers(): Promise<void> {
    const people = []
    for (let i = 0; i < followers; i++) people.push(await register(`follower${i}`))
    const chatId = await createGroup(
      alice.token,
      people.map(({ id }) => id),
    )
    const { rows } = await db.query<{ id: string }>(
      `INSERT INTO users (id, username, username_key, email, email_key, display_name, display_name_key, password_hash)
       SELECT gen_random_uuid(), 'n' || n, 'n' || n, 'n' || n, 'n' || n, 'New', 'new', '' FROM generate_series(1, $1) n
       RETURNING id`,
      [newcomers],
    )
    const query = `subscription { events { __typename ... on MemberAdded {
      chat { id memberCount } member { id role user { id displayName } } } } }`
    const heard = people.map(
      ({ token }) =>
        new Promise<void>((resolve, reject) => {
          let count = 0
          const client = createClient({
            url: graphql.replace('http', 'ws'),
            webSocketImpl: WebSocket,
            connectionParams: { authorization: `Bearer ${token}` },
          })
          const next = ({ data }: Data) => {
            if (data.events.__typename === 'CaughtUp') following++
            if (data.events.__typename === 'MemberAdded' && ++count === newcomers) {
              resolve(client.dispose() as Promise<void>)
            }
          }
          client.subscribe({ query }, { next, error: reject, complete: () => {} })
        }),
    )
    let following = 0
    while (following < followers) await new Promise((resolve) => setTimeout(resolve, 20))
    const start = performance.now()
    const userIds = rows.map(({ id }) => toGlobalId('User', id))
    await run(
      'mutation ($input: AddChatMembersInput!) { addChatMembers(input: $input) { __typename } }',
      alice.token,
      { input: { chatId, userIds } },
    )
    console.log(`  adding ${newcomers} people: answered after ${(performance.now() - start).toFixed(0)} ms`)
    await Promise.all(heard)
    const time = (performance.now() - start).toFixed(0)
    console.log(`  and heard by ${followers} who follow, each of each, after ${time} ms`)
  }
}

async function fill(db: pg.Client, chatId: string, authorId: string, count: number): Promise<void> {
  const id = parseIdOf('Chat', chatId)
  await db.query(
    `INSERT INTO messages (id, chat_id, sequence, author_id, text, client_message_id)
     SELECT gen_random_uuid(), $1, n, $2, 'Message number ' || n, gen_random_uuid()::text FROM generate_series(1, $3) n`,
    [id, parseIdOf('User', authorId), count],
  )
  await db.query('UPDATE chats SET last_sequence = $2 WHERE id = $1', [id, count])
}

await withDatabase(main)
