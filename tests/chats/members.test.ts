import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseIdOf, uuidv7 } from '../../src/core/ids.ts'
import { maxMembers, maxMembersPerCall } from '../../src/features/chats/validation.ts'
import { startTestApp, type TestApp, type TestUser, testPassword } from '../testkit/app.ts'
import { createDirectChat, createGroupChat, sendMessage } from '../testkit/chats.ts'
import type { Data, TestClient } from '../testkit/client.ts'
import {
  AddChatMembers,
  BlockUser,
  ChatMembers,
  ChatMessages,
  ClearChat,
  DeleteChat,
  LeaveChat,
  MuteChat,
  RemoveChatMember,
  RenameChat,
  SendMessage,
  SetChatHistoryVisibility,
  SetChatMemberRole,
  ViewerChats,
} from '../testkit/operations.ts'

let app: TestApp
let owner: TestUser
let admin: TestUser
let member: TestUser
let other: TestUser
let stranger: TestUser
beforeAll(async () => {
  app = await startTestApp()
  ;[owner, admin, member, other, stranger] = (await Promise.all(
    ['owner', 'admin', 'member', 'other', 'stranger'].map((name) => app.register(name)),
  )) as [TestUser, TestUser, TestUser, TestUser, TestUser]
})
afterAll(() => app.dispose())

/** A group with an owner, an admin and two members. */
async function createTeam(): Promise<string> {
  const chatId = await createGroupChat(owner, [admin.id, member.id, other.id])
  await setRole(owner, chatId, admin, 'ADMIN')
  return chatId
}

const setRole = (client: TestClient, chatId: string, user: { id: string }, role: string) =>
  client.codeOf(SetChatMemberRole, { input: { chatId, userId: user.id, role } })
const add = (client: TestClient, chatId: string, ...users: { id: string }[]) =>
  client.codeOf(AddChatMembers, { input: { chatId, userIds: users.map(({ id }) => id) } })
const remove = (client: TestClient, chatId: string, user: { id: string }) =>
  client.codeOf(RemoveChatMember, { input: { chatId, userId: user.id } })
const leave = (client: TestClient, chatId: string) => client.codeOf(LeaveChat, { input: { chatId } })

/** `username role`, in the order of joining. */
async function rolesOf(client: TestClient, chatId: string): Promise<Record<string, string>> {
  const { chat } = await client.run(ChatMembers, { id: chatId, first: 100 })
  return Object.fromEntries(chat.members.edges.map(({ node }: Data) => [node.user.username, node.role]))
}

async function messagesOf(client: TestClient, chatId: string): Promise<Data[]> {
  const { chat } = await client.run(ChatMessages, { id: chatId })
  return chat.messages.edges.map(({ node }: Data) => node)
}

const textsOf = async (client: TestClient, chatId: string) =>
  (await messagesOf(client, chatId)).map(({ text }) => text)

