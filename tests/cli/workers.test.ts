import { connect } from 'node:net'
import { join } from 'node:path'
import pg from 'pg'
import { afterEach, expect, test, vi } from 'vitest'
import { createDirectChat } from '../testkit/chats.ts'
import { createTestClient, type TestClient } from '../testkit/client.ts'
import { createTestDatabase, type TestDatabase } from '../testkit/database.ts'
import { Events, Login, Register, SendMessage } from '../testkit/operations.ts'
import { addressOf, isRunning, newFolder, postgresIn, type Run, run, secret } from './cli.ts'

// Each of these starts several processes.
vi.setConfig({ testTimeout: 90_000 })

const disposables: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const dispose of disposables.splice(0).reverse()) await dispose()
})

async function openDatabase(): Promise<TestDatabase> {
  const database = await createTestDatabase()
  disposables.push(database.dispose)
  return database
}

function serve(env: Record<string, string>): Run {
  const server = run(['serve'], {
    env: { WORKERS: '2', DATABASE_POOL_SIZE: '2', JWT_SECRET: secret, ...env },
  })
  disposables.push(async () => {
    server.child.kill('SIGTERM')
    await server.ended
  })
  return server
}

/** The processes that have started so far. */
function workersOf({ stdout }: Run): number[] {
  return [...stdout.matchAll(/"workerPid":(\d+),"msg":"a worker has started"/g)].map((match) =>
    Number(match[1]),
  )
}

const untilGone = (pids: readonly number[]) =>
  vi.waitFor(() => expect(pids.filter(isRunning)).toEqual([]), { timeout: 10_000 })

