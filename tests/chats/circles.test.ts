import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { parseIdOf } from '../../src/core/ids.ts'
import { takeTurnsSql } from '../../src/features/chats/turns.ts'
import { startTestApp, type TestApp, type TestUser, testPassword } from '../testkit/app.ts'
import { createDirectChat, createGroupChat, sendMessage } from '../testkit/chats.ts'
import type { Data } from '../testkit/client.ts'
import { createTestDatabase, type TestDatabase } from '../testkit/database.ts'
import {
  AddChatMembers,
  AddReaction,
  BlockUser,
  ClearChat,
  DeleteChat,
  LeaveChat,
  MarkChatRead,
  RemoveChatMember,
  RenameChat,
  SetChatMemberRole,
  UnblockUser,
} from '../testkit/operations.ts'

// What is erased, sent or changed at the same moment locks turns, then accounts, then memberships, then chats: nothing
// that waits for one of them has a later one.

let database: TestDatabase
let app: TestApp
beforeAll(async () => {
  database = await createTestDatabase()
  app = await startTestApp({ database })
})

/** Whoever is in a circle that the database broke up tries again, and nobody sees it: what it counts, connections tell as they end. */
afterAll(async () => {
  await app.dispose()
  const client = new pg.Client(database.url)
  await client.connect()
  const others = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`
  await vi.waitFor(async () => expect((await client.query(others)).rowCount).toBe(0), 5_000)
  const count = 'SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()'
  const { rows } = await client.query<{ deadlocks: number }>(count)
  await client.end()
  await database.dispose()
  expect(rows).toEqual([{ deadlocks: 0 }])
})

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
  await client.query(takeTurnsSql, [id, null])
  await client.query('SELECT 1 FROM users WHERE id = $1 FOR UPDATE', [id])
  await client.query('SELECT 1 FROM chat_members WHERE user_id = $1 ORDER BY chat_id FOR UPDATE', [id])
}

async function untilSomebodyWaits(waiting = 1): Promise<void> {
  const text = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
  await expect.poll(() => app.app.database.query({ name: 'test_waiting', text }, [])).toHaveLength(waiting)
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

async function rolesIn(chatId: string): Promise<Data> {
  const text = `SELECT username, role::text FROM chat_members m JOIN users u ON u.id = m.user_id WHERE chat_id = $1`
  const rows = await app.app.database.query<Data>({ name: 'test_roles', text }, [parseIdOf('Chat', chatId)])
  return Object.fromEntries(rows.map(({ username, role }) => [username, role]))
}

const erase = (user: TestUser) => user.codeOf(Erase)
const leave = (user: TestUser, chatId: string) => user.codeOf(LeaveChat, { input: { chatId } })

/** Lets `first`, and then `then`, come as far as they do while somebody else has the chat's row. */
async function race(
  chatId: string,
  first: () => Promise<unknown>,
  then: () => Promise<unknown>,
): Promise<unknown[]> {
  await using holding = await begin()
  await holding.query('SELECT 1 FROM chats WHERE id = $1 FOR UPDATE', [parseIdOf('Chat', chatId)])
  const one = first()
  await untilSomebodyWaits(1)
  const other = then()
  await untilSomebodyWaits(2)
  await holding.query('ROLLBACK')
  return Promise.all([one, other])
}

describe('of two who come and go at once one comes first, and a group goes to the one whose turn it is', () => {
  test('a removal that nobody may do passes nobody over', async () => {
    const { owner, other: admin, going: member, group } = await createScene()
    const input = { chatId: group, userId: admin.id }
    expect(await owner.codeOf(SetChatMemberRole, { input: { ...input, role: 'ADMIN' } })).toBeNull()
    const remove = () => member.codeOf(RemoveChatMember, { input })
    expect(await race(group, () => erase(owner), remove)).toEqual([null, 'FORBIDDEN'])
    expect(await rolesIn(group)).toEqual({ [admin.username]: 'OWNER', [member.username]: 'MEMBER' })
  })

  test.each<[string, (user: TestUser, chatId: string) => Promise<unknown>, typeof leave]>([
    ['the owner is erased, then the heir leaves', erase, leave],
    ['the owner leaves, then the heir is erased', leave, erase],
    ['the owner is erased, then the heir is', erase, erase],
  ])('%s: the third has it', async (_what, first, then) => {
    const { owner, other, going, group } = await createScene()
    const codes = await race(
      group,
      () => first(owner, group),
      () => then(going, group),
    )
    expect(codes).toEqual([null, null])
    await expect.poll(() => rolesIn(group)).toEqual({ [other.username]: 'OWNER' })
  })

  test('of a group of two whose owner is erased while the other leaves nothing is left', async () => {
    const { owner, other } = await createScene()
    const group = await createGroupChat(owner, [other.id])
    const codes = await race(
      group,
      () => erase(owner),
      () => leave(other, group),
    )
    expect(codes).toEqual([null, null])
    expect(await rolesIn(group)).toEqual({})
  })

  test('the heir has it whatever else is being written of them', async () => {
    const { owner, going, group, other } = await createScene()
    await using writing = await begin()
    const id = parseIdOf('User', going.id)
    // As marking a chat as read does, for a moment.
    await writing.query('SELECT 1 FROM chat_members WHERE user_id = $1 FOR NO KEY UPDATE', [id])
    const erasing = erase(owner)
    await untilSomebodyWaits()
    await writing.query('ROLLBACK')
    expect(await erasing).toBeNull()
    expect(await rolesIn(group)).toEqual({ [going.username]: 'OWNER', [other.username]: 'MEMBER' })
  })

  test('somebody who is put into a group while they are being erased is in none afterwards', async () => {
    const { owner, other, going, group } = await createScene()
    const elsewhere = await createGroupChat(other, [owner.id])
    await using holding = await begin()
    await holding.query('SELECT 1 FROM chats WHERE id = $1 FOR UPDATE', [parseIdOf('Chat', elsewhere)])
    // Holds their account by now, and is not to be seen yet.
    const input = { chatId: elsewhere, userIds: [going.id] }
    const adding = other.codeOf(AddChatMembers, { input })
    await untilSomebodyWaits(1)
    const erasing = erase(going)
    await untilSomebodyWaits(2)
    await holding.query('ROLLBACK')
    expect(await Promise.all([adding, erasing])).toEqual([null, null])
    for (const id of [group, elsewhere]) {
      await expect.poll(() => rolesIn(id), { timeout: 10_000 }).not.toHaveProperty(going.username)
    }
  })
})

test('an account that came into a chat whose turn somebody else has is erased after it', async () => {
  const { other, going } = await createScene()
  const elsewhere = await createGroupChat(other, [])
  const [chatId, id] = [parseIdOf('Chat', elsewhere), parseIdOf('User', going.id)]
  await using adding = await begin()
  await adding.query('INSERT INTO chat_members (id, chat_id, user_id) VALUES (gen_random_uuid(), $1, $2)', [
    chatId,
    id,
  ])
  await using changing = await begin()
  await changing.query(takeTurnsSql, [parseIdOf('User', other.id), chatId])
  const erasing = erase(going)
  await untilSomebodyWaits()
  await adding.query('COMMIT')
  // It does not wait for the turn with what it has by then: whoever has it may need that.
  expect(await erasing).toBeNull()
  expect(await rolesIn(elsewhere)).toHaveProperty(going.username)
  await untilSomebodyWaits()
  await changing.query('ROLLBACK')
  await expect.poll(() => rolesIn(elsewhere), { timeout: 10_000 }).toEqual({ [other.username]: 'OWNER' })
})

describe('a chat that is over goes from the database while its members are erased', () => {
  async function waitUntilGone(chatId: string): Promise<void> {
    const text =
      'SELECT (SELECT count(*) FROM chats WHERE id = $1)::int + (SELECT count(*) FROM erasures)::int AS left'
    const left = () => app.app.database.query({ name: 'test_left', text }, [parseIdOf('Chat', chatId)])
    await expect.poll(left, { timeout: 10_000 }).toEqual([{ left: 0 }])
  }

  test('the row itself: memberships come before it', async () => {
    const { owner, other, going } = await createScene()
    // The database goes by the order in which they came, or that of their ids.
    const [first, last] = [other, going].sort((a, b) =>
      (parseIdOf('User', a.id) ?? '') < (parseIdOf('User', b.id) ?? '') ? -1 : 1,
    ) as [TestUser, TestUser]
    const group = await createGroupChat(owner, [first.id, last.id])
    await using holding = await begin()
    const ids = [group, first.id].map((id) => parseIdOf('Chat', id) ?? parseIdOf('User', id))
    await holding.query('SELECT 1 FROM chat_members WHERE chat_id = $1 AND user_id = $2 FOR UPDATE', ids)
    expect(await owner.codeOf(DeleteChat, { input: { chatId: group } })).toBeNull()
    await untilSomebodyWaits()
    expect(await erase(last)).toBeNull()
    await holding.query('ROLLBACK')
    await waitUntilGone(group)
  })

  test('its messages: whoever takes them away does so alone', async () => {
    const { owner, other, group } = await createScene()
    const messages = [await sendMessage(owner, group, 'one'), await sendMessage(owner, group, 'two')]
    await using holding = await begin()
    const id = parseIdOf('Message', messages[1]?.id ?? '')
    await holding.query('SELECT 1 FROM messages WHERE id = $1 FOR UPDATE', [id])
    expect(await owner.codeOf(DeleteChat, { input: { chatId: group } })).toBeNull()
    await untilSomebodyWaits(1)
    expect(await erase(other)).toBeNull()
    // The erasure, too, takes away what is over of what they were in.
    await untilSomebodyWaits(2)
    await holding.query('ROLLBACK')
    await waitUntilGone(group)
  })
})