describe('adding', () => {
  test('owner and admins add; who is in it already stays as they are', async () => {
    const chatId = await createTeam()
    expect(await add(member, chatId, stranger)).toBe('FORBIDDEN')
    expect(await add(admin, chatId, stranger, admin, owner, stranger)).toBeNull()
    expect(await rolesOf(stranger, chatId)).toEqual({
      [owner.username]: 'OWNER',
      [admin.username]: 'ADMIN',
      [member.username]: 'MEMBER',
      [other.username]: 'MEMBER',
      [stranger.username]: 'MEMBER',
    })
    expect(await add(owner, chatId, stranger)).toBeNull()
    expect((await messagesOf(owner, chatId)).filter(({ sender }) => sender === 'SYSTEM')).toHaveLength(2)
  })

  test('whoever cannot be added is named at their index, and then nobody is', async () => {
    const chatId = await createGroupChat(owner)
    const blocking = await app.register('blocking')
    await blocking.run(BlockUser, { input: { userId: owner.id } })
    const userIds = [member.id, 'nobody', blocking.id, chatId]
    const { addChatMembers } = await owner.run(AddChatMembers, { input: { chatId, userIds } })
    expect(addChatMembers.issues).toEqual([
      { path: ['userIds', '1'], message: 'There is no such user.' },
      { path: ['userIds', '2'], message: 'This user cannot be added.' },
      { path: ['userIds', '3'], message: 'There is no such user.' },
    ])
    expect(Object.keys(await rolesOf(owner, chatId))).toEqual([owner.username])
    expect(await add(owner, chatId)).toBe('VALIDATION_FAILED')
  })

  test(`a call adds ${maxMembersPerCall} at most, and a group has ${maxMembers} at most`, async () => {
    const chatId = await createGroupChat(owner)
    const { prisma } = app.app.services.store
    const crowd = Array.from({ length: maxMembers }, () => {
      const name = uuidv7()
      const keys = { usernameKey: name, email: name, emailKey: name, displayNameKey: 'crowd' }
      return { id: name, username: name, displayName: 'crowd', passwordHash: '', ...keys }
    })
    await prisma.user.createMany({ data: crowd })
    const globalIds = crowd.map(({ id }) => Buffer.from(`User:${id}`).toString('base64url'))
    const addThese = (from: number, to: number) =>
      owner.codeOf(AddChatMembers, { input: { chatId, userIds: globalIds.slice(from, to) } })
    expect(await addThese(0, maxMembersPerCall + 1)).toBe('VALIDATION_FAILED')
    expect(await addThese(0, maxMembersPerCall)).toBeNull()
    await prisma.chatMember.createMany({
      data: crowd.slice(maxMembersPerCall, maxMembers - 3).map(({ id }) => ({
        id: uuidv7(),
        chatId: parseIdOf('Chat', chatId) ?? '',
        userId: id,
      })),
    })
    // The owner and 4,997 others: two places are left.
    expect(await addThese(maxMembers - 3, maxMembers)).toBe('CONFLICT')
    const results = await Promise.all([0, 1, 2].map((i) => addThese(maxMembers - 3 + i, maxMembers - 2 + i)))
    expect(results.sort()).toEqual(['CONFLICT', null, null].sort())
    const { chat } = await owner.run(ChatMembers, { id: chatId })
    expect(chat.memberCount).toBe(maxMembers)
  })

  test('two who add the same person at once add them once', async () => {
    const chatId = await createTeam()
    const results = await Promise.all([owner, admin, owner, admin].map((by) => add(by, chatId, stranger)))
    expect(results).toEqual([null, null, null, null])
    const said = (await messagesOf(owner, chatId)).filter(({ text }) => text.includes('added'))
    expect(said).toHaveLength(1)
  })

  test('FULL shows a newcomer what was said before, FROM_JOIN does not; neither makes it unread', async () => {
    const chatId = await createTeam()
    await sendMessage(owner, chatId, 'before')
    await add(owner, chatId, stranger)
    const said = await textsOf(stranger, chatId)
    expect(said).toContain('before')
    expect(said.at(-1)).toBe('owner added stranger.')
    expect(await unreadOf(stranger, chatId)).toBe(0)

    expect(
      await owner.codeOf(SetChatHistoryVisibility, { input: { chatId, historyVisibility: 'FROM_JOIN' } }),
    ).toBeNull()
    const late = await app.register('late')
    const original = await sendMessage(owner, chatId, 'still before')
    await add(owner, chatId, late)
    expect(await textsOf(late, chatId)).toEqual(['owner added late.'])
    expect(await unreadOf(late, chatId)).toBe(0)
    const input = { chatId, clientMessageId: uuidv7(), text: 'an answer', replyToId: original.id }
    expect(await late.codeOf(SendMessage, { input })).toBe('VALIDATION_FAILED')
    expect(await late.run('query ($id: ID!) { node(id: $id) { id } }', { id: original.id })).toEqual({
      node: null,
    })
    await member.run(SendMessage, { input })
    const [, answer] = (
      await late.run(
        'query ($id: ID!) { chat(id: $id) { messages { edges { node { text isReply replyTo { id } } } } } }',
        { id: chatId },
      )
    ).chat.messages.edges
    expect(answer.node).toEqual({ text: 'an answer', isReply: true, replyTo: null })
    expect(await unreadOf(late, chatId)).toBe(1)
    // Who had joined before keeps what they saw.
    expect(await textsOf(stranger, chatId)).toContain('before')
  })
})

