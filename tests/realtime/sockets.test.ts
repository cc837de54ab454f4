import { once } from 'node:events'
import { connect } from 'node:net'
import pg from 'pg'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import WebSocket from 'ws'
import { uuidv7 } from '../../src/core/ids.ts'
import { startTestApp, type TestApp } from '../testkit/app.ts'
import { createDirectChat, createGroupChat, sendMessage } from '../testkit/chats.ts'
import { ChatMessages, EventCursor, Events, MessageAdded, SendMessage } from '../testkit/operations.ts'
import { greet, openRaw, type RawSocket, subscribe } from '../testkit/raw-socket.ts'

let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
})
afterAll(() => app.dispose())

async function open(options: { headers?: Record<string, string>; on?: TestApp } = {}): Promise<RawSocket> {
  return openRaw((options.on ?? app).url, { headers: options.headers ?? {} })
}

async function openAs(token?: string, on?: TestApp): Promise<RawSocket> {
  const raw = await open(on ? { on } : {})
  raw.send(greet(token))
  return raw
}

test('a page of a foreign origin is refused at the upgrade; one of this machine is let in', async () => {
  const foreign = new WebSocket(`${app.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', {
    headers: { origin: 'https://evil.example' },
  })
  const [, response] = await once(foreign, 'unexpected-response')
  expect(response.statusCode).toBe(403)
  const own = await open({ headers: { origin: app.url } })
  own.socket.close()
  const local = await open({ headers: { origin: 'http://localhost:5173' } })
  local.socket.close()
})

test('an anonymous socket may do what an anonymous request may', async () => {
  const raw = await openAs()
  await raw.next()
  raw.send(subscribe('a', '{ viewer { email } }'))
  expect(await raw.next()).toMatchObject({ type: 'next', payload: { data: { viewer: null } } })
  await raw.next()
  for (const query of [Events, '{ chat(id: "x") { nonsense } }']) {
    raw.send(subscribe('a', query))
    expect(await raw.next()).toMatchObject({
      type: 'error',
      payload: [{ extensions: { code: 'UNAUTHENTICATED' } }],
    })
  }
  raw.socket.close()
})

test('a token that is worth nothing closes the socket with 4403 and why', async () => {
  const bad = await openAs('nonsense')
  expect(await bad.closed).toEqual({ code: 4403, reason: 'Invalid token' })

  const user = await app.register()
  await user.run('mutation { logout { success } }')
  const revoked = await openAs(user.token)
  expect(await revoked.closed).toEqual({ code: 4403, reason: 'Session revoked' })

  const shortLived = await startTestApp({ database: app.database, config: { accessTokenTtlSeconds: 1 } })
  const brief = await shortLived.register()
  const raw = await openAs(brief.token, shortLived)
  expect(await raw.closed).toEqual({ code: 4403, reason: 'Token expired' })
  const again = await openAs(brief.token, shortLived)
  expect(await again.closed).toEqual({ code: 4403, reason: 'Token expired' })
  await shortLived.dispose()
})

test('a session that ends closes its sockets in every process, and no others', async () => {
  const other = await startTestApp({ database: app.database })
  const user = await app.register()
  const bystander = await openAs((await app.register()).token)
  const sockets = [await openAs(user.token), await openAs(user.token, other)]
  for (const raw of [...sockets, bystander]) await raw.next()
  await user.run('mutation { logout { success } }')
  for (const raw of sockets) expect(await raw.closed).toEqual({ code: 4403, reason: 'Session revoked' })
  expect(await other.client(user.token).codeOf('{ viewer { email } }')).toBe('UNAUTHENTICATED')
  expect(bystander.socket.readyState).toBe(WebSocket.OPEN)
  bystander.socket.close()
  await other.dispose()
})

test('a socket that ends with its token never completes its subscriptions first', async () => {
  const brief = await startTestApp({ database: app.database, config: { accessTokenTtlSeconds: 2 } })
  const user = await brief.register()
  const sockets = await Promise.all(Array.from({ length: 12 }, () => openAs(user.token, brief)))
  const types = new Set<string>()
  for (const { socket } of sockets) socket.on('message', (data) => types.add(JSON.parse(String(data)).type))
  for (const raw of sockets) {
    await raw.next()
    raw.send(subscribe('1', Events))
  }
  for (const raw of sockets) expect(await raw.closed).toMatchObject({ code: 4403 })
  expect([...types].sort()).toEqual(['connection_ack', 'next'])
  await brief.dispose()
})

test('a server that stops closes sockets with 1012, and cuts streams instead of completing them', async () => {
  const stopping = await startTestApp({ database: app.database })
  const user = await stopping.register()
  const raw = await openAs(user.token, stopping)
  await raw.next()
  const stream = await fetch(`${stopping.url}/graphql`, {
    method: 'POST',
    headers: {
      accept: 'text/event-stream',
      'content-type': 'application/json',
      authorization: `Bearer ${user.token}`,
    },
    body: JSON.stringify({ query: Events }),
  })
  let text = ''
  const reading = (async () => {
    for await (const chunk of stream.body as AsyncIterable<Uint8Array>) text += Buffer.from(chunk).toString()
  })()
  const cut = expect(reading).rejects.toThrow()
  await vi.waitFor(() => expect(text).toContain('CaughtUp'))
  await stopping.dispose()
  await cut
  expect(text).not.toContain('event: complete')
  expect(await raw.closed).toMatchObject({ code: 1012 })
})

test('one operation more than a socket may have is refused, the others go on', async () => {
  const [alice, bob] = [await app.register('alice'), await app.register('bob')]
  const chatId = await createDirectChat(alice, bob.id)
  const raw = await openAs(bob.token)
  await raw.next()
  const { viewer } = await bob.run(EventCursor)
  for (let i = 1; i <= 31; i++) raw.send(subscribe(String(i), MessageAdded, { after: viewer.eventCursor }))
  expect(await raw.next()).toMatchObject({
    type: 'error',
    id: '31',
    payload: [{ extensions: { code: 'RATE_LIMITED' } }],
  })
  await sendMessage(alice, chatId, 'to all thirty')
  const got = new Set<string | undefined>()
  for (let i = 1; i <= 30; i++) got.add((await raw.next()).id)
  expect(got.size).toBe(30)
  raw.socket.close()
})

test('what a subscription held is freed when it completes, and when its socket breaks', async () => {
  const user = await app.register()
  await createGroupChat(user)
  const before = app.app.services.feed.stats.listeners
  const listeners = () => app.app.services.feed.stats.listeners - before
  const raw = await openAs(user.token)
  await raw.next()
  for (const id of ['1', '2', '3']) raw.send(subscribe(id, Events))
  await vi.waitFor(() => expect(listeners()).toBe(3))
  raw.send({ type: 'complete', id: '1' })
  await vi.waitFor(() => expect(listeners()).toBe(2))
  raw.socket.terminate()
  await vi.waitFor(() => expect(listeners()).toBe(0))
})

test('subscriptions come over server-sent events, too, and end with their session', async () => {
  const [alice, bob] = [await app.register('alice'), await app.register('bob')]
  const chatId = await createDirectChat(alice, bob.id)
  const { viewer } = await bob.run(EventCursor)
  const response = await fetch(`${app.url}/graphql`, {
    method: 'POST',
    headers: {
      accept: 'text/event-stream',
      'content-type': 'application/json',
      authorization: `Bearer ${bob.token}`,
    },
    body: JSON.stringify({ query: MessageAdded, variables: { chatId, after: viewer.eventCursor } }),
  })
  expect(response.headers.get('content-type')).toContain('text/event-stream')
  await sendMessage(alice, chatId, 'over SSE')
  let text = ''
  let leaving: Promise<unknown> | null = null
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    text += Buffer.from(chunk).toString()
    // From here on it is for the server to end it.
    if (text.includes('over SSE')) leaving ??= bob.run('mutation { logout { success } }')
  }
  await leaving
  // Not just an end, which would mean that all is done.
  expect(text).toMatch(/"errors":.*UNAUTHENTICATED/)
  expect(text).toContain('event: next')
  expect(text).toContain('event: complete')
})

test('a connection that breaks while its upgrade is refused leaves the server standing', async () => {
  const { port, hostname } = new URL(app.url)
  for (const [path, origin] of [
    ['/nowhere', app.url],
    ['/graphql', 'https://evil.example'],
  ]) {
    for (let i = 0; i < 20; i++) {
      const socket = connect(Number(port), hostname)
      await once(socket, 'connect')
      socket.write(
        `GET ${path} HTTP/1.1\r\nHost: x\r\nOrigin: ${origin}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
      )
      socket.resetAndDestroy()
    }
  }
  expect((await fetch(`${app.url}/health/live`)).status).toBe(200)
})

