import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { changeAccountState } from '../../src/features/auth/account-state.ts'
import { block, createObstacle, rowId } from '../blocks/blocking.ts'
import { startTestApp, type TestApp, type TestUser, testPassword } from '../testkit/app.ts'
import { createDirectChat, createGroupChat, sendMessage } from '../testkit/chats.ts'
import type { TestClient } from '../testkit/client.ts'
import { openStream, type StreamEvent } from '../testkit/event-stream.ts'
import { eventually } from '../testkit/eventually.ts'
import {
  BlockUser,
  ChangePassword,
  DeleteChat,
  DeleteMessage,
  EditMessage,
  EventCursor,
  LeaveChat,
  Login,
  Logout,
  RefreshTokens,
  RemoveChatMember,
  SetTyping,
} from '../testkit/operations.ts'
import { enterRaw, settled, subscribe } from '../testkit/raw-socket.ts'

/** Two processes, as far as anything can tell: they share the database alone. */
let apps: [TestApp, TestApp]
beforeAll(async () => {
  const first = await startTestApp({ timings: { graceMs: 50 } })
  apps = [first, await startTestApp({ database: first.database, timings: { graceMs: 50 } })]
})
afterAll(async () => {
  for (const app of apps.toReversed()) await app.dispose()
})

const message = 'message { id text } chat { id }'
/** Every kind of subscription, with and without a chat. */
const kinds: Record<string, string> = {
  events: `subscription { events { __typename ... on MessageEvent { ${message} } ... on ChatDeleted { deletedChatId }
    ... on ChatRead { chat { id } user { id } } } }`,
  added: `subscription { messageAdded { ${message} } }`,
  addedHere: `subscription ($chatId: ID) { messageAdded(chatId: $chatId) { ${message} } }`,
  edited: `subscription { messageEdited { ${message} } }`,
  editedHere: `subscription ($chatId: ID) { messageEdited(chatId: $chatId) { ${message} } }`,
  deleted: `subscription { messageDeleted { ${message} } }`,
  deletedHere: `subscription ($chatId: ID) { messageDeleted(chatId: $chatId) { ${message} } }`,
  typing: 'subscription { typing { isTyping chat { id } } }',
  typingHere: 'subscription ($chatId: ID) { typing(chatId: $chatId) { isTyping chat { id } } }',
  presence: 'subscription ($userIds: [ID!]!) { presence(userIds: $userIds) { presence { status } } }',
}

interface Attendance {
  /** Everything that came, over every transport of every process: of a kind, and as text. */
  heard(): { via: string; kind: string; said: string }[]
  /** How each connection ended. */
  readonly ended: Promise<unknown>[]
  leave(): void
}

/** Everything at once: each kind of subscription, over both transports, to both processes. */
async function attend(token: string, variables: { chatId: string; userIds: string[] }): Promise<Attendance> {
  const sources: (() => { via: string; kind: string; said: string }[])[] = []
  const ended: Promise<unknown>[] = []
  const leaving: (() => void)[] = []
  for (const [i, app] of apps.entries()) {
    const raw = await enterRaw(app.url, token)
    for (const [kind, query] of Object.entries(kinds)) raw.send(subscribe(kind, query, variables))
    await settled(raw)
    sources.push(() =>
      raw.heard
        .filter(({ id }) => id !== undefined)
        .map(({ id = '', type, payload }) => ({
          via: `WebSocket ${i}`,
          kind: id,
          said: JSON.stringify(payload) ?? type,
        })),
    )
    ended.push(raw.closed)
    leaving.push(() => raw.socket.close())
    for (const [kind, query] of Object.entries(kinds)) {
      const stream = await openStream(app.url, { token, query, variables })
      const said = ({ event, data }: StreamEvent) => ({
        via: `SSE ${i}`,
        kind,
        said: JSON.stringify(data ?? event),
      })
      sources.push(() => stream.events.map(said))
      ended.push(stream.ended.then((how) => ({ how, last: stream.events.at(-2)?.data.errors?.[0].message })))
      leaving.push(stream.leave)
    }
    const { feed, typing } = app.app.services
    await eventually(() => {
      expect(feed.stats.listeners).toBeGreaterThanOrEqual(14)
      expect(typing.size).toBeGreaterThanOrEqual(4)
    })
  }
  return {
    heard: () => sources.flatMap((source) => source()),
    ended,
    leave: () => {
      for (const each of leaving) each()
    },
  }
}

/** One of everything that members of a chat hear of; the texts begin with `when`. */
async function stir(author: TestUser, chatId: string, when: string): Promise<void> {
  const [one, two] = [
    await sendMessage(author, chatId, `${when} 1`),
    await sendMessage(author, chatId, `${when} 2`),
  ]
  await author.run(EditMessage, { input: { messageId: one.id, text: `${when} 3` } })
  await author.run(DeleteMessage, { input: { messageId: two.id } })
  await author.run(SetTyping, { input: { chatId, isTyping: true } })
}

