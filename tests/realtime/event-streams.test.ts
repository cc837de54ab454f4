import { connect, type Socket } from 'node:net'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { stalledBeats } from '../../src/http/event-stream.ts'
import { createObstacle, rowId } from '../blocks/blocking.ts'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { createDirectChat, createGroupChat, sendMessage } from '../testkit/chats.ts'
import { openStream, type StreamEvent } from '../testkit/event-stream.ts'
import { eventually } from '../testkit/eventually.ts'
import { memoryInUse } from '../testkit/memory.ts'
import { EventCursor, Events, MessageAdded, PresenceOf, TypingIn } from '../testkit/operations.ts'

let app: TestApp
let alice: TestUser
let bob: TestUser
let chatId: string
beforeAll(async () => {
  app = await startTestApp()
  ;[alice, bob] = [await app.register('alice'), await app.register('bob')]
  chatId = await createDirectChat(alice, bob.id)
})
afterAll(() => app.dispose())

const listeners = () => app.app.services.feed.stats.listeners
const cursorOf = async (user: TestUser) => (await user.run(EventCursor)).viewer.eventCursor as string
const textOf = ({ data }: StreamEvent) => data?.data?.messageAdded?.message.text
const subscription = 'subscription Added($chatId: ID, $after: String)'

test.each(['GET', 'POST'] as const)(
  '%s: what was missed, then what is live, each with its cursor as id',
  async (method) => {
    const after = await cursorOf(bob)
    await sendMessage(alice, chatId, 'missed')
    const stream = await openStream(app.url, {
      token: bob.token,
      method,
      query: MessageAdded,
      variables: { chatId, after },
    })
    expect(stream.response.statusCode).toBe(200)
    expect(stream.response.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    })
    await stream.until((event) => textOf(event) === 'missed')
    await sendMessage(alice, chatId, 'live')
    const events = await stream.until((event) => textOf(event) === 'live')
    expect(events.map((event) => [event.event, textOf(event)])).toEqual([
      ['next', 'missed'],
      ['next', 'live'],
    ])
    for (const { id, data } of events) expect(id).toBe(data.data.messageAdded.cursor)
    expect(stream.comments).toBeGreaterThan(0)
    stream.leave()
    await eventually(() => expect(listeners()).toBe(0))
  },
)

test('Last-Event-ID is where it goes on, whatever the request says; without a cursor there is no id', async () => {
  const after = await cursorOf(bob)
  const [first, second] = [
    await sendMessage(alice, chatId, 'first'),
    await sendMessage(alice, chatId, 'second'),
  ]
  for (const query of [MessageAdded, Events]) {
    const stream = await openStream(app.url, { token: bob.token, query, variables: { after } })
    const [{ id }] = (await stream.until(({ data }) => JSON.stringify(data).includes(first.id))) as [
      StreamEvent,
    ]
    stream.leave()
    const resumed = await openStream(app.url, {
      token: bob.token,
      query,
      variables: { after },
      headers: { 'last-event-id': String(id) },
    })
    const [next] = await resumed.until(({ data }) => JSON.stringify(data).includes(second.id))
    expect(JSON.stringify(next)).toContain(second.id)
    resumed.leave()
  }
  const bare = await openStream(app.url, {
    token: bob.token,
    query: `${subscription} { messageAdded(chatId: $chatId, after: $after) { message { text } } }`,
    variables: { after },
  })
  const events = await bare.until((event) => textOf(event) === 'second')
  expect(events.map(({ id }) => id)).toEqual([null, null])
  bare.leave()
})

test('a client that accepts everything gets a stream; one that wants JSON alone is told that there is none', async () => {
  const headers = { accept: '*/*' }
  const stream = await openStream(app.url, { token: bob.token, query: Events, headers })
  await stream.until(({ data }) => data.data.events.__typename === 'CaughtUp')
  stream.leave()
  const json = await openStream(app.url, {
    token: bob.token,
    query: Events,
    headers: { accept: 'application/json' },
  })
  expect(json.response.statusCode).toBe(406)
  await eventually(() => expect(listeners()).toBe(0))
})

