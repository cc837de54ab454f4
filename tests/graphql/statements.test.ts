import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseIdOf, toGlobalId, uuidv7 } from '../../src/core/ids.ts'
import { startTestApp, type TestApp, type TestUser, testPassword } from '../testkit/app.ts'
import { createDirectChat, createGroupChat, sendMessage } from '../testkit/chats.ts'
import type { Data, TestClient } from '../testkit/client.ts'
import {
  AddChatMembers,
  AddReaction,
  BlockUser,
  ChangeEmail,
  ChangePassword,
  ChatMembers,
  ClearChat,
  CreateDirectChat,
  CreateGroupChat,
  DeleteChat,
  DeleteMessage,
  EditMessage,
  LeaveChat,
  Login,
  Logout,
  MarkChatRead,
  MuteChat,
  NodesById,
  RefreshTokens,
  Register,
  RemoveChatMember,
  RenameChat,
  RequestDataExport,
  SearchMessages,
  SearchUsers,
  SendMessage,
  SetChatMemberRole,
  SetTyping,
  UnblockUser,
  UpdateProfile,
  UserByUsername,
} from '../testkit/operations.ts'

/** Someone with this many chats, this many messages in the first of them, and this many exports. */
interface World {
  readonly size: number
  readonly viewer: TestUser
  readonly chatIds: readonly string[]
  readonly messages: readonly Data[]
}

let app: TestApp
let bob: TestUser
let carol: TestUser
let worlds: World[]
beforeAll(async () => {
  app = await startTestApp()
  ;[bob, carol] = [await app.register('bob'), await app.register('carol')]
  worlds = [await createWorld(1), await createWorld(50)]
  // The check of a session is remembered from its first request on.
  await bob.run('{ viewer { email } }')
})
afterAll(() => app.dispose())

async function createWorld(size: number): Promise<World> {
  const viewer = await app.register('viewer')
  const chatIds = await Promise.all(
    Array.from({ length: size }, (_, i) => createGroupChat(viewer, [bob.id, carol.id], `Chat ${i}`)),
  )
  const [first = ''] = chatIds
  await Promise.all(chatIds.map((chatId) => sendMessage(bob, chatId, 'hello')))
  const more = Array.from({ length: size - 1 }, (_, i) =>
    sendMessage(i % 2 ? bob : viewer, first, `more ${i}`),
  )
  await Promise.all(more)
  const question = await sendMessage(viewer, first, 'answered')
  for (let i = 0; i < Math.min(size, 5); i++) {
    const { id } = await sendMessage(bob, first, 'changed')
    await bob.run(EditMessage, { input: { messageId: id, text: 'edited' } })
    for (const emoji of ['👍', '🎉']) await viewer.run(AddReaction, { input: { messageId: id, emoji } })
    const answer = { chatId: first, clientMessageId: `answer ${id}`, text: 'answer', replyToId: question.id }
    await viewer.run(SendMessage, { input: answer })
  }
  await blockCrowd(viewer, size)
  const { chat } = await viewer.run(Messages, { id: first, last: size })
  await app.app.services.store.prisma.dataExport.createMany({
    data: Array.from({ length: size }, () => ({
      id: uuidv7(),
      userId: parseIdOf('User', viewer.id) ?? '',
      status: 'READY' as const,
      size: 1,
    })),
  })
  return { size, viewer, chatIds, messages: chat.messages.edges.map(({ node }: Data) => node) }
}

/** Lets someone have blocked this many others. */
async function blockCrowd({ id }: TestUser, size: number): Promise<void> {
  const { prisma } = app.app.services.store
  const crowd = Array.from({ length: size }, () => {
    const name = uuidv7()
    const keys = { usernameKey: name, email: name, emailKey: name, displayNameKey: 'crowd' }
    return { id: name, username: name, displayName: 'crowd', passwordHash: '', ...keys }
  })
  const blockerId = Buffer.from(id, 'base64url').toString().slice('User:'.length)
  await prisma.user.createMany({ data: crowd })
  await prisma.block.createMany({
    data: crowd.map((user) => ({ id: uuidv7(), blockerId, blockedId: user.id })),
  })
}

/** What the log does by itself, at moments of its own, for whoever follows it. */
const background = /pg_notify|FOR UPDATE SKIP LOCKED|pg_locks|FROM events e WHERE e\.position > \$1 ORDER BY/

