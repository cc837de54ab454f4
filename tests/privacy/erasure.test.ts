import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseIdOf } from '../../src/core/ids.ts'
import { startTestApp, type TestApp, type TestUser, testPassword } from '../testkit/app.ts'
import { createDirectChat, createGroupChat, sendMessage } from '../testkit/chats.ts'
import type { Data, TestClient } from '../testkit/client.ts'
import {
  AddReaction,
  BlockUser,
  ChangeEmail,
  ChatMessages,
  EventCursor,
  Login,
  Me,
  NodesById,
  RefreshTokens,
  Register,
  RemoveReaction,
  RequestDataExport,
  SearchUsers,
  SendMessage,
  UpdateProfile,
  UserByUsername,
} from '../testkit/operations.ts'

let app: TestApp
let db: pg.Client
beforeAll(async () => {
  app = await startTestApp()
  db = new pg.Client(app.database.url)
  await db.connect()
})
afterAll(async () => {
  await db.end()
  await app.dispose()
})

const DeleteAccount = `mutation DeleteAccount($input: DeleteAccountInput!) { deleteAccount(input: $input) {
  __typename ... on DeleteAccountPayload { deletedUserId } ... on UserError { code } } }`
const Erased = `subscription Erased($after: String) { events(after: $after) {
  __typename cursor
  ... on AccountErased { chat { id memberCount } deletedUserId deletedMemberId messages }
  ... on MessageAdded { message { text } } } }`

type Mode = 'KEEP_ANONYMOUS' | 'ERASE'
const modes: Mode[] = ['KEEP_ANONYMOUS', 'ERASE']

async function erase(client: TestClient, messages: Mode, password = testPassword): Promise<Data> {
  return (await client.run(DeleteAccount, { input: { password, messages } })).deleteAccount
}

/** Until the background work is through. */
async function finished(): Promise<void> {
  await expect.poll(async () => (await rows('SELECT 1 FROM erasures')).length, { timeout: 20_000 }).toBe(0)
}

async function rows(sql: string, values: unknown[] = []): Promise<Data[]> {
  return (await db.query(sql, values)).rows
}

function rowId(user: TestUser): string {
  return parseIdOf('User', user.id) ?? ''
}

async function messagesOf(client: TestClient, id: string): Promise<Data[]> {
  const { chat } = await client.run(ChatMessages, { id, last: 100 })
  return chat.messages.edges.map(({ node }: Data) => node)
}

async function setRole(chatId: string, user: TestUser, role: string): Promise<void> {
  const values = [parseIdOf('Chat', chatId), rowId(user), role]
  await db.query('UPDATE chat_members SET role = $3::chat_role WHERE chat_id = $1 AND user_id = $2', values)
}

async function rolesIn(client: TestClient, id: string): Promise<Record<string, string>> {
  const { chat } = await client.run(
    'query ($id: ID!) { chat(id: $id) { members { edges { node { role user { username } } } } } }',
    {
      id,
    },
  )
  return Object.fromEntries(chat.members.edges.map(({ node }: Data) => [node.user.username, node.role]))
}

test('the account is gone at once: sessions, sockets, logins, its name and its page', async () => {
  const [alice, bob] = [await app.register('alice'), await app.register('bob')]
  const input = { identifier: alice.username, password: testPassword }
  const { tokens } = (await app.anonymous.run(Login, { input })).login
  const elsewhere = app.client(tokens.accessToken)
  const closed = new Promise((resolve) => elsewhere.socket({ lazy: false, onClosed: resolve }))
  await elsewhere.run(Me)

  expect(await erase(alice, 'KEEP_ANONYMOUS')).toEqual({
    __typename: 'DeleteAccountPayload',
    deletedUserId: alice.id,
  })
  expect(await closed).toMatchObject({ code: 4403, reason: 'Session revoked' })
  for (const client of [alice, elsewhere]) expect(await client.codeOf(Me)).toBe('UNAUTHENTICATED')
  for (const refreshToken of [alice.refreshToken, tokens.refreshToken]) {
    expect(await app.anonymous.codeOf(RefreshTokens, { input: { refreshToken } })).toBe(
      'INVALID_REFRESH_TOKEN',
    )
  }
  for (const identifier of [alice.username, alice.email]) {
    expect(await app.anonymous.codeOf(Login, { input: { identifier, password: testPassword } })).toBe(
      'INVALID_CREDENTIALS',
    )
  }
  expect(await bob.run(UserByUsername, { username: alice.username })).toEqual({ user: null })
  expect(await bob.run(NodesById, { ids: [alice.id] })).toEqual({ nodes: [null] })
  for (const search of [alice.username, alice.email]) {
    const { users } = await bob.run(SearchUsers, { search })
    expect(users.edges.map(({ node }: Data) => node.id)).not.toContain(alice.id)
  }
})