test.each([
  'application/json, text/event-stream',
  'application/json, text/event-stream;q=0.1',
  'application/graphql-response+json, */*;q=0.1',
  'text/event-stream; charset=utf-8',
])('a subscription is answered with events wherever they are accepted: %s', async (accept) => {
  const stream = await openStream(app.url, { token: bob.token, query: Events, headers: { accept } })
  await stream.until(({ data }) => data.data.events.__typename === 'CaughtUp')
  stream.leave()
})

test('a comment comes at every heartbeat, over a subscription that has nothing to tell', async () => {
  const quick = await startTestApp({ database: app.database, timings: { heartbeatMs: 30 } })
  const stream = await openStream(quick.url, { token: bob.token, query: MessageAdded })
  // The first one comes at once, whatever the interval.
  await eventually(() => expect(stream.comments).toBeGreaterThan(3))
  expect(stream.events).toEqual([])
  stream.leave()
  await quick.dispose()
})

test.each<[string, string, object, string | null]>([
  ['UNAUTHENTICATED', Events, {}, null],
  ['UNAUTHENTICATED', Events, {}, 'nonsense'],
  ['GRAPHQL_PARSE_FAILED', 'subscription { events {', {}, 'bob'],
  ['GRAPHQL_VALIDATION_FAILED', 'subscription { nonsense }', {}, 'bob'],
  ['GRAPHQL_VALIDATION_FAILED', MessageAdded, { after: {} }, 'bob'],
  ['CURSOR_EXPIRED', Events, { after: 'nonsense' }, 'bob'],
  ['NOT_FOUND', MessageAdded, { chatId: 'nonsense' }, 'bob'],
  ['VALIDATION_FAILED', PresenceOf, { userIds: [] }, 'bob'],
])('%s comes as one result of a stream that is completed', async (code, query, variables, who) => {
  const token = who === 'bob' ? bob.token : who
  for (const method of ['GET', 'POST'] as const) {
    const stream = await openStream(app.url, { query, variables, method, ...(token !== null && { token }) })
    expect(await stream.ended).toBe('completed')
    expect(stream.response.statusCode).toBe(200)
    expect(stream.response.headers['content-type']).toContain('text/event-stream')
    expect(stream.events.map(({ event }) => event)).toEqual(['next', 'complete'])
    expect(stream.events[0]?.data.errors).toMatchObject([{ extensions: { code } }])
    expect(JSON.stringify(stream.events)).not.toContain('"http"')
  }
})

test('a query may be asked in this way, too; a mutation by POST alone', async () => {
  const query = await openStream(app.url, { token: bob.token, query: '{ viewer { email } }', method: 'GET' })
  expect(await query.ended).toBe('completed')
  expect(query.events[0]?.data).toEqual({ data: { viewer: { email: bob.email } } })
  const mutation = 'mutation { logout { success } }'
  const refused = await openStream(app.url, { token: bob.token, query: mutation, method: 'GET' })
  await refused.ended
  expect(JSON.stringify(refused.events)).not.toContain('"success"')
  expect(await bob.run('{ viewer { email } }')).toEqual({ viewer: { email: bob.email } })
  const other = await app.register()
  const done = await openStream(app.url, { token: other.token, query: mutation })
  expect(await done.ended).toBe('completed')
  expect(done.events[0]?.data).toEqual({ data: { logout: { success: true } } })
})

test('a request of a client that accepts both is no stream: nobody is online by it', async () => {
  const carol = await app.register('carol')
  await createGroupChat(carol, [bob.id])
  const accept = 'application/graphql-response+json, application/json, text/event-stream'
  const answer = await carol.send('{ viewer { email } }', {}, { accept })
  expect(answer.headers.get('content-type')).toContain('json')
  const query = 'query ($id: ID!) { node(id: $id) { ... on User { presence { status lastSeenAt } } } }'
  // Whoever came after it is seen by now.
  const stream = await openStream(app.url, { token: alice.token, query: MessageAdded })
  await eventually(async () =>
    expect((await bob.run(query, { id: alice.id })).node.presence.status).toBe('ONLINE'),
  )
  expect((await bob.run(query, { id: carol.id })).node.presence).toEqual({
    status: 'OFFLINE',
    lastSeenAt: null,
  })
  stream.leave()
})

