import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { createDirectChat } from '../testkit/chats.ts'
import { eventually } from '../testkit/eventually.ts'
import { Events, MessageAdded, PresenceOf, SendMessage, TypingIn } from '../testkit/operations.ts'
import { openRaw, type RawSocket } from '../testkit/raw-socket.ts'

let app: TestApp
let users: [TestUser, TestUser]
let chatId: string
beforeAll(async () => {
  app = await startTestApp()
  users = [await app.register('alice'), await app.register('bob')]
  chatId = await createDirectChat(users[0], users[1].id)
})
afterAll(() => app.dispose())

/** What docs/realtime.md lists, and how a client leaves. */
const closeCodes = new Set([4400, 4401, 4403, 4406, 4408, 4409, 4429, 1005, 1007, 1009, 1012, 1013])

type Frame = string | { readonly binary: Buffer } | { readonly leave: true }

const id = fc.constantFrom('a', 'b', 'c', '__proto__', '💬')
const operation = fc.constantFrom<object>(
  { query: '{ __typename }' },
  { query: '{ viewer { user { username } chats { edges { node { id } } } } }' },
  { query: Events },
  { query: MessageAdded },
  { query: TypingIn },
  { query: 'subscription { events { nonsense } }' },
  { query: 'subscription {' },
  { query: Events, variables: { after: 'nonsense' } },
  { query: Events, operationName: 'Other' },
  { query: PresenceOf, variables: { userIds: [] } },
)

/** Most of what is said is to the point, or every conversation would be a short one. */
const frameOf = (tokens: readonly string[]): fc.Arbitrary<Frame> => {
  const say = (message: object): Frame => JSON.stringify(message)
  const token = fc.constantFrom(...tokens, 'nonsense')
  const authorization = fc.oneof(
    { weight: 20, arbitrary: fc.constant(`Bearer ${tokens[0]}`) },
    { weight: 1, arbitrary: token.map((each) => `Bearer ${each}`) },
    { weight: 1, arbitrary: fc.jsonValue() as fc.Arbitrary<unknown> },
  )
  return fc.oneof(
    {
      weight: 60,
      arbitrary: fc.record({ id, payload: operation }).map((each) => say({ type: 'subscribe', ...each })),
    },
    { weight: 40, arbitrary: id.map((each) => say({ type: 'complete', id: each })) },
    { weight: 10, arbitrary: fc.constantFrom(...users).map(sendingBy) },
    {
      weight: 10,
      arbitrary: fc.constantFrom(
        say({ type: 'ping' }),
        say({ type: 'pong' }),
        say({ type: 'pong', payload: {} }),
      ),
    },
    {
      weight: 10,
      arbitrary: authorization.map((each) => say({ type: 'ping', payload: { authorization: each } })),
    },
    {
      weight: 1,
      arbitrary: fc.dictionary(fc.string(), fc.jsonValue()).map((payload) => say({ type: 'ping', payload })),
    },
    {
      weight: 1,
      arbitrary: authorization.map((each) =>
        say({ type: 'connection_init', payload: { authorization: each } }),
      ),
    },
    { weight: 1, arbitrary: fc.jsonValue().map((each) => JSON.stringify(each)) },
    { weight: 1, arbitrary: fc.string() },
    {
      weight: 1,
      arbitrary: fc
        .record({ id: fc.jsonValue(), payload: fc.jsonValue() })
        .map((each) => say({ type: 'subscribe', ...each })),
    },
    { weight: 1, arbitrary: fc.uint8Array().map((bytes) => ({ binary: Buffer.from(bytes) })) },
    { weight: 1, arbitrary: fc.constant<Frame>({ leave: true }) },
  )
}

let sent = 0
/** A mutation over the socket, whoever is on it: something happens for those who listen. */
function sendingBy(): Frame {
  const input = { chatId, clientMessageId: `property ${++sent}`, text: 'hello' }
  return JSON.stringify({
    type: 'subscribe',
    id: `send ${sent}`,
    payload: { query: SendMessage, variables: { input } },
  })
}

/** How often an id was taken, and how often it was told that its operation is over. */
function check(raw: RawSocket, said: readonly string[]): void {
  const taken = new Map<string, number>()
  for (const text of said) {
    const { type, id: of } = parse(text)
    if (type === 'subscribe' && typeof of === 'string') taken.set(of, (taken.get(of) ?? 0) + 1)
  }
  const over = new Map<string, number>()
  for (const { type, id: of = '' } of raw.heard) {
    expect(['connection_ack', 'pong', 'next', 'error', 'complete']).toContain(type)
    if (type === 'connection_ack' || type === 'pong') continue
    const times = over.get(of) ?? 0
    // Each of them is over once, and says nothing afterwards.
    expect(times).toBeLessThan(taken.get(of) ?? 0)
    if (type !== 'next') over.set(of, times + 1)
  }
}

function parse(text: string): { type?: unknown; id?: unknown } {
  try {
    return Object(JSON.parse(text))
  } catch {
    return {}
  }
}

test('whatever is said: each operation is over once at the most, every close has a code of the list, all is freed', {
  timeout: 120_000,
}, async () => {
  const conversations = fc.array(
    fc.record({
      greets: fc.integer({ min: 0, max: 9 }).map((n) => n > 0),
      frames: fc.array(frameOf(users.map(({ token }) => token)), { minLength: 1, maxLength: 40 }),
    }),
    { minLength: 1, maxLength: 4 },
  )
  await fc.assert(
    fc.asyncProperty(conversations, async (clients) => {
      const ends = clients.map(async ({ greets, frames }) => {
        const raw = await openRaw(app.url)
        const said: string[] = []
        if (greets) {
          raw.send({ type: 'connection_init', payload: { authorization: `Bearer ${users[0].token}` } })
          await raw.next()
        }
        for (const frame of frames) {
          if (raw.socket.readyState !== raw.socket.OPEN) break
          if (typeof frame === 'string') {
            raw.send(frame)
            said.push(frame)
          } else if ('binary' in frame) raw.socket.send(frame.binary)
          else raw.socket.terminate()
        }
        const cut = frames.some((frame) => typeof frame === 'object' && 'leave' in frame)
        if (!cut) {
          raw.send({ type: 'ping', payload: { last: true } })
          await Promise.race([
            raw.closed,
            eventually(() => expect(JSON.stringify(raw.heard)).toContain('"last":true')),
          ])
        }
        raw.socket.close()
        const { code } = await raw.closed
        if (!cut) expect(closeCodes).toContain(code)
        check(raw, said)
      })
      await Promise.all(ends)
      const { feed, typing, presence } = app.app.services
      await eventually(() =>
        expect([feed.stats, typing.size, presence.size]).toMatchObject([{ users: 0, listeners: 0 }, 0, 0]),
      )
      expect((await fetch(`${app.url}/health/live`)).status).toBe(200)
    }),
    { numRuns: 60 },
  )
  expect(app.logs.filter(({ level }) => Number(level) >= 40)).toEqual([])
})
