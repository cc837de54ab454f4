import pg from 'pg'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { createDirectChat, sendMessage } from '../testkit/chats.ts'
import { EventCursor, MessageAdded } from '../testkit/operations.ts'

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

/** Each series with its value, as Prometheus would read them. */
async function scrape(): Promise<Map<string, number>> {
  const response = await fetch(`${app.url}/metrics`)
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  const lines = (await response.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map((line) => {
      const [, series = '', value] = /^(\S+(?: \S+)*) (\S+)$/.exec(line) ?? []
      return [series, Number(value)]
    }),
  )
}

test('connections, subscriptions, events and operations are counted', async () => {
  const before = await scrape()
  const { viewer } = await bob.run(EventCursor)
  const live = bob.subscribe(MessageAdded, { after: viewer.eventCursor })
  await live.started
  for (const text of ['one', 'two']) await sendMessage(alice, chatId, text)
  await live.take(2)
  const during = await scrape()
  const since = (series: string) => (during.get(series) ?? 0) - (before.get(series) ?? 0)
  expect(since('parley_sockets')).toBe(1)
  expect(since('parley_subscribed_users')).toBe(1)
  expect(since('parley_subscriptions{transport="websocket",field="messageAdded"}')).toBe(1)
  expect(since('parley_events_delivered_total{transport="websocket"}')).toBe(2)
  expect(since('parley_events_appended_total{kind="MESSAGE_ADDED"}')).toBe(2)
  expect(since('parley_resumes_total')).toBe(1)
  expect(since('parley_delivery_delay_ms_count')).toBeGreaterThan(0)
  expect(since('parley_operations_total{transport="http",type="mutation",outcome="ok"}')).toBe(2)
  expect(since('parley_operations_total{transport="websocket",type="subscription",outcome="ok"}')).toBe(1)
  expect(since('parley_log_position')).toBe(2)
  expect(during.get('parley_tail_lag_ms')).toBeLessThan(10_000)
  expect(during.get('parley_backlog_events')).toBe(0)
  expect(during.get('parley_backlog_bytes')).toBe(0)
  expect(during.get('parley_gaps_total')).toBe(0)
  expect(during.get('parley_database_main_connections{state="idle"}')).toBeGreaterThan(0)
  await live.stop()
  await vi.waitFor(async () => {
    const after = await scrape()
    expect(after.get('parley_sockets')).toBe(before.get('parley_sockets') ?? 0)
    expect(after.get('parley_subscriptions{transport="websocket",field="messageAdded"}')).toBe(0)
  })
})

test('a stream of server-sent events is counted while it is open, and what it gets', async () => {
  const abort = new AbortController()
  const response = await fetch(`${app.url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'text/event-stream',
      authorization: `Bearer ${bob.token}`,
    },
    body: JSON.stringify({ query: MessageAdded }),
    signal: abort.signal,
  })
  expect(response.status).toBe(200)
  const subscriptions = 'parley_subscriptions{transport="sse",field="messageAdded"}'
  await vi.waitFor(async () => expect((await scrape()).get(subscriptions)).toBe(1))
  expect((await scrape()).get('parley_streams')).toBe(1)
  await vi.waitFor(() => expect(app.app.services.feed.stats.listeners).toBe(1))
  await sendMessage(alice, chatId, 'three')
  await vi.waitFor(async () =>
    expect((await scrape()).get('parley_events_delivered_total{transport="sse"}')).toBe(1),
  )
  abort.abort()
  await vi.waitFor(async () => expect((await scrape()).get(subscriptions)).toBe(0))
  expect((await scrape()).get('parley_streams')).toBe(0)
})

test('what is refused and what expired is counted', async () => {
  const before = await scrape()
  const live = bob.subscribe(MessageAdded, { after: 'nonsense' })
  await live.ended
  await live.stop()
  await alice.send('query ($id: ID!) { chat(id: $id) { id } }', {})
  const after = await scrape()
  const since = (series: string) => (after.get(series) ?? 0) - (before.get(series) ?? 0)
  expect(since('parley_cursors_expired_total')).toBe(1)
  expect(since('parley_resumes_total')).toBe(0)
  expect(since('parley_operations_total{transport="websocket",type="subscription",outcome="errors"}')).toBe(1)
  expect(since('parley_operations_total{transport="http",type="query",outcome="refused"}')).toBe(1)
})

test('a message that does not follow upon the one before is found', async () => {
  const client = new pg.Client(app.database.url)
  await client.connect()
  await sendMessage(alice, chatId, 'four')
  expect((await scrape()).get('parley_gaps_total')).toBe(0)
  await client.query(`INSERT INTO events (kind, chat_id, sequence)
    SELECT 'MESSAGE_ADDED', chat_id, max(sequence) + 2 FROM events WHERE kind = 'MESSAGE_ADDED' GROUP BY chat_id`)
  await client.end()
  await vi.waitFor(async () => expect((await scrape()).get('parley_gaps_total')).toBe(1))
  expect(app.logs).toMatchObject([{ expected: 5, sequence: 6 }])
})

test('they are not for whoever comes through a proxy, or for nobody at all', async () => {
  for (const [name, value] of [
    ['x-forwarded-for', '203.0.113.7'],
    ['x-forwarded-for', '10.0.0.1'],
    ['forwarded', 'for=203.0.113.7'],
  ] as const) {
    expect((await fetch(`${app.url}/metrics`, { headers: { [name]: value } })).status).toBe(404)
  }
  for (const [metrics, expected] of [
    ['on', [200, 200]],
    ['off', [404, 404]],
  ] as const) {
    const other = await startTestApp({ config: { metrics } })
    const statuses = []
    for (const headers of [{}, { 'x-forwarded-for': '203.0.113.7' }]) {
      statuses.push((await fetch(`${other.url}/metrics`, { headers })).status)
    }
    expect(statuses).toEqual(expected)
    await other.dispose()
  }
})