/** Resolves once everything in the log has been handed over by both processes. */
async function told(client: TestUser): Promise<void> {
  for (const app of apps) {
    const live = app.client(client.token).subscribe('subscription { events { __typename } }')
    await live.until(({ events }) => events.__typename === 'CaughtUp')
    await live.stop()
  }
}

async function prepare() {
  const [app] = apps
  const [owner, member] = [await app.register('owner'), await app.register('member')]
  const chatId = await createGroupChat(owner, [member.id])
  const otherId = await createGroupChat(owner, [member.id], 'Another')
  const attendance = await attend(member.token, { chatId, userIds: [owner.id] })
  await stir(owner, chatId, 'before')
  await told(owner)
  await eventually(() => {
    const heard = attendance.heard()
    for (const via of ['WebSocket 0', 'WebSocket 1', 'SSE 0', 'SSE 1']) {
      const heardOf = new Set(heard.filter((each) => each.via === via).map(({ kind }) => kind))
      expect([...Object.keys(kinds)].filter((kind) => kind !== 'presence' && !heardOf.has(kind))).toEqual([])
    }
  })
  return { owner, member, chatId, otherId, attendance }
}

async function login(user: TestUser): Promise<TestClient> {
  const input = { identifier: user.username, password: testPassword }
  return apps[0].client((await apps[0].anonymous.run(Login, { input })).login.tokens.accessToken)
}

describe('a session that ends', () => {
  test.each<[string, (member: TestUser) => Promise<unknown>]>([
    ['by logging out', (member) => member.run(Logout)],
    [
      'because another session of the user revoked it',
      async (member) => {
        const { viewer } = await member.run('{ viewer { sessions { edges { node { id isCurrent } } } } }')
        const { node } = viewer.sessions.edges.find(
          ({ node: each }: { node: { isCurrent: boolean } }) => each.isCurrent,
        )
        const revoke = `mutation ($input: RevokeSessionInput!) { revokeSession(input: $input) { __typename } }`
        return (await login(member)).run(revoke, { input: { sessionId: node.id } })
      },
    ],
    [
      'with all others but one',
      async (member) => (await login(member)).run('mutation { revokeOtherSessions { __typename } }'),
    ],
    [
      'because the password was changed',
      async (member) =>
        (await login(member)).run(ChangePassword, {
          input: { currentPassword: testPassword, newPassword: 'An0ther-passphrase' },
        }),
    ],
    [
      'because its refresh token was used twice',
      async ({ refreshToken }) => {
        const [app] = apps
        const use = (token: string) => app.anonymous.run(RefreshTokens, { input: { refreshToken: token } })
        const { refreshTokens } = await use(refreshToken)
        await use(refreshTokens.tokens.refreshToken)
        expect((await use(refreshToken)).refreshTokens.code).toBe('INVALID_REFRESH_TOKEN')
      },
    ],
    [
      'because the account was disabled',
      ({ username }) => changeAccountState(apps[0].app.services.store, username, 'disable'),
    ],
    [
      'because the account was erased',
      (member) =>
        member.run('mutation ($input: DeleteAccountInput!) { deleteAccount(input: $input) { __typename } }', {
          input: { password: testPassword, messages: 'KEEP_ANONYMOUS' },
        }),
    ],
  ])('%s: nothing after it, over no transport, from no process', async (_why, end) => {
    const { owner, member, chatId, attendance } = await prepare()
    await end(member)
    await stir(owner, chatId, 'after')
    await told(owner)
    const ends = await Promise.all(attendance.ended)
    expect(new Set(ends.map((each) => JSON.stringify(each)))).toEqual(
      new Set([
        JSON.stringify({ code: 4403, reason: 'Session revoked' }),
        JSON.stringify({ how: 'completed', last: 'Session revoked: log in again.' }),
      ]),
    )
    expect(attendance.heard().filter(({ said }) => said.includes('after'))).toEqual([])
  })

  test('with its token: nothing after it', async () => {
    const brief = await startTestApp({ database: apps[0].database, config: { accessTokenTtlSeconds: 3 } })
    const [owner, member] = [await apps[0].register('owner'), await brief.register('member')]
    const chatId = await createGroupChat(owner, [member.id])
    const expiresAt =
      JSON.parse(Buffer.from(String(member.token.split('.')[1]), 'base64url').toString()).exp * 1000
    const attendance = await attend(member.token, { chatId, userIds: [owner.id] })
    await eventually(() => expect(Date.now()).toBeGreaterThan(expiresAt))
    await stir(owner, chatId, 'after')
    const ends = await Promise.all(attendance.ended)
    expect(new Set(ends.map((each) => JSON.stringify(each)))).toEqual(
      new Set([
        JSON.stringify({ code: 4403, reason: 'Token expired' }),
        JSON.stringify({ how: 'completed', last: 'Token expired: log in again, or refresh.' }),
      ]),
    )
    expect(attendance.heard().filter(({ said }) => said.includes('after'))).toEqual([])
    await brief.dispose()
  })

  test('while an event is worked on: it is not handed over', async () => {
    const [app] = apps
    const [owner, member] = [await app.register('owner'), await app.register('member')]
    const chatId = await createGroupChat(owner, [member.id])
    const query = 'subscription { messageAdded { message { text reactions { emoji } } } }'
    const raw = await enterRaw(app.url, member.token)
    raw.send(subscribe('1', query))
    const stream = await openStream(app.url, { token: member.token, query })
    await eventually(() => expect(app.app.services.feed.stats.listeners).toBe(2))
    const obstacle = await createObstacle(app)
    await obstacle.query('LOCK TABLE reactions')
    await sendMessage(owner, chatId, 'worked on')
    await obstacle.untilWaiting(2)
    await member.run(Logout)
    expect(await raw.closed).toEqual({ code: 4403, reason: 'Session revoked' })
    await eventually(() => expect(app.app.services.feed.stats.listeners).toBe(0))
    await obstacle.end()
    expect(await stream.ended).toBe('completed')
    expect(JSON.stringify([stream.events, raw.heard])).not.toContain('worked on')
  })
})

