import { Agent, get, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { startTestApp } from '../testkit/app.ts'
import { createDirectChat } from '../testkit/chats.ts'
import { createTestClient, type TestClient } from '../testkit/client.ts'
import { createTestDatabase, type TestDatabase } from '../testkit/database.ts'
import { Events, Register, SendMessage } from '../testkit/operations.ts'
import { createTestProxy } from '../testkit/proxy.ts'
import { addressOf, type Run, run, secret } from './cli.ts'

vi.setConfig({ testTimeout: 60_000 })

let database: TestDatabase
const disposables: (() => Promise<unknown>)[] = []

beforeEach(async () => {
  database = await createTestDatabase()
  disposables.push(database.dispose)
})

afterEach(async () => {
  for (const dispose of disposables.splice(0).reverse()) await dispose()
})

async function serve(env: Record<string, string> = {}): Promise<{ server: Run; url: string }> {
  const server = run(['serve'], { env: { DATABASE_URL: database.url, JWT_SECRET: secret, ...env } })
  disposables.push(async () => {
    server.child.kill('SIGTERM')
    await server.ended
  })
  return { server, url: await addressOf(server) }
}

/** Tells it to end, and expects that it does in time. @returns how long that took, in milliseconds */
async function stop(server: Run): Promise<number> {
  const began = performance.now()
  server.child.kill('SIGTERM')
  expect(await server.ended).toMatchObject({ code: 0, stderr: '' })
  const took = performance.now() - began
  expect(took).toBeLessThan(10_000)
  return took
}

async function untilRefused(url: string): Promise<void> {
  const { hostname, port } = new URL(url)
  const refused = () =>
    new Promise<boolean>((resolve) => {
      const socket = connect(Number(port), hostname)
      socket.once('connect', () => resolve(false)).once('error', () => resolve(true))
      socket.once('connect', () => socket.destroy())
    })
  await vi.waitFor(async () => expect(await refused()).toBe(true), { timeout: 5_000, interval: 20 })
}

/** A connection by hand, closed or not. */
async function open(url: string, words = ''): Promise<{ socket: Socket; closed: Promise<void> }> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => resolve())
  })
  socket.on('error', () => {})
  await new Promise<void>((resolve) => socket.once('connect', resolve))
  socket.write(words)
  disposables.push(async () => socket.destroy())
  return { socket, closed }
}

async function register(url: string, username: string): Promise<TestClient & { id: string; token: string }> {
  const input = { username, email: `${username}@example.com`, password: 'Password123', displayName: username }
  const { register: payload } = await createTestClient(url).run(Register, { input })
  const token = payload.tokens.accessToken
  return { ...createTestClient(url, token), token, id: payload.viewer.user.id }
}

async function sql(statement: string): Promise<{ end(): Promise<void> }> {
  const client = new pg.Client(database.url)
  client.on('error', () => {})
  await client.connect()
  await client.query(statement)
  disposables.push(() => client.end())
  return { end: async () => void (await client.query('COMMIT')) }
}

/** Resolves once somebody waits for a lock. */
async function untilWaiting(): Promise<void> {
  const client = new pg.Client(database.url)
  await client.connect()
  const waiting = `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`
  await vi.waitFor(async () => expect((await client.query(waiting)).rowCount).toBeGreaterThan(0), 5_000)
  await client.end()
}

describe('what has nothing under way is closed at once', () => {
  test('idle connections, silent ones, half a request, and streams', async () => {
    const { server, url } = await serve()
    const alice = await register(url, 'alice')
    const agent = new Agent({ keepAlive: true })
    await new Promise((resolve) =>
      get(`${url}/health/live`, { agent }, (response) => text(response).then(resolve)),
    )
    const silent = await open(url)
    const half = await open(url, 'POST /graphql HTTP/1.1\r\nHost: x\r\nX-Trickle: 1')
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'text/event-stream',
        authorization: `Bearer ${alice.token}`,
      },
      body: JSON.stringify({ query: Events }),
    })
    expect(response.headers.get('content-type')).toContain('text/event-stream')
    const streamed = response.text().then(
      () => 'completed',
      () => 'cut',
    )
    expect(await stop(server)).toBeLessThan(5_000)
    expect(await streamed).toBe('cut')
    await Promise.all([silent.closed, half.closed])
    agent.destroy()
  })

  test('sockets with subscriptions, with 1012, and one that does not answer', async () => {
    const { server, url } = await serve()
    const alice = await register(url, 'alice')
    const live = alice.subscribe(Events)
    await live.take(1)
    const mute = await open(
      url,
      'GET /graphql HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n',
    )
    await new Promise((resolve) => mute.socket.once('data', resolve))
    expect(await stop(server)).toBeLessThan(5_000)
    await live.ended
    expect(live.failure).toMatchObject({ code: 1012 })
    await mute.closed
  })
})