async function unreadOf(client: TestClient, chatId: string): Promise<number> {
  return (await client.run('query ($id: ID!) { chat(id: $id) { unreadCount } }', { id: chatId })).chat
    .unreadCount
}

describe('removing', () => {
  test('the owner removes whomever, an admin members only, a member nobody', async () => {
    const chatId = await createTeam()
    await add(owner, chatId, stranger)
    await setRole(owner, chatId, stranger, 'ADMIN')
    expect(await remove(member, chatId, other)).toBe('FORBIDDEN')
    expect(await remove(admin, chatId, stranger)).toBe('FORBIDDEN')
    expect(await remove(admin, chatId, owner)).toBe('FORBIDDEN')
    expect(await remove(admin, chatId, other)).toBeNull()
    expect(await remove(owner, chatId, stranger)).toBeNull()
    expect(await remove(owner, chatId, stranger)).toBe('NOT_FOUND')
    expect(await remove(owner, chatId, owner)).toBe('VALIDATION_FAILED')
    expect(await remove(owner, chatId, { id: chatId })).toBe('NOT_FOUND')
    expect(Object.keys(await rolesOf(owner, chatId))).toEqual([
      owner.username,
      admin.username,
      member.username,
    ])
    expect((await textsOf(owner, chatId)).slice(-2)).toEqual([
      'admin removed other.',
      'owner removed stranger.',
    ])
  })

  test('who is removed has the chat no more, and what they said stays', async () => {
    const chatId = await createTeam()
    await sendMessage(member, chatId, 'mine')
    await remove(owner, chatId, member)
    expect(await member.codeOf(SendMessage, { input: { chatId, clientMessageId: 'x', text: 'x' } })).toBe(
      'NOT_FOUND',
    )
    expect((await member.run('query ($id: ID!) { chat(id: $id) { id } }', { id: chatId })).chat).toBeNull()
    const { viewer } = await member.run(ViewerChats)
    expect(viewer.chats.edges.map(({ node }: Data) => node.id)).not.toContain(chatId)
    expect(await textsOf(owner, chatId)).toContain('mine')
  })

  test('somebody who sends while being removed sends before it, or not at all', async () => {
    const chatId = await createTeam()
    const sends = Array.from({ length: 20 }, (_, i) =>
      member.codeOf(SendMessage, { input: { chatId, clientMessageId: `race ${i}`, text: `race ${i}` } }),
    )
    const [removed, ...codes] = await Promise.all([remove(owner, chatId, member), ...sends])
    expect(removed).toBeNull()
    const said = await messagesOf(owner, chatId)
    const end = said.findIndex(({ text }) => text === 'owner removed member.')
    const sent = said.filter(({ text }) => text.startsWith('race'))
    expect(sent).toHaveLength(codes.filter((code) => code === null).length)
    for (const message of sent) expect(said.indexOf(message)).toBeLessThan(end)
    expect(said.map(({ sequence }) => sequence)).toEqual(said.map((_, i) => i + 1))
  })

  test('two admins of whom each would remove the other: nobody is left half out', async () => {
    const chatId = await createTeam()
    const results = await Promise.all([remove(owner, chatId, admin), leave(admin, chatId)])
    expect(results.filter((code) => code === null)).toHaveLength(1)
    expect(Object.keys(await rolesOf(owner, chatId))).not.toContain(admin.username)
  })
})