describe('a chat that is lost', () => {
  test.each<[string, (given: Awaited<ReturnType<typeof prepare>>) => Promise<unknown>]>([
    [
      'by being removed',
      ({ owner, member, chatId }) => owner.run(RemoveChatMember, { input: { chatId, userId: member.id } }),
    ],
    ['by leaving', ({ member, chatId }) => member.run(LeaveChat, { input: { chatId } })],
    ['because it was deleted', ({ owner, chatId }) => owner.run(DeleteChat, { input: { chatId } })],
  ])('%s: nothing of it after that, and all else goes on', async (why, lose) => {
    const given = await prepare()
    const { owner, member, chatId, otherId, attendance } = given
    await lose(given)
    if (why !== 'because it was deleted') await stir(owner, chatId, 'after')
    await stir(owner, otherId, 'elsewhere')
    await eventually(() => {
      const elsewhere = attendance.heard().filter(({ said }) => said.includes(otherId))
      for (const kind of ['events', 'added', 'edited', 'deleted', 'typing']) {
        expect(new Set(elsewhere.filter((each) => each.kind === kind).map(({ via }) => via)).size).toBe(4)
      }
    })
    const heard = attendance.heard()
    expect(heard.filter(({ said }) => said.includes('after'))).toEqual([])
    for (const via of ['WebSocket 0', 'WebSocket 1', 'SSE 0', 'SSE 1']) {
      const events = heard.filter((each) => each.via === via && each.kind === 'events')
      const last = events.findLastIndex(({ said }) => said.includes(chatId))
      expect(events[last]?.said).toContain('ChatDeleted')
    }
    // A subscription to that chat is over; asking for it again says why.
    for (const kind of ['addedHere', 'editedHere', 'deletedHere']) {
      const completed = heard.filter((each) => each.kind === kind && each.said.includes('complete'))
      expect(completed.map(({ via }) => via).sort()).toEqual(['SSE 0', 'SSE 1', 'WebSocket 0', 'WebSocket 1'])
    }
    const here = 'subscription ($chatId: ID) { messageAdded(chatId: $chatId) { cursor } }'
    const again = member.subscribe(here, { chatId })
    await again.ended
    expect(again.failure).toMatchObject([{ extensions: { code: 'NOT_FOUND' } }])
    await again.stop()
    attendance.leave()
  })

  test('in the middle of a backlog of five thousand: what was not read from the log by then never comes', async () => {
    const [app] = apps
    const [owner, member] = [await app.register('owner'), await app.register('member')]
    const chatId = await createGroupChat(owner, [member.id])
    const after = (await member.run(EventCursor)).viewer.eventCursor
    await talk(chatId, owner, 5_000)
    await told(owner)
    const query = `subscription ($after: String) { events(after: $after) { __typename
      ... on MessageAdded { message { text reactions { emoji } } } } }`
    const obstacle = await createObstacle(app)
    await obstacle.query('LOCK TABLE reactions')
    const raw = await enterRaw(app.url, member.token)
    raw.send(subscribe('1', query, { after }))
    const stream = await openStream(app.url, { token: member.token, query, variables: { after } })
    await obstacle.untilWaiting(2)
    await owner.run(RemoveChatMember, { input: { chatId, userId: member.id } })
    await sendMessage(owner, chatId, 'after')
    await obstacle.end()
    const overSocket = () => raw.heard.slice(1).map(({ payload }) => payload.data.events.__typename)
    const overStream = () => stream.events.map(({ data }) => data.data.events.__typename)
    for (const types of [overSocket, overStream]) {
      await eventually(() => expect(types().at(-1)).toBe('CaughtUp'))
      expect(types().slice(-2)).toEqual(['ChatDeleted', 'CaughtUp'])
      // One page of the log at the most.
      expect(types().length).toBeLessThan(5_000 / 10)
    }
    raw.socket.close()
    stream.leave()
  })
})