async function count(client: TestClient, operation: string, variables?: object): Promise<number> {
  const { result, statements } = await app.statements(() => client.send(operation, variables))
  expect(result.errors).toEqual([])
  expect(JSON.stringify(result.data)).not.toContain('"code"')
  return statements.filter((sql) => !background.test(sql)).length
}

const Chats = `query ($size: Int!) { viewer { email user { displayName } unreadCount chats(first: $size) { edges { node {
  id title unreadCount memberCount viewerMembership { role user { username } }
  lastMessage { text author { username } viewerCanEdit viewerCanDelete chat { title } }
  members(first: 3) { edges { node { role user { username } } } } } } pageInfo { hasNextPage } } } }`

const ChatList = `{ viewer { chats(first: 100) { edges { cursor node {
  id title lastActivityAt unreadCount memberCount otherUser { username displayName }
  lastMessage { text deletedAt author { username displayName } }
  members(first: 3) { edges { node { role user { username } } } } } }
  pageInfo { hasNextPage endCursor } } } }`

const Messages = `query ($id: ID!, $last: Int!) { chat(id: $id) { messages(last: $last) { edges { cursor node {
  id text author { username displayName } viewerCanEdit viewerCanDelete chat { title } } }
  pageInfo { hasPreviousPage } } } }`

const Extras = `query ($id: ID!, $last: Int!) { chat(id: $id) { messages(last: $last) { edges { node {
  id text replyTo { id text } reactions { emoji count users(first: 1) { edges { node { id } } } }
  revisions(first: 1) { edges { node { text } } } } } } } }`

const Nested = `query ($size: Int!) { viewer { chats(first: $size) { edges { node {
  messages(last: 2) { edges { node { text author { username } } } } } } } } }`

const Blocked = `query ($size: Int!) { viewer { blockedUsers(first: $size) {
  edges { cursor node { username viewerHasBlocked } } pageInfo { hasNextPage } } } }`

const Presences = `query ($size: Int!) { viewer { blockedUsers(first: $size) {
  edges { node { presence { status lastSeenAt } } } } } }`

const DataExports = `query ($size: Int!) { viewer { dataExports(first: $size) {
  edges { node { status sizeBytes downloadUrl } } pageInfo { hasNextPage } } } }`

const Poll =
  'query ($after: String!) { viewer { eventCursor events(after: $after) { edges { node { cursor } } } } }'

const AcrossChats = `query ($size: Int!) { viewer { messages(last: $size) { edges { cursor highlights { start } node {
  text author { username } chat { title } } } } } }`

const OfMembers = `query ($id: ID!, $size: Int!) { chat(id: $id) { members { edges { node { user {
  messages(last: $size) { edges { node { text author { username } } } } } } } } } }`

