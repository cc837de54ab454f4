import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toGlobalId, uuidv7 } from '../../src/core/ids.ts'
import { addMembers } from '../../src/features/chats/members.ts'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { createDirectChat, createGroupChat, sendMessage } from '../testkit/chats.ts'
import type { Data } from '../testkit/client.ts'
import { DeleteMessage, ViewerChats } from '../testkit/operations.ts'

let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
})
afterAll(() => app.dispose())

async function list(viewer: TestUser, args: object = {}): Promise<Data> {
  return (await viewer.run(ViewerChats, args)).viewer.chats
}
const rowId = (id: string) => Buffer.from(id, 'base64url').toString().split(':')[1] ?? ''
const sql = (text: string, ...values: unknown[]) =>
  app.app.database.query<Data>({ name: text.slice(-60), text }, values)
const idsOf = (chats: Data): string[] => chats.edges.map(({ node }: Data) => node.id)

test('a message brings its chat to the front, for every member', async () => {
  const [alice, bob] = [await app.register('alice'), await app.register('bob')]
  const direct = await createDirectChat(alice, bob.id)
  const one = await createGroupChat(alice, [bob.id], 'One')
  const two = await createGroupChat(bob, [alice.id], 'Two')
  for (const viewer of [alice, bob]) expect(idsOf(await list(viewer))).toEqual([two, one, direct])
  const { id: messageId } = await sendMessage(bob, direct, 'to the front')
  for (const viewer of [alice, bob]) {
    const chats = await list(viewer)
    expect(idsOf(chats)).toEqual([direct, two, one])
    expect(chats.edges[0].node.lastMessage).toMatchObject({ text: 'to the front', author: { id: bob.id } })
    expect(chats.edges[1].node.lastMessage).toBeNull()
  }
  await bob.run(DeleteMessage, { input: { messageId } })
  expect((await list(alice)).edges[0].node.lastMessage).toMatchObject({ id: messageId, text: null })
})

test('somebody without chats has an empty page', async () => {
  const carol = await app.register('carol')
  expect(await list(carol)).toEqual({
    edges: [],
    pageInfo: { hasNextPage: false, hasPreviousPage: false, startCursor: null, endCursor: null },
  })
})

test('only what the viewer may see is listed', async () => {
  const [alice, bob] = [await app.register('alice'), await app.register('bob')]
  const [stays, deleted, left] = [
    await createGroupChat(bob, [alice.id], 'Stays'),
    await createGroupChat(bob, [alice.id], 'Deleted'),
    await createGroupChat(bob, [alice.id], 'Left'),
  ]
  for (const chatId of [stays, deleted, left]) await sendMessage(bob, chatId, 'unread')
  expect((await alice.run('{ viewer { unreadCount } }')).viewer.unreadCount).toBe(3)
  await sql('UPDATE chats SET deleted_at = now() WHERE id = $1', rowId(deleted))
  await sql('DELETE FROM chat_members WHERE chat_id = $1 AND user_id = $2', rowId(left), rowId(alice.id))
  await sendMessage(bob, left, 'without her')
  expect(idsOf(await list(alice))).toEqual([stays])
  expect(idsOf(await list(bob))).toEqual([left, stays])
  expect((await alice.run('{ viewer { unreadCount } }')).viewer.unreadCount).toBe(1)
})

test('what was said before somebody came is neither their last message nor unread', async () => {
  const [alice, bob] = [await app.register('alice'), await app.register('bob')]
  const chatId = await createGroupChat(bob, [alice.id])
  for (const text of ['one', 'two']) await sendMessage(bob, chatId, text)
  const hide = (through: number) =>
    sql('UPDATE chat_members SET hidden_through = $2 WHERE user_id = $1', rowId(alice.id), through)
  for (const [through, text, unreadCount] of [
    [1, 'two', 1],
    [2, undefined, 0],
  ] as const) {
    await hide(through)
    const { node } = (await list(alice)).edges[0]
    expect(node.unreadCount).toBe(unreadCount)
    expect(node.lastMessage?.text).toBe(text)
  }
  expect((await list(bob)).edges[0].node.lastMessage.text).toBe('two')
})

