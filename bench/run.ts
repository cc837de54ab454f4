import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import autocannon from 'autocannon'
import pg from 'pg'
import { parseIdOf } from '../src/core/ids.ts'
import { startEmbeddedPostgres } from '../src/db/embedded.ts'
import { migrate } from '../src/db/migrations.ts'

/**
 * `npm run bench`: Parley against the same statements behind a bare `node:http`, in one run on one
 * database, turn by turn, so that whatever else the machine does meets both. Prints requests per second
 * and the ratio of the medians. `npm run bench -- --seconds 2 --rounds 1` for a quick look.
 */
const option = (name: string, fallback: number): number => {
  const index = process.argv.indexOf(`--${name}`)
  return index === -1 ? fallback : Number(process.argv[index + 1])
}
const seconds = option('seconds', 5)
const rounds = option('rounds', 3)
const connections = option('connections', 16)

const secret = 'a secret for benchmarks on this machine only'
const children: ChildProcess[] = []

async function main(): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'parley-bench-'))
  const postgres = await startEmbeddedPostgres({ dataDir })
  try {
    await migrate(postgres.url)
    await compare(postgres.url)
  } finally {
    for (const child of children) child.kill('SIGTERM')
    await Promise.all(children.map((child) => child.exitCode ?? once(child, 'exit')))
    await postgres.dispose()
    rmSync(dataDir, { recursive: true, force: true })
  }
}

async function compare(databaseUrl: string): Promise<void> {
  const [port, barePort] = [await freePort(), await freePort()]
  await startServer(['dist/main.js', 'serve'], 'listening|ready|Parley', {
    NODE_ENV: 'production',
    DATABASE_URL: databaseUrl,
    JWT_SECRET: secret,
    PORT: String(port),
    LOG_LEVEL: 'info',
  })
  const graphql = `http://127.0.0.1:${port}/graphql`
  const { token, userId, chatId, globalChatId } = await prepare(graphql, databaseUrl)
  await startServer(
    ['--import', 'tsx', 'bench/bare.ts', databaseUrl, String(barePort), userId, chatId],
    'ready',
    { NODE_ENV: 'production' },
  )
  const bare = `http://127.0.0.1:${barePort}`
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
  const pageBody = JSON.stringify({ query: pageQuery, variables: { id: globalChatId } })
  const sendBody = (n: number) =>
    JSON.stringify({
      query: sendMutation,
      variables: { input: { chatId: globalChatId, clientMessageId: `p${n}`, text } },
    })
  await report('a page of 50 messages with their authors', {
    bare: () => load(`${bare}/page`, {}, () => '{}'),
    parley: () => load(graphql, headers, () => pageBody),
  })
  await report('sendMessage', {
    bare: () => load(`${bare}/send`, {}, (n) => JSON.stringify({ text, clientMessageId: `b${n}` })),
    parley: () => load(graphql, headers, sendBody),
  })
}

const text = 'A message of the usual length: a line or two, with an emoji 🙂 and some punctuation.'

const pageQuery = `query Page($id: ID!) { chat(id: $id) { id title messages(last: 50) {
  edges { cursor node { id sequence text createdAt editedAt deletedAt author { id username displayName } } } } } }`

const sendMutation = `mutation Send($input: SendMessageInput!) { sendMessage(input: $input) {
  ... on SendMessagePayload { deduplicated message { id sequence createdAt } } ... on UserError { code } } }`

interface Load {
  readonly perSecond: number
  readonly p99: number
}

let sent = 0

async function load(
  url: string,
  headers: Record<string, string>,
  body: (n: number) => string,
): Promise<Load> {
  const result = await autocannon({
    url,
    connections,
    duration: seconds,
    method: 'POST',
    headers,
    requests: [{ setupRequest: (request) => ({ ...request, body: body(++sent) }) }],
  })
  if (result.non2xx > 0 || result.errors > 0) {
    throw new Error(`${url}: ${result.non2xx} answers were not 2xx, ${result.errors} failed.`)
  }
  return { perSecond: result.requests.average, p99: result.latency.p99 }
}