describe('a read costs the same number of statements for one item and for fifty', () => {
  test.each<[string, number, string, (world: World) => object]>([
    ['the list of chats and the viewer', 8, Chats, ({ size }) => ({ size })],
    ['chats with their messages', 2, Nested, ({ size }) => ({ size })],
    [
      'a page of messages with all that hangs on them',
      5,
      Extras,
      ({ size, chatIds }) => ({ id: chatIds[0], last: size }),
    ],
    ['a page of messages', 3, Messages, ({ size, chatIds }) => ({ id: chatIds[0], last: size })],
    ['a page of members', 3, ChatMembers, ({ chatIds }) => ({ id: chatIds[0] })],
    ['nodes of one type', 1, NodesById, ({ chatIds }) => ({ ids: chatIds })],
    [
      'nodes of three types',
      3,
      NodesById,
      ({ chatIds, messages }) => ({
        ids: [bob.id, ...chatIds.slice(0, 49), ...messages.slice(0, 50).map(({ id }) => id)],
      }),
    ],
    ['a search', 1, SearchUsers, ({ size }) => ({ search: size === 1 ? 'carol' : 'viewer', first: size })],
    [
      'a search for messages, with where they are from',
      2,
      SearchMessages,
      ({ size }) => ({ query: 'hello or more or edited', first: size }),
    ],
    [
      'a search for messages in a chat',
      2,
      SearchMessages,
      ({ size, chatIds }) => ({ query: 'hello or more', chatId: chatIds[0], authorId: bob.id, first: size }),
    ],
    ['messages of all chats', 2, AcrossChats, ({ size }) => ({ size })],
    ['messages of each member of a chat', 3, OfMembers, ({ size, chatIds }) => ({ id: chatIds[0], size })],
    ['a search by email', 1, SearchUsers, () => ({ search: bob.email })],
    ['a page of those who are blocked', 2, Blocked, ({ size }) => ({ size })],
    ['a page of users with their presence', 2, Presences, ({ size }) => ({ size })],
    ['a user', 1, UserByUsername, () => ({ username: bob.username })],
    ['the exports of an account', 1, DataExports, ({ size }) => ({ size })],
  ])('%s: %i', async (_what, expected, operation, variables) => {
    const counts: number[] = []
    for (const world of worlds) counts.push(await count(world.viewer, operation, variables(world)))
    expect(counts).toEqual([expected, expected])
  })

  test('the list of one chat and of a hundred, as clients show it: 4', async () => {
    const viewer = await app.register('viewer')
    const direct = await createDirectChat(viewer, bob.id)
    await sendMessage(bob, direct, 'hello')
    const before = await count(viewer, ChatList)
    for (let i = 1; i < 100; i++)
      await sendMessage(bob, await createGroupChat(bob, [viewer.id, carol.id]), 'hello')
    expect([before, await count(viewer, ChatList)]).toEqual([4, 4])
    expect((await viewer.run(ChatList)).viewer.chats.edges).toHaveLength(100)
  })

  test('a page of changed profiles: 2', async () => {
    const counts: number[] = []
    for (const size of [1, 50]) {
      const viewer = await app.register('viewer')
      const people = await Promise.all(Array.from({ length: size }, () => app.register('peer')))
      const memberIds = people.map(({ id }) => id)
      await createGroupChat(viewer, memberIds)
      const after = (await viewer.run('{ viewer { eventCursor } }')).viewer.eventCursor
      for (const each of people) await each.run(UpdateProfile, { input: { bio: 'new here' } })
      const Updates = `query ($after: String!) { viewer { events(after: $after, first: 100) { edges { node {
        cursor ... on UserUpdated { user { username bio } } } } } } }`
      const isThere = async () =>
        (await viewer.run(Updates, { after })).viewer.events.edges.filter(({ node }: Data) => node.user)
      await expect.poll(isThere).toHaveLength(size)
      counts.push(await count(viewer, Updates, { after }))
    }
    expect(counts).toEqual([2, 2])
  })

  test('a page of the log: 3', async () => {
    const cursor = (await bob.run('{ viewer { eventCursor } }')).viewer.eventCursor
    const counts: number[] = []
    for (const size of [1, 18]) {
      for (let i = 0; i < size; i++) await sendMessage(bob, worlds[0]?.chatIds[0] ?? '', 'news')
      counts.push(await countPoll(cursor))
    }
    expect(counts).toEqual([3, 3])
  })

  async function countPoll(after: string): Promise<number> {
    const { result, statements } = await app.statements(async () => {
      // The log shows a message some milliseconds after it was sent.
      for (;;) {
        const answer = await bob.run(Poll, { after })
        if (answer.viewer.events.edges.length > 0) return answer
      }
    })
    expect(result.viewer.events.edges.length).toBeGreaterThan(0)
    const last = statements.filter((sql) => !background.test(sql)).reverse()
    return last.findIndex((sql) => sql.includes('UNION ALL')) + 1
  }
})

test('what is missed is handed over in groups, each for the same number of statements', async () => {
  const viewer = await app.register('viewer')
  const chatId = await createGroupChat(bob, [viewer.id])
  const Added = `subscription ($after: String) { messageAdded(after: $after) {
    chat { unreadCount memberCount } message { text replyTo { id } reactions { emoji } } } }`
  const counts: number[] = []
  for (const size of [1, 50]) {
    const { after } = (await viewer.run('{ viewer { after: eventCursor } }')).viewer
    for (let i = 0; i < size; i++) await sendMessage(bob, chatId, `missed ${i}`)
    // The log shows a message some milliseconds after it was sent.
    const before = viewer.subscribe(Added, { after })
    await before.take(size)
    await before.stop()
    const { statements } = await app.statements(async () => {
      const live = viewer.subscribe(Added, { after })
      await live.take(size)
      await live.stop()
    })
    counts.push(statements.filter((sql) => /chat_summaries|reactions r|memberCount/.test(sql)).length)
  }
  expect(counts).toEqual([2, 2])
})

test('the root fields of one operation share their look-ups', async () => {
  const [world] = worlds
  const [id] = world?.chatIds ?? []
  const twice = `query ($id: ID!) { a: chat(id: $id) { title } b: chat(id: $id) { kind memberCount } viewer { email user { id } } }`
  expect(await count(bob, twice, { id })).toBe(3)
})