async function rowsOf(database: TestDatabase, sql: string): Promise<unknown[]> {
  const client = new pg.Client(database.url)
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

async function register(url: string, username: string): Promise<TestClient & { id: string }> {
  const input = { username, email: `${username}@example.com`, password: 'Password123', displayName: username }
  const { register: payload } = await createTestClient(url).run(Register, { input })
  return { ...createTestClient(url, payload.tokens.accessToken), id: payload.viewer.user.id }
}

test('they share a free port, and what is said in one is heard in all, once', async () => {
  const database = await openDatabase()
  const server = serve({ DATABASE_URL: database.url })
  const url = await addressOf(server)
  expect(workersOf(server)).toHaveLength(2)
  const [alice, bob] = [await register(url, 'alice'), await register(url, 'bob')]
  const live = Array.from({ length: 6 }, () => bob.subscribe(Events))
  for (const each of live) expect((await each.take(1))[0].events.__typename).toBe('CaughtUp')
  await vi.waitFor(
    async () => {
      const rows = await rowsOf(database, 'SELECT DISTINCT process_id FROM online_users')
      expect(rows).toHaveLength(2)
    },
    { timeout: 10_000 },
  )
  // Whichever of them is asked, it tells of all.
  for (let i = 0; i < 3; i++) {
    const response = await fetch(`${url}/metrics`, { headers: { connection: 'close' } })
    const text = await response.text()
    expect(text).toContain('\nparley_sockets 6\n')
    expect(text).toContain('\nprocess_resident_memory_bytes ')
  }
  const chatId = await createDirectChat(alice, bob.id)
  for (const text of ['one', 'two']) {
    await alice.run(SendMessage, { input: { chatId, clientMessageId: text, text } })
  }
  for (const each of live) {
    const kinds = (await each.take(3)).map(({ events }) => events.__typename)
    expect(kinds).toEqual(['ChatCreated', 'MessageAdded', 'MessageAdded'])
    await each.stop()
  }
})

test('one that is killed is replaced, and the others answer meanwhile', async () => {
  const { url: DATABASE_URL } = await openDatabase()
  const server = serve({ DATABASE_URL })
  const url = await addressOf(server)
  const [first = 0, second = 0] = workersOf(server)
  process.kill(first, 'SIGKILL')
  await server.says(/a worker has ended and is replaced/)
  while (workersOf(server).length < 3) {
    const response = await fetch(`${url}/health/ready`, { headers: { connection: 'close' } })
    expect(response.status).toBe(200)
  }
  // All at once: there is nobody left who holds the port.
  for (const pid of [second, workersOf(server)[2] ?? 0]) process.kill(pid, 'SIGKILL')
  await vi.waitFor(() => expect(workersOf(server)).toHaveLength(5), { timeout: 30_000 })
  expect((await fetch(`${url}/health/ready`)).status).toBe(200)
})

test('one that is told to end lets go of its clients, and is replaced', async () => {
  const { url: DATABASE_URL } = await openDatabase()
  const server = serve({ DATABASE_URL })
  await addressOf(server)
  const [first = 0] = workersOf(server)
  process.kill(first, 'SIGTERM')
  await server.says(/"code":0,"signal":null,.*a worker has ended and is replaced/)
  await vi.waitFor(() => expect(workersOf(server)).toHaveLength(3), { timeout: 30_000 })
})

test('with an embedded Postgres they log in the demo accounts, and end with it', async () => {
  const dataDir = join(newFolder(), 'data')
  const server = serve({ DATA_DIR: dataDir, JWT_SECRET: '' })
  const url = await addressOf(server)
  const input = { identifier: 'alice', password: 'Password123' }
  const { login } = await createTestClient(url).run(Login, { input })
  // Whichever of them is asked, it is the same secret.
  for (let i = 0; i < 4; i++) {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${login.tokens.accessToken}`,
        connection: 'close',
      },
      body: '{"query":"{ viewer { user { username } } }"}',
    })
    expect(await response.json()).toEqual({ data: { viewer: { user: { username: 'alice' } } } })
  }
  const processes = [...workersOf(server), postgresIn(dataDir)]
  server.child.kill('SIGTERM')
  expect(await server.ended).toMatchObject({ code: 0, stderr: '' })
  await untilGone(processes)
})

test('Ctrl-C reaches all of them, and they end once', async () => {
  const { url: DATABASE_URL } = await openDatabase()
  const server = serve({ DATABASE_URL })
  await addressOf(server)
  const workers = workersOf(server)
  for (const pid of [...workers, server.child.pid ?? 0]) process.kill(pid, 'SIGINT')
  const { code, stdout, stderr } = await server.ended
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).not.toContain('replaced')
  await untilGone(workers)
})

test('they end by themselves when the primary is killed', async () => {
  const { url: DATABASE_URL } = await openDatabase()
  const server = serve({ DATABASE_URL })
  await addressOf(server)
  const workers = workersOf(server)
  server.child.kill('SIGKILL')
  await untilGone(workers)
})

test('likewise when it is killed while they start', async () => {
  const database = await openDatabase()
  const server = serve({ DATABASE_URL: database.url })
  // What a server asks first, before it listens.
  const working = `SELECT 1 FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%hash_keys%'`
  await vi.waitFor(async () => expect(await rowsOf(database, working)).not.toEqual([]), {
    timeout: 30_000,
    interval: 5,
  })
  server.child.kill('SIGKILL')
  // They hold its output open, which ends with the last of them.
  await server.ended
})

test('one that is frozen does not keep the others from ending within ten seconds', async () => {
  const { url: DATABASE_URL } = await openDatabase()
  const server = serve({ DATABASE_URL })
  await addressOf(server)
  const workers = workersOf(server)
  process.kill(workers[0] ?? 0, 'SIGSTOP')
  const began = performance.now()
  server.child.kill('SIGTERM')
  expect((await server.ended).code).toBe(0)
  expect(performance.now() - began).toBeLessThan(10_000)
  await untilGone(workers)
})

test('a connection that was on its way to one that dies is closed, and not forgotten', async () => {
  const { url: DATABASE_URL } = await openDatabase()
  const server = serve({ DATABASE_URL })
  const { hostname, port } = new URL(await addressOf(server))
  const [frozen = 0] = workersOf(server)
  process.kill(frozen, 'SIGSTOP')
  const outcomes = new Map<number, 'answered' | 'closed'>()
  for (let i = 0; i < 4; i++) {
    const socket = connect(Number(port), hostname)
    socket.on('error', () => {})
    socket.on('data', () => outcomes.set(i, 'answered'))
    socket.on('close', () => outcomes.set(i, outcomes.get(i) ?? 'closed'))
    socket.write('GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
  }
  // One waits for the worker that does not take it.
  await vi.waitFor(() => expect(outcomes.size).toBe(3), { timeout: 10_000 })
  process.kill(frozen, 'SIGKILL')
  await vi.waitFor(() => expect(outcomes.size).toBe(4), { timeout: 10_000 })
  expect([...outcomes.values()].sort()).toEqual(['answered', 'answered', 'answered', 'closed'])
})

test('a database that is not there ends them while they are still being loaded', async () => {
  const { code, stdout, stderr } = await serve({ DATABASE_URL: 'postgresql://127.0.0.1:1/none' }).ended
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr.trimEnd().split('\n')).toHaveLength(1)
})

test('where one cannot start nothing does, and what is short is said before', async () => {
  const database = await openDatabase()
  const role = `few_${Date.now()}`
  await rowsOf(
    database,
    `CREATE ROLE ${role} LOGIN SUPERUSER PASSWORD 'few'; ALTER DATABASE ${new URL(database.url).pathname.slice(1)} CONNECTION LIMIT 3; ALTER ROLE ${role} NOSUPERUSER;
      GRANT ALL ON ALL TABLES IN SCHEMA public TO ${role}; GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO ${role}`,
  )
  disposables.push(() => rowsOf(database, `DROP OWNED BY ${role}; DROP ROLE ${role}`))
  const url = new URL(database.url)
  Object.assign(url, { username: role, password: 'few' })
  const { code, stdout, stderr } = await serve({ DATABASE_URL: url.href }).ended
  expect(code).toBe(1)
  expect(stdout).toContain('18 database connections may be needed, and the server allows 3')
  expect(stderr).toContain('too many connections')
})