test('what a socket says after it was told to close is not heard', async () => {
  const [alice, bob] = [await app.register('alice'), await app.register('bob')]
  const chatId = await createDirectChat(alice, bob.id)
  const raw = await openAs(alice.token)
  await raw.next()
  const closing = new Promise((resolve) => raw.socket.on('close', resolve))
  // Goes on talking whatever comes.
  const say = () =>
    raw.send(
      subscribe(uuidv7(), SendMessage, { input: { chatId, clientMessageId: uuidv7(), text: 'still here' } }),
    )
  await alice.run('mutation { logout { success } }')
  for (let i = 0; i < 20; i++) say()
  await closing
  const { chat } = await bob.run(ChatMessages, { id: chatId })
  expect(chat.messages.edges).toEqual([])
})

test('a session ends at once although the log waits for somebody', async () => {
  const client = new pg.Client(app.database.url)
  await client.connect()
  const user = await app.register()
  const raw = await openAs(user.token)
  await raw.next()
  await client.query('BEGIN')
  await client.query(`INSERT INTO events (kind, user_id) VALUES ('SESSION_REVOKED', $1)`, [uuidv7()])
  // More than is read at a time lies between.
  const other = new pg.Client(app.database.url)
  await other.connect()
  await other.query(
    `INSERT INTO events (kind, chat_id) SELECT 'MESSAGE_ADDED', gen_random_uuid() FROM generate_series(1, 1500)`,
  )
  await other.end()
  await user.run('mutation { logout { success } }')
  expect(await raw.closed).toEqual({ code: 4403, reason: 'Session revoked' })
  await client.query('ROLLBACK')
  await client.end()
})

test('an event that cannot be handed over is tried again, and never left out', async () => {
  const [alice, bob] = [await app.register('alice'), await app.register('bob')]
  const chatId = await createDirectChat(alice, bob.id)
  const { viewer } = await bob.run(EventCursor)
  const query = `subscription Added($after: String) { messageAdded(after: $after) {
    cursor chat { unreadCount } message { sequence } } }`
  const live = bob.subscribe(query, { after: viewer.eventCursor })
  const client = new pg.Client(app.database.url)
  await client.connect()
  const sending = (async () => {
    for (let i = 0; i < 40; i++)
      await alice.send(SendMessage, { input: { chatId, clientMessageId: `k${i}`, text: 'x' } })
  })()
  for (let i = 0; i < 30; i++) {
    await client.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'parley' AND state = 'idle'`,
    )
  }
  await sending
  await client.end()
  const last = await sendMessage(alice, chatId, 'the last')
  const events = await live.until(({ messageAdded }) => messageAdded.message.sequence === last.sequence)
  expect(events.map(({ messageAdded }) => messageAdded.message.sequence)).toEqual(
    Array.from({ length: last.sequence }, (_, i) => i + 1),
  )
  await live.stop()
})