test('a wrong password erases nothing, and nobody can be erased without one', async () => {
  const alice = await app.register('alice')
  expect(await erase(alice, 'ERASE', 'Wrong1Password')).toMatchObject({ code: 'INVALID_CREDENTIALS' })
  expect(await erase(alice, 'ERASE', 'x'.repeat(5000))).toMatchObject({ code: 'INVALID_CREDENTIALS' })
  const input = { password: testPassword, messages: 'ERASE' }
  expect(await app.anonymous.codeOf(DeleteAccount, { input })).toBe('UNAUTHENTICATED')
  expect((await alice.run(Me)).viewer.user.id).toBe(alice.id)
})

test('of several at once one erases', async () => {
  const alice = await app.register('alice')
  const answers = await Promise.all(
    Array.from({ length: 5 }, () =>
      alice.codeOf(DeleteAccount, { input: { password: testPassword, messages: 'ERASE' } }),
    ),
  )
  expect(answers.filter((code) => code === null)).toHaveLength(1)
  for (const code of answers.filter((each) => each !== null)) {
    expect(['INVALID_CREDENTIALS', 'UNAUTHENTICATED']).toContain(code)
  }
})

describe.each(modes)('%s', (mode) => {
  test('a direct chat stays for the other side to read, and takes nothing more', async () => {
    const [alice, bob] = [await app.register('alice'), await app.register('bob')]
    const chatId = await createDirectChat(alice, bob.id)
    await sendMessage(alice, chatId, 'from alice')
    await sendMessage(bob, chatId, 'from bob')
    await sendMessage(alice, chatId, 'once more')
    await erase(alice, mode)
    await finished()

    const text = (kept: string) => (mode === 'ERASE' ? null : kept)
    expect(await messagesOf(bob, chatId)).toMatchObject([
      { sequence: 1, text: text('from alice'), author: null },
      { sequence: 2, text: 'from bob', author: { id: bob.id } },
      { sequence: 3, text: text('once more'), author: null },
    ])
    const { chat } = await bob.run(
      'query ($id: ID!) { chat(id: $id) { kind memberCount otherUser { id } unreadCount lastMessage { deletedAt } } }',
      { id: chatId },
    )
    expect(chat).toMatchObject({
      kind: 'DIRECT',
      memberCount: 1,
      otherUser: null,
      unreadCount: mode === 'ERASE' ? 0 : 2,
    })
    expect(chat.lastMessage.deletedAt === null).toBe(mode === 'KEEP_ANONYMOUS')
    const input = { chatId, clientMessageId: 'too late', text: 'Are you there?' }
    expect(await bob.codeOf(SendMessage, { input })).toBe('FORBIDDEN')
  })

  test('the others in a chat are told, live and afterwards, when it is true', async () => {
    const [alice, bob] = [await app.register('alice'), await app.register('bob')]
    const chatIds = [await createGroupChat(alice, [bob.id]), await createDirectChat(alice, bob.id)]
    for (const chatId of chatIds) await sendMessage(alice, chatId, 'mine')
    const { viewer } = await bob.run(EventCursor)
    const live = bob.subscribe(Erased)
    await live.started
    const memberIds = await Promise.all(
      chatIds.map(async (id) => {
        const { chat } = await alice.run('query ($id: ID!) { chat(id: $id) { viewerMembership { id } } }', {
          id,
        })
        return chat.viewerMembership.id
      }),
    )
    await erase(alice, mode)
    const expected = (messages: Mode) =>
      chatIds.map((id, i) => ({
        __typename: 'AccountErased',
        chat: { id, memberCount: 1 },
        deletedUserId: alice.id,
        deletedMemberId: messages === 'ERASE' ? null : memberIds[i],
        messages,
      }))
    const next = async (type: string) => {
      const events = await live.until(({ events: { __typename } }: Data) => __typename === type)
      const { cursor: _, ...event } = events.at(-1).events
      return event
    }
    await next('CaughtUp')
    await next('MemberRoleChanged')
    if (mode === 'ERASE') await next('ChatRenamed')
    const told = [await next('AccountErased'), await next('AccountErased')]
    expect(told).toEqual(expect.arrayContaining(expected('KEEP_ANONYMOUS')))
    if (mode === 'ERASE') {
      const again = [await next('AccountErased'), await next('AccountErased')]
      expect(again).toEqual(expect.arrayContaining(expected('ERASE')))
    }
    // What a client finds that reads again upon the event.
    for (const chatId of chatIds) {
      const [message] = await messagesOf(bob, chatId)
      expect(message).toMatchObject({ author: null, text: mode === 'ERASE' ? null : 'mine' })
    }
    await live.stop()
    const later = bob.subscribe(Erased, { after: viewer.eventCursor })
    const all = await later.until(({ events: event }: Data) => event.__typename === 'CaughtUp')
    const erased = all.filter(({ events: event }: Data) => event.__typename === 'AccountErased')
    expect(erased).toHaveLength(mode === 'ERASE' ? 4 : 2)
    await later.stop()
  })

  test('whatever was written with a name on it is nowhere in the database', async () => {
    const mark = () => `zq${randomBytes(8).toString('hex')}`
    const gone: string[] = []
    const words: string[] = []
    const personal = () => gone[gone.push(mark()) - 1] as string
    const word = () => words[words.push(mark()) - 1] as string

    const bob = await app.register('bob')
    const account = { username: personal(), password: testPassword, displayName: personal() }
    const email = `${personal()}@${personal()}.example`
    const input = { ...account, email, deviceName: personal() }
    const { register } = (await app.anonymous.send(Register, { input }, { 'user-agent': personal() })).data
    const alice = { ...app.client(register.tokens.accessToken), ...register.viewer.user } as TestUser
    const login = { identifier: email, password: testPassword, deviceName: personal() }
    await app.anonymous.send(Login, { input: login }, { 'user-agent': personal() })
    const chatId = await createGroupChat(alice, [bob.id], word())
    const direct = await createDirectChat(bob, alice.id)
    const alone = await createGroupChat(alice, [], personal())
    for (const id of [chatId, direct]) {
      const clientMessageId = personal()
      await alice.run(SendMessage, { input: { chatId: id, clientMessageId, text: word() } })
      const edited = await sendMessage(alice, id, personal())
      await alice.run('mutation ($input: EditMessageInput!) { editMessage(input: $input) { __typename } }', {
        input: { messageId: edited.id, text: word() },
      })
      const deleted = await sendMessage(alice, id, personal())
      await alice.run(
        'mutation ($input: DeleteMessageInput!) { deleteMessage(input: $input) { __typename } }',
        {
          input: { messageId: deleted.id },
        },
      )
      await bob.run('mutation ($input: MarkChatReadInput!) { markChatRead(input: $input) { __typename } }', {
        input: { chatId: id, sequence: 3 },
      })
    }
    await sendMessage(alice, alone, personal())
    const { id: said } = await sendMessage(bob, chatId, 'from bob')
    for (const emoji of ['👍', '🎉']) {
      await alice.run(AddReaction, { input: { messageId: said, emoji } })
      await bob.run(AddReaction, { input: { messageId: said, emoji } })
    }
    await alice.run(RemoveReaction, { input: { messageId: said, emoji: '🎉' } })
    await alice.run(UpdateProfile, { input: { displayName: personal(), bio: personal() } })
    await alice.run(ChangeEmail, { input: { password: testPassword, email: `${personal()}@example.org` } })
    const carol = await app.register('carol')
    await alice.run(BlockUser, { input: { userId: carol.id } })
    await bob.run(BlockUser, { input: { userId: alice.id } })
    await alice.run(RequestDataExport)
    const exported = async () => (await rows(`SELECT 1 FROM data_exports WHERE status = 'READY'`)).length
    await expect.poll(exported, { timeout: 20_000 }).toBe(1)
    const before = await dump()
    expect([...gone, ...words].filter((each) => found(before, each)).length).toBeGreaterThan(12)

    expect(await erase(alice, mode)).toMatchObject({ deletedUserId: alice.id })
    await finished()
    const after = await dump()
    const left = [...gone, ...words].filter((each) => found(after, each))
    expect(left.toSorted()).toEqual(mode === 'ERASE' ? [] : words.toSorted())
    expect(await rows('SELECT 1 FROM data_exports')).toEqual([])
    expect(await rows('SELECT 1 FROM data_export_chunks')).toEqual([])
    const { node } = await bob.run(
      'query ($id: ID!) { node(id: $id) { ... on Message { reactions { emoji count } } } }',
      { id: said },
    )
    expect(node.reactions).toEqual([
      { emoji: '👍', count: 1 },
      { emoji: '🎉', count: 1 },
    ])
    // Nor is there anything that says which words were whose.
    const userId = parseIdOf('User', alice.id) ?? ''
    const mentions = await rows(
      `SELECT kind FROM events WHERE actor_id = $1 UNION ALL
       SELECT 'MESSAGE_ADDED' FROM messages WHERE author_id = $1 UNION ALL
       SELECT 'MESSAGE_EDITED' FROM message_revisions WHERE author_id = $1 UNION ALL
       SELECT 'REACTION_ADDED' FROM reactions WHERE user_id = $1 UNION ALL
       SELECT 'CHAT_CREATED' FROM chats WHERE title_author_id = $1 OR direct_key LIKE '%' || $1 || '%'`,
      [userId],
    )
    expect(mentions).toEqual([])
  })

  test('messages that are on their way while the account goes are covered, too', async () => {
    const [alice, bob] = [await app.register('alice'), await app.register('bob')]
    const chatId = await createGroupChat(bob, [alice.id])
    const sends = Array.from({ length: 40 }, (_, i) =>
      alice.codeOf(SendMessage, { input: { chatId, clientMessageId: `${i}`, text: `Number ${i}` } }),
    )
    const erasing = erase(alice, mode)
    const others = Array.from({ length: 20 }, (_, i) => sendMessage(bob, chatId, `bob ${i}`))
    const codes = await Promise.all(sends)
    expect(await erasing).toMatchObject({ __typename: 'DeleteAccountPayload' })
    expect(await Promise.all(others)).toHaveLength(20)
    await finished()
    expect(await rows('SELECT 1 FROM messages WHERE author_id = $1', [rowId(alice)])).toEqual([])
    const messages = await messagesOf(bob, chatId)
    const sent = codes.filter((code) => code === null).length
    expect(messages.map(({ sequence }) => sequence)).toEqual(messages.map((_, i) => i + 1))
    expect(messages).toHaveLength(20 + sent)
    const hers = messages.filter(({ author }) => author === null)
    expect(hers).toHaveLength(sent)
    if (mode === 'ERASE') expect(hers.every(({ text }) => text === null)).toBe(true)
  })
})

