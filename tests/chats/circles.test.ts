import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseIdOf } from '../../src/core/ids.ts'
import { startTestApp, type TestApp, type TestUser, testPassword } from '../testkit/app.ts'
import { createDirectChat, createGroupChat, sendMessage } from '../testkit/chats.ts'
import type { Data } from '../testkit/client.ts'
import {
  AddChatMembers,
  AddReaction,
  BlockUser,
  ChatMembers,
  ClearChat,
  LeaveChat,
  MarkChatRead,
  RenameChat,
  SetChatMemberRole,
  UnblockUser,
} from '../testkit/operations.ts'

// What is erased, sent or changed at the same moment locks accounts, then memberships, then chats: nothing that waits
// for one of them has a later one.

let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
})
afterAll(() => app.dispose())

const Erase = `mutation { deleteAccount(input: { password: "${testPassword}", messages: KEEP_ANONYMOUS }) { __typename
  ... on UserError { code } } }`

/** Another program's transaction, until it is rolled back. */
async function begin(): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client(app.database.url)
  await client.connect()
  await client.query('BEGIN')
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() })
}

/** As the erasure of an account begins. */
async function holdAccount(client: pg.Client, user: { id: string }): Promise<void> {
  const id = parseIdOf('User', user.id)
  await client.query('SELECT 1 FROM users WHERE id = $1 FOR UPDATE', [id])
  await client.query('SELECT 1 FROM chat_members WHERE user_id = $1 ORDER BY chat_id FOR UPDATE', [id])
}

async function untilSomebodyWaits(): Promise<void> {
  const text = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
  await expect.poll(() => app.app.database.query({ name: 'test_waiting', text }, [])).toHaveLength(1)
}

async function ownersOf(client: TestUser, chatId: string): Promise<string[]> {
  const { chat } = await client.run(ChatMembers, { id: chatId, first: 100 })
  return chat.members.edges.flatMap(({ node }: Data) => (node.role === 'OWNER' ? [node.user.username] : []))
}

interface Scene {
  readonly owner: TestUser
  readonly other: TestUser
  /** Whose account is erased meanwhile. */
  readonly going: TestUser
  readonly group: string
  readonly direct: string
}

async function createScene(): Promise<Scene> {
  const [owner, other, going] = (await Promise.all(
    ['owner', 'other', 'going'].map((name) => app.register(name)),
  )) as [TestUser, TestUser, TestUser]
  const group = await createGroupChat(owner, [going.id, other.id])
  return { owner, other, going, group, direct: await createDirectChat(owner, going.id) }
}

describe('what waits for an account that is being erased does not hold the chat', () => {
  test.each<[string, (scene: Scene) => Promise<() => Promise<unknown>>]>([
    [
      'giving them a role',
      async ({ owner, group: chatId, going }) =>
        () =>
          owner.codeOf(SetChatMemberRole, { input: { chatId, userId: going.id, role: 'ADMIN' } }),
    ],
    [
      'a group that they hand over',
      async ({ owner, other, group: chatId, going }) => {
        const makeOwner = (by: TestUser, to: TestUser) =>
          by.codeOf(SetChatMemberRole, { input: { chatId, userId: to.id, role: 'OWNER' } })
        expect(await makeOwner(owner, going)).toBeNull()
        return () => makeOwner(going, other)
      },
    ],
    [
      'clearing the group',
      async ({ owner, group: chatId }) => {
        await sendMessage(owner, chatId, 'x')
        return () => owner.codeOf(ClearChat, { input: { chatId } })
      },
    ],
    [
      'adding them to a group whose title is theirs',
      async ({ owner, group: chatId, going }) => {
        await owner.codeOf(SetChatMemberRole, { input: { chatId, userId: going.id, role: 'ADMIN' } })
        expect(await going.codeOf(RenameChat, { input: { chatId, title: 'Mine' } })).toBeNull()
        expect(await going.codeOf(LeaveChat, { input: { chatId } })).toBeNull()
        return () => owner.codeOf(AddChatMembers, { input: { chatId, userIds: [going.id] } })
      },
    ],
    [
      'leaving',
      async ({ group: chatId, going }) =>
        () =>
          going.codeOf(LeaveChat, { input: { chatId } }),
    ],
    [
      'reading a direct chat',
      async ({ owner, direct: chatId, going }) => {
        await sendMessage(owner, chatId, 'x')
        return () => going.codeOf(MarkChatRead, { input: { chatId, sequence: 1 } })
      },
    ],
    [
      'reacting in a direct chat',
      async ({ owner, direct, going }) => {
        const { id: messageId } = await sendMessage(owner, direct, 'x')
        return () => going.codeOf(AddReaction, { input: { messageId, emoji: '👍' } })
      },
    ],
    [
      'blocking them',
      async ({ owner, going }) =>
        () =>
          owner.codeOf(BlockUser, { input: { userId: going.id } }),
    ],
    [
      'lifting a block',
      async ({ owner, going }) => {
        expect(await owner.codeOf(BlockUser, { input: { userId: going.id } })).toBeNull()
        return () => owner.codeOf(UnblockUser, { input: { userId: going.id } })
      },
    ],
  ])('%s', async (_what, prepare) => {
    const scene = await createScene()
    const act = await prepare(scene)
    await using erasing = await begin()
    await holdAccount(erasing, scene.going)
    const acting = act()
    await untilSomebodyWaits()
    const chatIds = [scene.group, scene.direct].map((id) => parseIdOf('Chat', id))
    // Refused where anybody has it.
    await erasing.query('SELECT 1 FROM chats WHERE id = ANY($1) FOR NO KEY UPDATE NOWAIT', [chatIds])
    await erasing.query('SELECT 1 FROM blocks WHERE blocked_id = $1 FOR UPDATE NOWAIT', [
      parseIdOf('User', scene.going.id),
    ])
    await erasing.query('ROLLBACK')
    expect(await acting).toBeNull()
  })
})

describe('a group goes to nobody who is on their way out', () => {
  test.each<[string, string, (owner: TestUser, chatId: string) => Promise<unknown>]>([
    ['the owner leaves', 'erased', (owner, chatId) => owner.codeOf(LeaveChat, { input: { chatId } })],
    ['the owner is erased', 'removed', (owner) => owner.codeOf(Erase)],
  ])('%s while whose turn it is is being %s', async (_what, _how, go) => {
    const { owner, other, going, group } = await createScene()
    await using ending = await begin()
    await holdAccount(ending, going)
    expect(await go(owner, group)).toBeNull()
    await expect.poll(() => ownersOf(other, group)).toEqual([other.username])
    await ending.query('ROLLBACK')
  })
})

test('a group goes to whoever’s turn it is while their membership is about to be changed', async () => {
  const { owner, other, going, group } = await createScene()
  await using changing = await begin()
  const id = parseIdOf('User', going.id)
  await changing.query('SELECT 1 FROM chat_members WHERE user_id = $1 FOR KEY SHARE', [id])
  expect(await owner.codeOf(Erase)).toBeNull()
  expect(await ownersOf(other, group)).toEqual([going.username])
  await changing.query('ROLLBACK')
})