describe('a client that goes away', () => {
  test.each<[string, string, (held: Held) => number]>([
    ['events', Events, ({ feed }) => feed.stats.listeners],
    ['typing', TypingIn, ({ typing }) => typing.size],
    ['presence', PresenceOf, ({ presence }) => presence.size],
  ])('%s: holds nothing any more', async (_what, query, held) => {
    const streams = await Promise.all(
      Array.from({ length: 3 }, () =>
        openStream(app.url, {
          token: bob.token,
          query,
          variables: query === PresenceOf ? { userIds: [alice.id] } : {},
        }),
      ),
    )
    await eventually(() => expect(held(app.app.services)).toBe(3))
    for (const stream of streams) stream.leave()
    await eventually(() => expect(held(app.app.services)).toBe(0))
  })

  test('while an event is worked on', async () => {
    const stream = await openStream(app.url, {
      token: bob.token,
      query: 'subscription { messageAdded { message { reactions { emoji } } } }',
    })
    await eventually(() => expect(listeners()).toBe(1))
    const obstacle = await createObstacle(app)
    await obstacle.query('LOCK TABLE reactions')
    await sendMessage(alice, chatId, 'worked on')
    await obstacle.untilWaiting(1)
    stream.leave()
    await eventually(() => expect(listeners()).toBe(0))
    await obstacle.end()
  })

  test('while the subscription starts', async () => {
    const obstacle = await createObstacle(app)
    await obstacle.query('LOCK TABLE chat_members')
    const opening = openStream(app.url, { token: bob.token, query: MessageAdded, variables: { chatId } })
    await obstacle.untilWaiting(1)
    const { port, hostname } = new URL(app.url)
    const body = JSON.stringify({ query: MessageAdded, variables: { chatId } })
    const tcp = connect(Number(port), hostname)
    tcp.write(head(bob.token, body))
    await obstacle.untilWaiting(2)
    tcp.resetAndDestroy()
    const leaving = new AbortController()
    const query = 'query ($id: ID!) { chat(id: $id) { title } }'
    const asking = fetch(`${app.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${bob.token}` },
      body: JSON.stringify({ query, variables: { id: chatId } }),
      signal: leaving.signal,
    })
    await obstacle.untilWaiting(3)
    leaving.abort()
    await expect(asking).rejects.toThrow()
    await obstacle.end()
    const stream = await opening
    await eventually(() => expect(listeners()).toBe(1))
    stream.leave()
    await eventually(() => expect(listeners()).toBe(0))
    // Nothing went wrong.
    expect(app.logs).toEqual([])
  })
})

test('a stream that is on its way when the server stops is cut, and does not hold it up', async () => {
  const stopping = await startTestApp({ database: app.database })
  const obstacle = await createObstacle(app)
  await obstacle.query('LOCK TABLE chat_members')
  const opening = openStream(stopping.url, { token: bob.token, query: MessageAdded, variables: { chatId } })
  await obstacle.untilWaiting(1)
  const cut = expect(opening).rejects.toThrow()
  const begun = performance.now()
  const stopped = stopping.dispose()
  await obstacle.end()
  await cut
  await stopped
  // Sooner than after the grace that requests have.
  expect(performance.now() - begun).toBeLessThan(4_000)
})

type Held = TestApp['app']['services']

const head = (token: string, body: string) =>
  'POST /graphql HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\nContent-Type: application/json\r\n' +
  `Authorization: Bearer ${token}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`

/** A subscription whose client reads nothing of what comes. */
function openUnread(url: string, token: string, body: string): Socket {
  const { port, hostname } = new URL(url)
  const tcp = connect(Number(port), hostname)
  tcp.on('error', () => {})
  tcp.pause()
  tcp.write(head(token, body))
  return tcp
}

/** Says something long in a chat, this many times, without the server. */
async function talk(group: string, author: TestUser, from: number, through: number): Promise<void> {
  const client = new pg.Client(app.database.url)
  await client.connect()
  await client.query(
    `WITH c AS (UPDATE chats SET last_sequence = $4 WHERE id = $1),
      m AS (
        INSERT INTO messages (id, chat_id, sequence, author_id, text)
        SELECT gen_random_uuid(), $1, n, $2, repeat('x', 4000) FROM generate_series($3::int, $4::int) n
        RETURNING id, sequence
      )
      INSERT INTO events (kind, chat_id, subject_id, sequence)
      SELECT 'MESSAGE_ADDED', $1, id, sequence FROM m ORDER BY sequence`,
    [rowId(group), rowId(author.id), from, through],
  )
  await client.end()
}