/** Every row of every table as text, and what its bytes spell. */
async function dump(): Promise<string> {
  const tables = await rows(`SELECT tablename FROM pg_tables WHERE schemaname = 'public'`)
  const texts: string[] = []
  for (const { tablename } of tables) {
    for (const { row } of await rows(`SELECT t::text AS row FROM "${tablename}" t`)) texts.push(row)
  }
  return texts.join('\n').toLowerCase()
}

function found(text: string, mark: string): boolean {
  return text.includes(mark) || text.includes(Buffer.from(mark).toString('hex'))
}

describe('what others keep', () => {
  test('a group without an owner passes to its longest-standing admin, else member', async () => {
    const [alice, bob, carol, dave] = await Promise.all(
      ['alice', 'bob', 'carol', 'dave'].map((name) => app.register(name)),
    )
    if (!alice || !bob || !carol || !dave) throw new Error('Nobody registered.')
    const everyone = [bob.id, carol.id, dave.id]
    const [withAdmins, withMembers, withTwoOwners] = [
      await createGroupChat(alice, everyone),
      await createGroupChat(alice, everyone),
      await createGroupChat(alice, everyone),
    ]
    await setRole(withAdmins, carol, 'ADMIN')
    await setRole(withAdmins, dave, 'ADMIN')
    await setRole(withTwoOwners, dave, 'OWNER')
    await erase(alice, 'KEEP_ANONYMOUS')
    const [b, c, d] = [bob.username, carol.username, dave.username]
    expect(await rolesIn(bob, withAdmins)).toEqual({ [b]: 'MEMBER', [c]: 'OWNER', [d]: 'ADMIN' })
    expect(await rolesIn(bob, withMembers)).toEqual({ [b]: 'OWNER', [c]: 'MEMBER', [d]: 'MEMBER' })
    expect(await rolesIn(bob, withTwoOwners)).toEqual({ [b]: 'MEMBER', [c]: 'MEMBER', [d]: 'OWNER' })
  })

  test('members who erase themselves at once leave no group without an owner, and no chat without people', async () => {
    const people = await Promise.all(Array.from({ length: 6 }, (_, i) => app.register(`p${i}`)))
    const [first, ...rest] = people
    if (first === undefined) throw new Error('Nobody registered.')
    const group = await createGroupChat(
      first,
      rest.map(({ id }) => id),
    )
    const direct = await createDirectChat(first, rest[0]?.id ?? '')
    for (const person of people) await sendMessage(person, group, 'hello')
    await Promise.all(people.slice(0, 5).map((person) => erase(person, 'KEEP_ANONYMOUS')))
    await finished()
    const last = people[5] as TestUser
    expect(await rolesIn(last, group)).toEqual({ [last.username]: 'OWNER' })
    expect(await messagesOf(last, group)).toHaveLength(6)
    await erase(last, 'KEEP_ANONYMOUS')
    await finished()
    for (const chatId of [group, direct]) {
      const id = parseIdOf('Chat', chatId)
      expect(await rows('SELECT 1 FROM chats WHERE id = $1', [id])).toEqual([])
      expect(await rows('SELECT 1 FROM messages WHERE chat_id = $1', [id])).toEqual([])
      expect(await rows('SELECT 1 FROM events WHERE chat_id = $1', [id])).toEqual([])
    }
  })

  test('a title stays with anonymous words and goes with erased ones, whoever is in the group', async () => {
    for (const mode of modes) {
      const [alice, bob] = [await app.register('alice'), await app.register('bob')]
      const chatId = await createGroupChat(alice, [bob.id], 'Her words')
      await erase(alice, mode)
      const { chat } = await bob.run('query ($id: ID!) { chat(id: $id) { title } }', { id: chatId })
      expect(chat.title).toBe(mode === 'ERASE' ? 'Untitled' : 'Her words')
    }
  })
})