describe('leaving', () => {
  test('an owner leaves the group to the admin, else to whoever has been in it longest', async () => {
    const chatId = await createTeam()
    expect(await leave(owner, chatId)).toBeNull()
    expect((await rolesOf(admin, chatId))[admin.username]).toBe('OWNER')
    expect(await leave(admin, chatId)).toBeNull()
    expect(await rolesOf(member, chatId)).toEqual({ [member.username]: 'OWNER', [other.username]: 'MEMBER' })
    expect((await textsOf(member, chatId)).slice(-2)).toEqual([
      'admin handed the group over to member.',
      'admin left.',
    ])
    expect(await leave(stranger, chatId)).toBe('NOT_FOUND')
  })

  test('all who leave at once leave; the group is over, and nothing of what was said is left', async () => {
    const chatId = await createTeam()
    await sendMessage(member, chatId, 'left behind')
    const everyone = [owner, admin, member, other]
    expect(await Promise.all(everyone.map((each) => leave(each, chatId)))).toEqual([null, null, null, null])
    expect(await leave(owner, chatId)).toBe('NOT_FOUND')
    await untilNoMessages(chatId)
  })

  test('a direct chat is left once its other side has erased their account', async () => {
    const [one, gone] = [await app.register('one'), await app.register('gone')]
    const chatId = await createDirectChat(one, gone.id)
    const mine = await sendMessage(one, chatId, 'mine')
    const editable = async () =>
      (
        await one.run('query ($id: ID!) { node(id: $id) { ... on Message { viewerCanEdit } } }', {
          id: mine.id,
        })
      ).node.viewerCanEdit
    expect(await leave(one, chatId)).toBe('FORBIDDEN')
    expect(await editable()).toBe(true)
    const Erase = `mutation { deleteAccount(input: { password: "${testPassword}", messages: KEEP_ANONYMOUS }) { __typename } }`
    await gone.run(Erase)
    expect(await editable()).toBe(false)
    expect(await leave(one, chatId)).toBeNull()
    expect((await one.run(ViewerChats)).viewer.chats.edges).toEqual([])
    await untilNoMessages(chatId)
  })

  test('nobody leaves, renames, deletes or manages a direct chat', async () => {
    const chatId = await createDirectChat(owner, member.id)
    expect(await leave(owner, chatId)).toBe('FORBIDDEN')
    expect(await add(owner, chatId, other)).toBe('FORBIDDEN')
    expect(await remove(owner, chatId, member)).toBe('FORBIDDEN')
    expect(await setRole(owner, chatId, member, 'ADMIN')).toBe('FORBIDDEN')
    expect(await owner.codeOf(RenameChat, { input: { chatId, title: 'Us' } })).toBe('FORBIDDEN')
    expect(await owner.codeOf(DeleteChat, { input: { chatId } })).toBe('FORBIDDEN')
  })
})

async function untilNoMessages(chatId: string): Promise<void> {
  const { query } = app.app.database
  const text = 'SELECT count(*)::int AS count FROM messages WHERE chat_id = $1'
  const count = () => query<{ count: number }>({ name: 'test_count', text }, [parseIdOf('Chat', chatId)])
  await expect.poll(async () => (await count())[0]?.count).toBe(0)
}

