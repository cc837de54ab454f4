import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import WebSocket from 'ws'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { createGroupChat, sendMessage } from '../testkit/chats.ts'
import type { Data } from '../testkit/client.ts'
import { EventCursor, MessageAdded } from '../testkit/operations.ts'

let app: TestApp
let alice: TestUser
let bob: TestUser
let carol: TestUser
let chatId: string
beforeAll(async () => {
  // However slow the machine is: whoever does not read does not answer pings.
  app = await startTestApp({ timings: { heartbeatMs: 600_000 } })
  const [writer, slow, fast] = [
    await app.register('alice'),
    await app.register('bob'),
    await app.register('carol'),
  ]
  ;[alice, bob, carol] = [writer, slow, fast]
  chatId = await createGroupChat(alice, [bob.id, carol.id])
})
afterAll(() => app.dispose())

/** More than the operating system takes in for a connection that nobody reads. */
const messages = 1_500
// Two bytes each where it is sent.
const text = 'é'.repeat(5_000)
const sequences = Array.from({ length: messages }, (_, i) => i)

/** Sends them, each when another is through, and looks at what waits meanwhile. */
async function flood(): Promise<{ most: { events: number; bytes: number } }> {
  const most = { events: 0, bytes: 0 }
  let left = messages
  const send = async () => {
    while (left-- > 0) {
      await sendMessage(alice, chatId, text)
      const { events, bytes } = app.app.services.feed.stats.waiting
      most.events = Math.max(most.events, events)
      most.bytes = Math.max(most.bytes, bytes)
    }
  }
  await Promise.all(Array.from({ length: 8 }, send))
  return { most }
}

/** What one subscription may hold: its backlog, one more message than fits, and what is being worked on. */
const boundBytes = 500_000 + 100_000 + 2 * 11_000

async function overflows(): Promise<number> {
  const text = await (await fetch(`${app.url}/metrics`)).text()
  return Number(/^parley_backlog_overflows_total (\d+)$/m.exec(text)?.[1])
}

async function cursorOf(user: TestUser): Promise<string> {
  return (await user.run(EventCursor)).viewer.eventCursor
}

test('a WebSocket that nobody reads holds a bounded backlog, delays nobody, and misses nothing', async () => {
  const opened: WebSocket[] = []
  const socket = bob.socket({
    webSocketImpl: class extends WebSocket {
      constructor(url: string, protocols: string) {
        super(url, protocols)
        opened.push(this)
      }
    },
  })
  const seen: number[] = []
  socket.subscribe<Data>(
    { query: MessageAdded, variables: { after: await cursorOf(bob) } },
    {
      next: ({ data }) => seen.push(data.messageAdded.message.sequence),
      error: () => {},
      complete: () => {},
    },
  )
  const fast = carol.subscribe(MessageAdded, { after: await cursorOf(carol) })
  await vi.waitFor(() => expect(app.app.services.feed.stats.listeners).toBe(2))
  const first = await sendMessage(alice, chatId, 'read')
  await vi.waitFor(() => expect(seen).toEqual([first.sequence]))
  opened[0]?.pause()

  const before = await overflows()
  const { most } = await flood()
  // Whoever reads has everything as soon as it is sent.
  expect(await fast.take(messages + 1)).toHaveLength(messages + 1)
  await fast.stop()
  expect(await overflows()).toBeGreaterThan(before)
  expect(seen.length).toBe(1)
  // The one that reads has its backlog, too, for a moment.
  expect(most.bytes).toBeLessThan(2 * boundBytes)
  expect(app.app.services.feed.stats.waiting.bytes).toBeLessThan(boundBytes)

  opened[0]?.resume()
  const last = first.sequence + messages
  await vi.waitFor(() => expect(seen.at(-1)).toBe(last), { timeout: 15_000 })
  expect(seen).toEqual([first.sequence, ...sequences.map((i) => first.sequence + 1 + i)])
  await socket.dispose()
  await vi.waitFor(() => expect(app.app.services.feed.stats.waiting).toEqual({ events: 0, bytes: 0 }))
}, 60_000)

test('a stream of server-sent events that nobody reads, likewise', async () => {
  const { hostname, port } = new URL(app.url)
  const stream: Socket = connect(Number(port), hostname)
  await once(stream, 'connect')
  let received = ''
  stream.on('data', (data) => {
    received += data
  })
  const body = JSON.stringify({ query: MessageAdded, variables: { after: await cursorOf(bob) } })
  stream.write(`POST /graphql HTTP/1.1\r\nHost: ${hostname}\r\nContent-Type: application/json\r
Accept: text/event-stream\r\nAuthorization: Bearer ${bob.token}\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
  const seen = () => [...received.matchAll(/"sequence":(\d+)/g)].map(([, sequence]) => Number(sequence))
  await vi.waitFor(() => expect(app.app.services.feed.stats.listeners).toBe(1))
  const first = await sendMessage(alice, chatId, 'read')
  await vi.waitFor(() => expect(seen()).toEqual([first.sequence]))
  stream.pause()

  const before = await overflows()
  const { most } = await flood()
  expect(await overflows()).toBeGreaterThan(before)
  expect(most.bytes).toBeLessThan(boundBytes)

  stream.resume()
  const last = first.sequence + messages
  await vi.waitFor(() => expect(seen().at(-1)).toBe(last), { timeout: 15_000 })
  expect(seen()).toEqual([first.sequence, ...sequences.map((i) => first.sequence + 1 + i)])
  stream.destroy()
  await vi.waitFor(() => expect(app.app.services.feed.stats.listeners).toBe(0))
}, 60_000)