describe('a client that stops reading', () => {
  const count = 8_000
  const step = 1_000

  test('costs little, and gets everything once it reads on', { timeout: 180_000 }, async () => {
    const group = await createGroupChat(alice, [bob.id])
    const body = JSON.stringify({ query: MessageAdded, variables: { chatId: group } })
    const tcp = openUnread(app.url, bob.token, body)
    await eventually(() => expect(listeners()).toBe(1))
    // What any number of events leaves behind once is none of the client's.
    await talk(group, alice, 1, step)
    await caughtUp()
    const before = memoryInUse()
    let most = 0
    for (let from = step + 1; from <= count; from += step) {
      await talk(group, alice, from, from + step - 1)
      await caughtUp()
      most = Math.max(most, memoryInUse() - before)
    }
    expect(most).toBeLessThan(10)
    const sequences: number[] = []
    let text = ''
    tcp.setEncoding('utf8')
    tcp.on('data', (more) => {
      text += more
      const lines = text.split('\n')
      text = lines.pop() ?? ''
      for (const line of lines) {
        if (line.startsWith('data: '))
          sequences.push(JSON.parse(line.slice(6)).data.messageAdded.message.sequence)
      }
    })
    tcp.resume()
    await vi.waitFor(() => expect(sequences.length).toBeGreaterThanOrEqual(count), { timeout: 100_000 })
    expect(sequences).toEqual(Array.from({ length: count }, (_, i) => i + 1))
    tcp.destroy()
    await eventually(() => expect(listeners()).toBe(0))
  })

  /** Resolves once this process has handed over whatever is in the log by now. */
  async function caughtUp(): Promise<void> {
    const live = alice.subscribe('subscription { events(after: null) { __typename } }')
    await live.until(({ events }) => events.__typename === 'CaughtUp')
    await live.stop()
    await eventually(() => expect(listeners()).toBe(1))
  }

  test('for some heartbeats while something waits for it is cut; one without news is not', async () => {
    const heartbeatMs = 40
    const quick = await startTestApp({ database: app.database, timings: { heartbeatMs } })
    const group = await createGroupChat(alice, [bob.id])
    const after = await cursorOf(bob)
    await talk(group, alice, 1, 3_000)
    const quiet = openUnread(
      quick.url,
      alice.token,
      JSON.stringify({ query: TypingIn, variables: { chatId: group } }),
    )
    const begun = performance.now()
    const stuck = openUnread(
      quick.url,
      bob.token,
      JSON.stringify({ query: MessageAdded, variables: { chatId: group, after } }),
    )
    await eventually(() => expect(quick.app.services.feed.stats.listeners).toBe(1))
    await eventually(() => expect(quick.app.services.feed.stats.listeners).toBe(0))
    expect(performance.now() - begun).toBeGreaterThan(stalledBeats * heartbeatMs)
    expect(quick.app.services.typing.size).toBe(1)
    for (const tcp of [quiet, stuck]) tcp.destroy()
    await quick.dispose()
  })
})

test('a client that takes no events is told so, and nothing is begun for it', async () => {
  const counted = async () => {
    const text = await (await fetch(`${app.url}/metrics`)).text()
    return text
      .split('\n')
      .filter((line) => /^parley_(subscriptions|operations_total).*subscription/.test(line))
  }
  const before = await counted()
  for (const accept of [
    'application/json',
    'application/graphql-response+json',
    'multipart/mixed',
    'text/html',
    'text/event-stream;q=0',
    'text/event-stream; q=0.0, application/json',
    'text/event-stream;q=0, */*',
  ]) {
    const response = await fetch(`${app.url}/graphql`, {
      method: 'POST',
      headers: { accept, 'content-type': 'application/json', authorization: `Bearer ${bob.token}` },
      body: JSON.stringify({ query: MessageAdded }),
    })
    expect(response.status).toBe(406)
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'NOT_ACCEPTABLE' } }] })
  }
  expect(await counted()).toEqual(before)
  expect(app.app.services.feed.stats.listeners).toBe(0)
})