describe('roles', () => {
  test('the owner gives them; handing the group over makes them an admin', async () => {
    const chatId = await createTeam()
    expect(await setRole(admin, chatId, member, 'ADMIN')).toBe('FORBIDDEN')
    expect(await setRole(owner, chatId, owner, 'MEMBER')).toBe('CONFLICT')
    expect(await setRole(owner, chatId, owner, 'OWNER')).toBeNull()
    expect(await setRole(owner, chatId, stranger, 'ADMIN')).toBe('NOT_FOUND')
    expect(await setRole(owner, chatId, admin, 'MEMBER')).toBeNull()
    expect(await setRole(owner, chatId, member, 'OWNER')).toBeNull()
    expect(await setRole(owner, chatId, member, 'MEMBER')).toBe('FORBIDDEN')
    expect(await rolesOf(other, chatId)).toEqual({
      [owner.username]: 'ADMIN',
      [admin.username]: 'MEMBER',
      [member.username]: 'OWNER',
      [other.username]: 'MEMBER',
    })
    expect((await textsOf(owner, chatId)).slice(-3)).toEqual([
      'owner made admin an admin.',
      'owner made admin a member without a role.',
      'owner handed the group over to member.',
    ])
  })

  test('whatever happens at once, a group with members has one owner', async () => {
    const chatId = await createTeam()
    await Promise.all([
      setRole(owner, chatId, admin, 'OWNER'),
      setRole(owner, chatId, member, 'OWNER'),
      leave(owner, chatId),
      leave(admin, chatId),
      remove(admin, chatId, member),
    ])
    const roles = Object.values(await rolesOf(other, chatId))
    expect(roles.filter((role) => role === 'OWNER')).toHaveLength(1)
  })

  test('whatever meets in a group, nothing waits for each other in a circle', async () => {
    // On a database of its own: Postgres counts late what other tests have done.
    const alone = await startTestApp()
    const owner = await alone.register('owner')
    const people = await Promise.all(Array.from({ length: 6 }, () => alone.register('crowd')))
    const ids = people.map(({ id }) => id)
    const chatId = await createGroupChat(owner, ids)
    const { query } = alone.app.database
    const text = 'SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()'
    const deadlocks = async () =>
      (await query<{ deadlocks: number }>({ name: 'test_deadlocks', text }, []))[0]?.deadlocks
    const before = await deadlocks()
    const codes = await Promise.all([
      ...people.map((each) => setRole(owner, chatId, each, 'ADMIN')),
      ...people.map((each) => leave(each, chatId)),
      ...people.map((each) =>
        each.codeOf(MuteChat, { input: { chatId, until: '2999-01-01T00:00:00.000Z' } }),
      ),
      ...people.map(() => owner.codeOf(ClearChat, { input: { chatId } })),
      ...people.map((each) =>
        each.codeOf(SendMessage, { input: { chatId, clientMessageId: 'x', text: 'x' } }),
      ),
    ])
    for (const code of codes) expect([null, 'NOT_FOUND', 'FORBIDDEN']).toContain(code)
    await query({ name: 'test_flush', text: 'SELECT pg_stat_force_next_flush()' }, [])
    expect(await deadlocks()).toBe(before)
    expect(alone.logs.filter(({ level }) => Number(level) >= 50)).toEqual([])
    await alone.dispose()
  })

  test('admins and the owner delete the messages of others, but not those of the server', async () => {
    const chatId = await createTeam()
    const said = await sendMessage(member, chatId, 'rude')
    const deletion = `mutation ($id: ID!) { deleteMessage(input: { messageId: $id }) { __typename
      ... on UserError { code } } }`
    expect(await other.codeOf(deletion, { id: said.id })).toBe('FORBIDDEN')
    expect(await admin.codeOf(deletion, { id: said.id })).toBeNull()
    const [system] = await messagesOf(owner, chatId)
    expect(system.sender).toBe('SYSTEM')
    expect(await owner.codeOf(deletion, { id: system.id })).toBe('FORBIDDEN')
  })
})

describe('title', () => {
  test('owner and admins rename; the same title again says nothing', async () => {
    const chatId = await createTeam()
    const rename = (client: TestClient, title: string) =>
      client.codeOf(RenameChat, { input: { chatId, title } })
    expect(await rename(member, 'Ours')).toBe('FORBIDDEN')
    expect(await rename(admin, '  The   team ')).toBeNull()
    expect(await rename(owner, 'The   team')).toBeNull()
    expect(await rename(owner, '')).toBe('VALIDATION_FAILED')
    expect(await rename(owner, 'x'.repeat(256))).toBe('VALIDATION_FAILED')
    expect(await rename(owner, 'x'.repeat(255))).toBeNull()
    expect((await textsOf(owner, chatId)).filter((text) => text.includes('renamed'))).toHaveLength(2)
  })
})