test('an account whose clients are sending goes all the same, and holds nobody up', async () => {
  const [alice, bob] = [await app.register('alice'), await app.register('bob')]
  const chatIds = [await createGroupChat(bob, [alice.id]), await createGroupChat(alice, [bob.id])]
  let over = false
  let sends = 0
  const send = async (): Promise<void> => {
    while (!over) {
      const input = { chatId: chatIds[sends % 2], clientMessageId: `${++sends}`, text: 'still here' }
      const code = await alice.codeOf(SendMessage, { input })
      expect([null, 'NOT_FOUND', 'UNAUTHENTICATED']).toContain(code)
      if (code === 'UNAUTHENTICATED') return
    }
  }
  const sending = Promise.all(Array.from({ length: 8 }, send))
  await expect.poll(() => sends).toBeGreaterThan(40)
  expect(await erase(alice, 'ERASE')).toMatchObject({ __typename: 'DeleteAccountPayload' })
  await sendMessage(bob, chatIds[0] ?? '', 'from bob')
  over = true
  await sending
  await finished()
  expect(await rows('SELECT 1 FROM messages WHERE author_id = $1', [rowId(alice)])).toEqual([])
  expect(await rows('SELECT 1 FROM users WHERE id = $1', [rowId(alice)])).toEqual([])
})