test('a summary has of each chat what it is asked for', async () => {
  const [alice, bob, carol] = [
    await app.register('alice'),
    await app.register('bob'),
    await app.register('carol'),
  ]
  const direct = await createDirectChat(alice, bob.id)
  const group = await createGroupChat(alice, [bob.id, carol.id])
  await sendMessage(bob, direct, 'hello')
  const Ask = `query ($direct: ID!, $group: ID!) {
    direct: chat(id: $direct) { unreadCount otherUser { id username displayName bio kind createdAt } }
    group: chat(id: $group) { memberCount otherUser { id }
      members(last: 2) { edges { node { user { id username displayName bio kind createdAt } } } } } }`
  const userOf = async ({ username }: TestUser) =>
    (
      await alice.run(
        'query ($username: String!) { user(username: $username) { id username displayName bio kind createdAt } }',
        { username },
      )
    ).user
  const [bobSeen, carolSeen] = [await userOf(bob), await userOf(carol)]
  expect(await alice.run(Ask, { direct, group })).toEqual({
    direct: { unreadCount: 1, otherUser: bobSeen },
    group: {
      memberCount: 3,
      otherUser: null,
      members: { edges: [{ node: { user: bobSeen } }, { node: { user: carolSeen } }] },
    },
  })
})

describe('listings', () => {
  /** Others who are nobody in particular. */
  async function addCrowd(size: number): Promise<string[]> {
    const data = Array.from({ length: size }, () => {
      const name = uuidv7()
      const keys = { usernameKey: name, email: name, emailKey: name, displayNameKey: 'crowd' }
      return { id: name, username: name, displayName: 'crowd', passwordHash: '', ...keys }
    })
    await app.app.services.store.prisma.user.createMany({ data })
    return data.map(({ id }) => id)
  }
  const listingsOf = (chatId: string) =>
    sql(
      `SELECT wide, count(*)::int AS count, count(activity_at)::int AS narrow,
        bool_and(activity_at = date_bin('10 seconds', last_activity_at, '1970-01-01T00:00:00Z')) AS exact
        FROM chats c JOIN chat_listings l ON l.chat_id = c.id WHERE c.id = $1 GROUP BY c.id`,
      rowId(chatId),
    )
  const join = (chatId: string, userIds: readonly string[]) =>
    app.app.services.store.write(({ prisma }) =>
      addMembers(
        prisma,
        rowId(chatId),
        userIds.map((userId) => ({ userId })),
      ),
    )

  test('are kept for fifty members, and looked up from the fifty-first on', async () => {
    const alice = await app.register('alice')
    const crowd = await addCrowd(50)
    const memberIds = crowd.map((id) => toGlobalId('User', id))
    const made = [await createGroupChat(alice, memberIds.slice(1)), await createGroupChat(alice, memberIds)]
    expect(await listingsOf(made[0] ?? '')).toEqual([{ wide: false, count: 50, narrow: 50, exact: true }])
    expect(await listingsOf(made[1] ?? '')).toEqual([{ wide: true, count: 51, narrow: 0, exact: null }])
    const grown = await createGroupChat(alice, memberIds.slice(2))
    await join(grown, crowd.slice(0, 1))
    expect(await listingsOf(grown)).toEqual([{ wide: false, count: 50, narrow: 50, exact: true }])
    await join(grown, crowd.slice(1, 2))
    expect(await listingsOf(grown)).toEqual([{ wide: true, count: 51, narrow: 0, exact: null }])
    // Once wide, always wide.
    await sql('DELETE FROM chat_members WHERE chat_id = $1 AND user_id = $2', rowId(grown), crowd[0])
    await sendMessage(alice, grown, 'smaller again')
    expect(await listingsOf(grown)).toEqual([{ wide: true, count: 50, narrow: 0, exact: null }])
    expect(idsOf(await list(alice))).toEqual([grown, made[1], made[0]])
  })

  test('of who joins while a message is sent know of it', async () => {
    const [alice, bob] = [await app.register('alice'), await app.register('bob')]
    const chatId = await createGroupChat(alice)
    await sql("UPDATE chats SET last_activity_at = now() - interval '1 day' WHERE id = $1", rowId(chatId))
    const between = await createGroupChat(bob)
    let sending: Promise<unknown> = Promise.resolve()
    await app.app.services.store.write(async ({ prisma }) => {
      await prisma.$executeRaw`SELECT 1 FROM chats WHERE id = ${rowId(chatId)}::uuid FOR UPDATE`
      await addMembers(prisma, rowId(chatId), [{ userId: rowId(bob.id) }])
      sending = sendMessage(alice, chatId, 'to whoever is here')
      const waiting = () =>
        sql("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
      await expect.poll(waiting).toHaveLength(1)
    })
    await sending
    expect(idsOf(await list(bob))).toEqual([chatId, between])
    expect(await listingsOf(chatId)).toEqual([{ wide: false, count: 2, narrow: 2, exact: true }])
  })
})

describe('pages', () => {
  let dora: TestUser
  let all: string[]
  beforeAll(async () => {
    dora = await app.register('dora')
    await Promise.all(Array.from({ length: 23 }, (_, i) => createGroupChat(dora, [], `Chat ${i}`)))
    // Ties, as many chats at the same moment have them; others an hour ago, and some at any time of ten seconds.
    await sql(
      "UPDATE chats SET last_activity_at = date_bin('10 seconds', now(), '1970-01-01T00:00:00Z') WHERE title LIKE 'Chat 1%'",
    )
    await sql("UPDATE chats SET last_activity_at = now() - interval '1 hour' WHERE title LIKE 'Chat 2%'")
    await sql(
      "UPDATE chats SET last_activity_at = date_bin('10 seconds', now(), '1970-01-01T00:00:00Z') - random() * interval '10 seconds' WHERE title LIKE 'Chat _'",
    )
    // As chats with many members are.
    await sql(
      "UPDATE chats SET wide = true WHERE title LIKE 'Chat %3' OR title LIKE 'Chat %7' OR title LIKE 'Chat %0'",
    )
    all = idsOf(await list(dora, { first: 100 }))
    expect(new Set(all).size).toBe(23)
  })

  test('are in the order of activity, ties included', async () => {
    const times = (await list(dora, { first: 100 })).edges.map(({ node }: Data) => node.lastActivityAt)
    expect(times).toEqual([...times].sort().reverse())
    expect(new Set(times).size).toBeLessThan(23)
  })

  test.each([1, 4, 11, 23, 100])('of %i hold every chat once, forward and backward', async (size) => {
    const forward: string[] = []
    for (let after: string | null = null, more = true; more; ) {
      const chats: Data = await list(dora, { first: size, after })
      forward.push(...idsOf(chats))
      more = chats.pageInfo.hasNextPage
      after = chats.pageInfo.endCursor
    }
    expect(forward).toEqual(all)
    const backward: string[] = []
    for (let before: string | null = null, more = true; more; ) {
      const chats: Data = await list(dora, { last: size, before })
      backward.unshift(...idsOf(chats))
      more = chats.pageInfo.hasPreviousPage
      before = chats.pageInfo.startCursor
    }
    expect(backward).toEqual(all)
  })

  test('are of 20 unless asked otherwise', async () => {
    expect(idsOf(await list(dora))).toEqual(all.slice(0, 20))
  })

  test('lie between two cursors', async () => {
    const { edges } = await list(dora, { first: 100 })
    const between = await list(dora, { first: 100, after: edges[2].cursor, before: edges[9].cursor })
    expect(idsOf(between)).toEqual(all.slice(3, 9))
    expect(idsOf(await list(dora, { after: edges[9].cursor, before: edges[2].cursor }))).toEqual([])
  })

  const cursorOf = (...parts: (string | number)[]) => Buffer.from(parts.join('|')).toString('base64url')
  const uuid = '01900000-0000-7000-8000-000000000000'
  test.each<[string, object]>([
    ['first: 0', { first: 0 }],
    ['first: 101', { first: 101 }],
    ['last: -1', { last: -1 }],
    ['first with last', { first: 1, last: 1 }],
    ['an empty cursor', { after: '' }],
    ['garbage', { before: 'garbage' }],
    ['a cursor of messages', { after: cursorOf('m', 1) }],
    ['a cursor of an event', { after: cursorOf('e', 'x', 1) }],
    ['a cursor without its id', { after: cursorOf('c', 1) }],
    ['a cursor with another id', { after: cursorOf('c', 1, "' OR 1=1") }],
    ['a cursor with one part more', { after: cursorOf('c', 1, uuid, 1) }],
    ['a time before all times', { after: cursorOf('c', -1, uuid) }],
    ['a time that no database has', { after: cursorOf('c', '9'.repeat(16), uuid) }],
    ['a time beyond the year 9999', { before: cursorOf('c', '9'.repeat(15), uuid) }],
  ])('refuse %s', async (_what, args) => {
    expect(await dora.codeOf(ViewerChats, args)).toBe('VALIDATION_FAILED')
  })
})