describe('deleting', () => {
  test('only the owner deletes a group; then it is gone for everyone, and what was said with it', async () => {
    const chatId = await createTeam()
    const { id } = await sendMessage(member, chatId, 'soon gone')
    expect(await admin.codeOf(DeleteChat, { input: { chatId } })).toBe('FORBIDDEN')
    const { deleteChat } = await owner.run(DeleteChat, { input: { chatId } })
    expect(deleteChat).toEqual({ __typename: 'DeleteChatPayload', deletedChatId: chatId })
    for (const each of [owner, admin, member]) {
      const nodes = await each.run('query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', { ids: [chatId, id] })
      expect(nodes).toEqual({ nodes: [null, null] })
      const { viewer } = await each.run(ViewerChats)
      expect(viewer.chats.edges.map(({ node }: Data) => node.id)).not.toContain(chatId)
    }
    expect(await owner.codeOf(DeleteChat, { input: { chatId } })).toBe('NOT_FOUND')
    await untilNoMessages(chatId)
  })
})

describe('muting', () => {
  test('a muted chat counts for nothing in the sum, until the time is up or it is unmuted', async () => {
    const viewer = await app.register('viewer')
    const [chatId, loud] = [
      await createGroupChat(owner, [viewer.id]),
      await createGroupChat(owner, [viewer.id]),
    ]
    for (const id of [chatId, chatId, loud]) await sendMessage(owner, id, 'hello')
    const mute = async (until: string | null) =>
      (await viewer.run(MuteChat, { input: { chatId, until } })).muteChat
    const until = '2999-01-01T00:00:00.000Z'
    const muted = await mute(until)
    expect(muted.chat).toMatchObject({ unreadCount: 2, viewerMembership: { mutedUntil: until } })
    expect(muted.viewer.unreadCount).toBe(1)
    expect((await mute('2001-01-01T00:00:00.000Z')).chat.viewerMembership.mutedUntil).toBeNull()
    await mute(until)
    expect((await mute(null)).viewer.unreadCount).toBe(3)
    // Told to nobody else.
    await mute(until)
    const { chat } = await owner.run(ChatMembers, { id: chatId })
    expect(chat.members.edges.map(({ node }: Data) => node.mutedUntil)).toEqual([null, null])
  })
})

describe('what the server says', () => {
  test('names up to three, then counts; an erased account has no name', async () => {
    const people = await Promise.all(['ann', 'ben', 'cat', 'dan', 'eve'].map((name) => app.register(name)))
    const [ann] = people as [TestUser]
    const chatId = await createGroupChat(owner)
    await add(owner, chatId, ...people)
    const query = `query ($id: ID!) { chat(id: $id) { lastMessage { sender text author { id }
      viewerCanEdit viewerCanDelete system { kind userCount users { id } } } } }`
    const last = async () => (await owner.run(query, { id: chatId })).chat.lastMessage
    expect(await last()).toEqual({
      sender: 'SYSTEM',
      text: 'owner added ann, ben, cat and 2 others.',
      author: { id: owner.id },
      viewerCanEdit: false,
      viewerCanDelete: false,
      system: { kind: 'MEMBERS_ADDED', userCount: 5, users: people.slice(0, 3).map(({ id }) => ({ id })) },
    })
    const deletion = `mutation { deleteAccount(input: { password: "${testPassword}", messages: ERASE }) { __typename } }`
    await ann.run(deletion)
    expect(await last()).toMatchObject({
      text: 'owner added somebody, ben, cat and 2 others.',
      system: { userCount: 5, users: people.slice(1, 3).map(({ id }) => ({ id })) },
    })
    const text = 'SELECT count(*)::int AS count FROM messages WHERE system_subject_ids @> ARRAY[$1::uuid]'
    const count = () =>
      app.app.database.query<{ count: number }>({ name: 'test_told', text }, [parseIdOf('User', ann.id)])
    await expect.poll(async () => (await count())[0]?.count).toBe(0)
    expect((await last()).system.userCount).toBe(5)
  })
})