describe('a write costs', () => {
  let made = 0
  const newText = () => ({ text: `text ${++made}`, clientMessageId: `statement ${made}` })
  const chatId = () => worlds[1]?.chatIds[0] ?? ''

  /** People, without logging anyone in. */
  async function crowd(size: number): Promise<string[]> {
    const people = Array.from({ length: size }, () => {
      const name = uuidv7()
      const keys = { usernameKey: name, email: name, emailKey: name, displayNameKey: 'crowd' }
      return { id: name, username: name, displayName: 'crowd', passwordHash: '', ...keys }
    })
    await app.app.services.store.prisma.user.createMany({ data: people })
    return people.map(({ id }) => toGlobalId('User', id))
  }
  const team = async (size = 1) => createGroupChat(bob, [carol.id, ...(await crowd(size))])
  const pair = async () => createDirectChat(bob, (await app.register('new')).id)
  async function said(size: number, where: () => Promise<string>): Promise<object> {
    const id = await where()
    for (let i = 0; i < size; i++) await sendMessage(bob, id, 'x')
    return { chatId: id }
  }

  /** The chat of a message is a look-up of its own, so these do not ask for it. */
  const [Send, Edit, Delete] = [SendMessage, EditMessage, DeleteMessage].map((operation) =>
    operation.replace('chat { id }', ''),
  ) as [string, string, string]

  /** BEGIN and COMMIT are statements, too. */
  test.each<[string, number, string, () => Promise<object> | object]>([
    ['sending a message', 1, Send, () => ({ chatId: chatId(), ...newText() })],
    [
      'sending it again',
      3,
      Send,
      async () => {
        const input = { chatId: chatId(), ...newText() }
        await bob.run(Send, { input })
        return input
      },
    ],
    [
      'editing a message',
      2,
      Edit,
      async () => ({ messageId: (await sendMessage(bob, chatId(), 'x')).id, text: 'y' }),
    ],
    [
      'a reaction',
      8,
      AddReaction,
      async () => ({ messageId: (await sendMessage(bob, chatId(), 'x')).id, emoji: '👍' }),
    ],
    [
      'deleting a message',
      7,
      Delete,
      async () => ({ messageId: (await sendMessage(bob, chatId(), 'x')).id }),
    ],
    [
      'marking a chat as read',
      4,
      MarkChatRead,
      async () => ({ chatId: chatId(), sequence: (await sendMessage(carol, chatId(), 'x')).sequence }),
    ],
    ['typing', 1, SetTyping, () => ({ chatId: chatId(), isTyping: true })],
    ['marking what was read already', 2, MarkChatRead, () => ({ chatId: chatId(), sequence: 1 })],
    ['a direct chat', 11, CreateDirectChat, async () => ({ userId: (await app.register('new')).id })],
    [
      'a direct chat that stands',
      3,
      CreateDirectChat,
      async () => {
        await bob.run(CreateDirectChat, { input: { userId: carol.id } })
        return { userId: carol.id }
      },
    ],
    [
      'a group of three',
      9,
      CreateGroupChat,
      () => ({ title: 'x', memberIds: [carol.id, worlds[0]?.viewer.id] }),
    ],
    ['a group of one', 9, CreateGroupChat, () => ({ title: 'x', memberIds: [] })],
    ['adding one', 15, AddChatMembers, async () => ({ chatId: await team(), userIds: await crowd(1) })],
    ['adding fifty', 15, AddChatMembers, async () => ({ chatId: await team(), userIds: await crowd(50) })],
    ['removing somebody', 13, RemoveChatMember, async () => ({ chatId: await team(), userId: carol.id })],
    ['leaving', 13, LeaveChat, async () => ({ chatId: await team() })],
    [
      'a role',
      11,
      SetChatMemberRole,
      async () => ({ chatId: await team(), userId: carol.id, role: 'ADMIN' }),
    ],
    [
      'handing over',
      13,
      SetChatMemberRole,
      async () => ({ chatId: await team(), userId: carol.id, role: 'OWNER' }),
    ],
    ['a title', 10, RenameChat, async () => ({ chatId: await team(), title: 'New' })],
    ['a mute', 5, MuteChat, async () => ({ chatId: await team(), until: '2999-01-01T00:00:00.000Z' })],
    ['deleting a chat of three', 7, DeleteChat, async () => ({ chatId: await team() })],
    ['deleting one of fifty', 7, DeleteChat, async () => ({ chatId: await team(50) })],
    ['clearing a message', 13, ClearChat, () => said(1, team)],
    ['clearing fifty', 13, ClearChat, () => said(50, team)],
    ['clearing one of a direct chat', 10, ClearChat, () => said(1, pair)],
    ['clearing fifty of a direct chat', 10, ClearChat, () => said(50, pair)],
    ['a block', 12, BlockUser, async () => ({ userId: (await app.register('new')).id })],
    [
      'a block that stands',
      7,
      BlockUser,
      async () => {
        const { id } = await app.register('new')
        await bob.run(BlockUser, { input: { userId: id } })
        return { userId: id }
      },
    ],
    [
      'taking a block back',
      12,
      UnblockUser,
      async () => {
        const { id } = await app.register('new')
        await bob.run(BlockUser, { input: { userId: id } })
        return { userId: id }
      },
    ],
    ['a login', 8, Login, () => ({ identifier: bob.username, password: testPassword })],
    [
      'a registration',
      9,
      Register,
      () => ({ username: `new_${++made}`, email: `new_${made}@example.com`, password: testPassword }),
    ],
    // One for the write, one to read the viewer.
    ['a new profile', 4, UpdateProfile, () => ({ displayName: `Bob ${++made}`, bio: `Bio ${made}` })],
    ['a profile that is as it was', 4, UpdateProfile, () => ({})],
    [
      'a refresh of tokens',
      2,
      RefreshTokens,
      async () => ({ refreshToken: (await app.register('new')).refreshToken }),
    ],
  ])('%s: %i', async (_what, expected, operation, prepare) => {
    const input = await prepare()
    expect(await count(bob, operation, { input })).toBe(expected)
  })

  test('an erasure: 26, with one chat and with fifty', async () => {
    // What it leaves to the background is not part of it.
    await app.app.services.eraser.dispose()
    const operation = `mutation ($input: DeleteAccountInput!) { deleteAccount(input: $input) {
      __typename ... on UserError { code } } }`
    for (const size of [1, 50]) {
      const { viewer } = await createWorld(size)
      const input = { password: testPassword, messages: 'KEEP_ANONYMOUS' }
      expect(await count(viewer, operation, { input })).toBe(26)
    }
  })

  test('a new email: 3; a new password: 6', async () => {
    const moving = await app.register('moving')
    await moving.run('{ viewer { email } }')
    const email = { password: testPassword, email: `new_${++made}@example.com` }
    expect(await count(moving, ChangeEmail, { input: email })).toBe(3)
    const password = { currentPassword: testPassword, newPassword: 'Another1Password' }
    expect(await count(moving, ChangePassword, { input: password })).toBe(6)
  })

  test.each<[string, number, string, (user: TestUser) => object]>([
    ['a login', 10, Login, (user) => ({ identifier: user.username, password: testPassword })],
    [
      'a registration',
      10,
      Register,
      () => ({ username: `new_${++made}`, email: `new_${made}@example.com`, password: testPassword }),
    ],
    ['a refresh of tokens', 3, RefreshTokens, (user) => ({ refreshToken: user.refreshToken })],
  ])('%s with rate limits: %i', async (_what, expected, operation, input) => {
    const limited = await startTestApp({ database: app.database, config: { rateLimits: true } })
    const user = await app.register('limited')
    const { result, statements } = await limited.statements(() =>
      limited.anonymous.run(operation, { input: input(user) }),
    )
    expect(JSON.stringify(result)).not.toContain('"code"')
    expect(statements.filter((sql) => !background.test(sql))).toHaveLength(expected)
    await limited.dispose()
  })

  test('a request for an export: 5, and 4 while one is built', async () => {
    const asking = await app.register('asking')
    await asking.run('{ viewer { email } }')
    // Nothing is built while this is held.
    const client = new pg.Client(app.database.url)
    await client.connect()
    await client.query('BEGIN; LOCK TABLE data_export_chunks')
    expect(await count(asking, RequestDataExport)).toBe(5)
    expect(await count(asking, RequestDataExport)).toBe(4)
    await client.end()
  })

  test('a logout: 1', async () => {
    const leaving = await app.register('leaving')
    await leaving.run('{ viewer { email } }')
    expect(await count(leaving, Logout)).toBe(1)
  })

  test('a request of a session that was seen before: nothing for the check', async () => {
    const seen = await app.register('seen')
    const checks: string[] = []
    app.app.control.onStatement = (sql) => {
      if (sql.includes('FROM sessions')) checks.push(sql)
    }
    for (let i = 0; i < 3; i++) expect(await count(seen, '{ viewer { email } }')).toBe(1)
    expect(checks).toHaveLength(1)
    app.app.control.onStatement = null
  })
})