describe('what is under way is answered', () => {
  let server: Run
  let url: string
  let alice: Awaited<ReturnType<typeof register>>
  let send: object
  beforeEach(async () => {
    ;({ server, url } = await serve())
    alice = await register(url, 'alice')
    const bob = await register(url, 'bob')
    const chatId = await createDirectChat(alice, bob.id)
    send = { input: { chatId, clientMessageId: 'one', text: 'Hello' } }
  })

  test('a request over HTTP, whose connection ends with it', async () => {
    const lock = await sql('BEGIN; SELECT 1 FROM chats FOR UPDATE')
    const agent = new Agent({ keepAlive: true })
    const answer = new Promise<{ connection: string | undefined; body: string }>((resolve, reject) => {
      const post = request(`${url}/graphql`, {
        method: 'POST',
        agent,
        headers: { 'content-type': 'application/json', authorization: `Bearer ${alice.token}` },
      })
      post.once('error', reject)
      post.once('response', async (response) =>
        resolve({ connection: response.headers.connection, body: await text(response) }),
      )
      post.end(JSON.stringify({ query: SendMessage, variables: send }))
    })
    await untilWaiting()
    const stopped = stop(server)
    await untilRefused(url)
    await lock.end()
    const { connection, body } = await answer
    expect(connection).toBe('close')
    expect(JSON.parse(body).data.sendMessage.__typename).toBe('SendMessagePayload')
    expect(await stopped).toBeLessThan(8_000)
    agent.destroy()
  })

  test('a mutation on a socket, which is closed with 1012 then; others are closed before', async () => {
    const lock = await sql('BEGIN; SELECT 1 FROM chats FOR UPDATE')
    const live = alice.subscribe(Events)
    await live.take(1)
    const sent = alice.subscribe(SendMessage, send)
    await untilWaiting()
    const stopped = stop(server)
    await live.ended
    expect(live.failure).toMatchObject({ code: 1012 })
    expect(sent.events).toEqual([])
    await lock.end()
    await sent.ended
    expect(sent.completed).toBe(true)
    expect(sent.events[0].sendMessage.__typename).toBe('SendMessagePayload')
    expect(await stopped).toBeLessThan(8_000)
  })

  test('also one that waits for a lock in vain', async () => {
    await sql('BEGIN; SELECT 1 FROM chats FOR UPDATE')
    const answer = alice.send(SendMessage, send)
    await untilWaiting()
    const stopped = stop(server)
    expect((await answer).errors[0]?.extensions['code']).toBe('SERVICE_UNAVAILABLE')
    await stopped
  })

  test('but nobody who does not send on is waited for', async () => {
    const head = `POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{`
    const { closed } = await open(url, head)
    await stop(server)
    await closed
  })
})

describe('whatever the database does', () => {
  test('it hangs', async () => {
    const proxy = await createTestProxy(database.url)
    disposables.push(proxy.dispose)
    const { server, url } = await serve({ DATABASE_URL: proxy.url })
    const alice = await register(url, 'alice')
    const live = alice.subscribe(Events)
    await live.take(1)
    proxy.freeze()
    const unanswered = alice.send('{ viewer { unreadCount } }').catch(() => 'cut')
    await stop(server)
    expect(await unanswered).toBe('cut')
  })

  test('it is gone', async () => {
    const proxy = await createTestProxy(database.url)
    const { server } = await serve({ DATABASE_URL: proxy.url, LOG_LEVEL: 'info' })
    await proxy.dispose()
    await stop(server)
  })

  test('it makes background work wait', async () => {
    const lock = await sql('BEGIN; LOCK TABLE rate_limits')
    const { server } = await serve()
    await untilWaiting()
    await stop(server)
    await lock.end()
  })
})

test('readiness says no from the moment it begins, on connections that are open', async () => {
  const app = await startTestApp({ database })
  const { socket } = await open(app.url)
  const answered = new Promise<string>((resolve) => socket.once('data', (data) => resolve(String(data))))
  const disposed = app.app.dispose()
  socket.write('GET /health/ready HTTP/1.1\r\nHost: x\r\n\r\n')
  const answer = await answered
  expect(answer).toMatch(/^HTTP\/1.1 503 /)
  expect(answer).toMatch(/connection: close/i)
  await disposed
})
