import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { noCodeGeneration } from '../src/cli/code-generation.ts'
import { parseIdOf } from '../src/core/ids.ts'
import { startEmbeddedPostgres } from '../src/db/embedded.ts'
import { migrate } from '../src/db/migrations.ts'

/** A number from the command line: `--seconds 2`. */
export const option = (name: string, fallback: number): number => {
  const index = process.argv.indexOf(`--${name}`)
  return index === -1 ? fallback : Number(process.argv[index + 1])
}

const secret = 'a secret for benchmarks on this machine only'
const children: ChildProcess[] = []

/** Runs on a database of its own, and ends whatever was started meanwhile. */
export async function withDatabase(run: (databaseUrl: string) => Promise<void>): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'parley-bench-'))
  const postgres = await startEmbeddedPostgres({ dataDir })
  try {
    await migrate(postgres.url)
    await run(postgres.url)
  } finally {
    await Promise.all(children.map(stop))
    await postgres.dispose()
    rmSync(dataDir, { recursive: true, force: true })
  }
}

export const text = 'A message of the usual length: a line or two, with an emoji 🙂 and some punctuation.'

export const sendMutation = `mutation Send($input: SendMessageInput!) { sendMessage(input: $input) {
  ... on SendMessagePayload { deduplicated message { id sequence createdAt } } ... on UserError { code } } }`

/** An account, a group of twenty, and ten thousand messages in it. */
export async function prepare(graphql: string, databaseUrl: string) {
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

/** What was built, as it runs in production. */
export async function startParley(
  databaseUrl: string,
  env: Record<string, string>,
): Promise<{ graphql: string; pid: number | undefined; stop: () => Promise<void> }> {
  const port = await freePort()
  const child = await startServer([noCodeGeneration, 'dist/main.js', 'serve'], 'listening|ready|Parley', {
    NODE_ENV: 'production',
    DATABASE_URL: databaseUrl,
    JWT_SECRET: secret,
    PORT: String(port),
    LOG_LEVEL: 'info',
    ...env,
  })
  return { graphql: `http://127.0.0.1:${port}/graphql`, pid: child.pid, stop: () => stop(child) }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'exit')
}

export async function startServer(
  args: string[],
  ready: string,
  env: Record<string, string>,
): Promise<ChildProcess> {
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
  return child
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  return port
}