test('the username stays reserved for a time, whatever its case; the email is free at once', async () => {
  const alice = await app.register('alice')
  await erase(alice, 'ERASE')
  const input = { username: alice.username.toUpperCase(), email: 'new@example.org', password: testPassword }
  expect(await app.anonymous.codeOf(Register, { input })).toBe('USERNAME_TAKEN')
  expect(await rows(`SELECT 1 FROM users WHERE email_key = 'new@example.org'`)).toEqual([])
  const again = { ...input, username: `${alice.username}_2`, email: alice.email }
  expect(await app.anonymous.codeOf(Register, { input: again })).toBeNull()
  const [reserved] = await rows('SELECT max(until) - now() AS for_long FROM reserved_usernames')
  expect(reserved.for_long.days).toBe(89)
  await db.query(`UPDATE reserved_usernames SET until = until - interval '90 days'`)
  expect(await app.anonymous.codeOf(Register, { input })).toBeNull()
})

test('one that cannot be done holds up no other', async () => {
  const [alice, bob] = [await app.register('alice'), await app.register('bob')]
  const chatId = await createGroupChat(bob, [alice.id])
  await sendMessage(alice, chatId, 'mine')
  const stuck = await app.register('stuck')
  await db.query(
    `INSERT INTO erasures (id, user_id, messages, due_at) VALUES (gen_random_uuid(), $1, 'ERASE', now() + interval '1 hour')`,
    [rowId(stuck)],
  )
  await erase(alice, 'ERASE')
  const left = async () => (await rows('SELECT 1 FROM erasures WHERE user_id = $1', [rowId(alice)])).length
  await expect.poll(left, { timeout: 20_000 }).toBe(0)
  expect(await messagesOf(bob, chatId)).toMatchObject([{ author: null, text: null }])
  // What is gone already by other means counts as removed.
  await db.query('DELETE FROM users WHERE id = $1', [rowId(stuck)])
  await db.query('UPDATE erasures SET due_at = now()')
  app.app.services.eraser.wake()
  await finished()
})