/** Turn by turn; the first turn of each warms up and does not count. */
async function report(
  name: string,
  sides: { bare: () => Promise<Load>; parley: () => Promise<Load> },
): Promise<void> {
  const results = { bare: [] as Load[], parley: [] as Load[] }
  for (let round = 0; round <= rounds; round++) {
    for (const side of ['bare', 'parley'] as const) {
      const result = await sides[side]()
      if (round > 0) results[side].push(result)
    }
  }
  const of = (side: 'bare' | 'parley', key: keyof Load) => median(results[side].map((each) => each[key]))
  const ratio = of('parley', 'perSecond') / of('bare', 'perSecond')
  console.log(`\n${name}, ${connections} connections, ${rounds} rounds of ${seconds} s`)
  for (const side of ['bare', 'parley'] as const) {
    console.log(
      `  ${side.padEnd(7)} ${of(side, 'perSecond').toFixed(0).padStart(6)} requests/s   p99 ${of(side, 'p99')} ms`,
    )
  }
  console.log(`  ratio   ${ratio.toFixed(2).padStart(6)}`)
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

/** An account, a group of twenty, and ten thousand messages in it. */
async function prepare(graphql: string, databaseUrl: string) {
  const post = async (query: string, token?: string) => {
    const response = await fetch(graphql, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
      body: JSON.stringify({ query }),
    })
    return (await response.json()) as { data: Record<string, never> }
  }
  const registered = await post(`mutation { register(input: { username: "bench", email: "bench@example.com",
    password: "Bench1OnThisMachine" }) { ... on RegisterPayload { viewer { user { id } } tokens { accessToken } } } }`)
  const { viewer, tokens } = registered.data['register'] as unknown as {
    viewer: { user: { id: string } }
    tokens: { accessToken: string }
  }
  const created = await post(
    `mutation { createGroupChat(input: { title: "Bench" }) { ... on CreateGroupChatPayload { chat { id } } } }`,
    tokens.accessToken,
  )
  const { chat } = created.data['createGroupChat'] as unknown as { chat: { id: string } }
  const userId = parseIdOf('User', viewer.user.id) ?? ''
  const chatId = parseIdOf('Chat', chat.id) ?? ''
  const client = new pg.Client(databaseUrl)
  await client.connect()
  await client.query(`INSERT INTO users (id, username, username_key, email, email_key, display_name, display_name_key, password_hash)
    SELECT gen_random_uuid(), 'member' || n, 'member' || n, n || '@example.com', n || '@example.com', 'Member ' || n, 'member ' || n, ''
    FROM generate_series(1, 19) n`)
  await client.query(
    `INSERT INTO chat_members (id, chat_id, user_id) SELECT gen_random_uuid(), $1, id FROM users WHERE username LIKE 'member%'`,
    [chatId],
  )
  await client.query(
    `INSERT INTO messages (id, chat_id, sequence, author_id, text, client_message_id, content_hash)
      SELECT gen_random_uuid(), $1, n, m.user_id, $2, 'seed' || n, '\\x00'
      FROM generate_series(1, 10000) n JOIN (SELECT user_id, row_number() OVER () - 1 AS i FROM chat_members WHERE chat_id = $1) m ON m.i = n % 20`,
    [chatId, text],
  )
  await client.query('UPDATE chats SET last_sequence = 10000 WHERE id = $1', [chatId])
  await client.query('VACUUM ANALYZE')
  await client.end()
  return { token: tokens.accessToken, userId, chatId, globalChatId: chat.id }
}

async function startServer(args: string[], ready: string, env: Record<string, string>): Promise<void> {
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (data) => {
      if (new RegExp(ready).test(String(data))) resolve()
    })
    child.once('exit', (code) => reject(new Error(`${args[0]} ended with ${code}.`)))
  })
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  return port
}

await main()