test('a session that ends in the middle of a backlog takes the rest of it along', async () => {
  const [app] = apps
  const [owner, member] = [await app.register('owner'), await app.register('member')]
  const chatId = await createGroupChat(owner, [member.id])
  const after = (await member.run(EventCursor)).viewer.eventCursor
  await talk(chatId, owner, 5_000)
  await told(owner)
  const query = `subscription ($after: String) { messageAdded(after: $after) { message { reactions { emoji } } } }`
  const obstacle = await createObstacle(app)
  await obstacle.query('LOCK TABLE reactions')
  const raw = await enterRaw(app.url, member.token)
  raw.send(subscribe('1', query, { after }))
  const stream = await openStream(app.url, { token: member.token, query, variables: { after } })
  await obstacle.untilWaiting(2)
  await member.run(Logout)
  expect(await raw.closed).toEqual({ code: 4403, reason: 'Session revoked' })
  await obstacle.end()
  expect(await stream.ended).toBe('completed')
  expect(raw.heard.map(({ type }) => type)).toEqual(['connection_ack'])
  expect(stream.events.map(({ data }) => data?.errors?.[0].extensions.code)).toEqual([
    'UNAUTHENTICATED',
    undefined,
  ])
})

/** Says this much in a chat, without the server. */
async function talk(chatId: string, author: TestUser, count: number): Promise<void> {
  const client = new pg.Client(apps[0].database.url)
  await client.connect()
  await client.query(
    `WITH c AS (UPDATE chats SET last_sequence = last_sequence + $3 WHERE id = $1 RETURNING last_sequence - $3 AS from_here),
      m AS (
        INSERT INTO messages (id, chat_id, sequence, author_id, text)
        SELECT gen_random_uuid(), $1, from_here + n, $2, 'word' FROM c, generate_series(1, $3::int) n
        RETURNING id, sequence
      )
      INSERT INTO events (kind, chat_id, subject_id, sequence)
      SELECT 'MESSAGE_ADDED', $1, id, sequence FROM m ORDER BY sequence`,
    [rowId(chatId), rowId(author.id), count],
  )
  await client.end()
}

test.each(['the blocker', 'the blocked'] as const)(
  'a block: %s hears nothing new of the other',
  async (which) => {
    const [app] = apps
    const [alice, bob] = [await app.register('alice'), await app.register('bob')]
    const chatId = await createDirectChat(alice, bob.id)
    const [listener, speaker] = which === 'the blocker' ? [alice, bob] : [bob, alice]
    const before = await sendMessage(speaker, chatId, 'before')
    const attendance = await attend(listener.token, { chatId, userIds: [speaker.id] })
    const device = await enterRaw(app.url, speaker.token)
    await eventually(() => expect(JSON.stringify(attendance.heard())).toContain('ONLINE'))
    await block(alice, bob.id)
    await eventually(() => {
      const shown = attendance.heard().filter(({ kind }) => kind === 'presence')
      expect(shown.filter(({ said }) => said.includes('OFFLINE')).length).toBe(4)
    })
    const heard = attendance.heard().length
    device.socket.close()
    const again = await enterRaw(app.url, speaker.token)
    for (const [operation, input] of [
      [EditMessage, { messageId: before.id, text: 'after' }],
      [SetTyping, { chatId, isTyping: true }],
      [BlockUser, { userId: speaker.id }],
    ] as const) {
      expect(await speaker.codeOf(operation, { input })).toMatch(/FORBIDDEN|VALIDATION_FAILED/)
    }
    await speaker.run(
      'mutation ($input: MarkChatReadInput!) { markChatRead(input: $input) { __typename } }',
      {
        input: { chatId, sequence: 1 },
      },
    )
    await told(alice)
    await told(bob)
    const later = attendance.heard()
    // What the blocker's own devices are told of is the block itself.
    const own = later.filter(({ said }) => said.includes('UserUpdated')).length
    expect(own).toBe(which === 'the blocker' ? 4 : 0)
    expect(later.filter(({ said }) => said.includes('after') || said.includes('ChatRead'))).toEqual([])
    expect(later.length - heard).toBeLessThanOrEqual(own)
    again.socket.close()
    attendance.leave()
  },
)