test('what a stopped process left undone, the next one does', async () => {
  const own = await startTestApp()
  const client = new pg.Client(own.database.url)
  await client.connect()
  try {
    const [alice, bob] = [await own.register('alice'), await own.register('bob')]
    const chatId = await createGroupChat(bob, [alice.id])
    await client.query(
      `INSERT INTO messages (id, chat_id, sequence, author_id, text, client_message_id)
       SELECT gen_random_uuid(), $1, n, $2, 'text ' || n, n::text FROM generate_series(1, 2500) n`,
      [parseIdOf('Chat', chatId), rowId(alice)],
    )
    await client.query('UPDATE chats SET last_sequence = 2500 WHERE id = $1', [parseIdOf('Chat', chatId)])
    // Nobody gets at it for now, as when the process dies right after its answer.
    await client.query('BEGIN')
    await client.query('LOCK TABLE messages IN SHARE MODE')
    await erase(alice, 'ERASE')
    const stopped = own.app.dispose()
    await client.query('COMMIT')
    await stopped
    const half = await client.query('SELECT count(*)::int FROM messages WHERE text IS NOT NULL')
    expect(half.rows[0].count).toBeGreaterThan(0)

    const next = await startTestApp({ database: own.database })
    const left = async () => (await client.query('SELECT 1 FROM erasures')).rows.length
    await expect.poll(left, { timeout: 20_000 }).toBe(0)
    const { rows: messages } = await client.query(
      'SELECT DISTINCT author_id, text, client_message_id FROM messages',
    )
    expect(messages).toEqual([{ author_id: null, text: null, client_message_id: null }])
    expect(await messagesOf(next.client(bob.token), chatId)).toHaveLength(100)
    await next.dispose()
  } finally {
    await client.end()
    await own.database.dispose()
  }
})
