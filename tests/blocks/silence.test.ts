import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestApp, type TestApp, type TestUser, testPassword } from '../testkit/app.ts'
import { createDirectChat, createGroupChat, sendMessage } from '../testkit/chats.ts'
import type { Data, TestClient } from '../testkit/client.ts'
import { EventCursor, Login } from '../testkit/operations.ts'
import { block, registerPair, unblock } from './blocking.ts'

let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
})
afterAll(() => app.dispose())

const Events = `subscription Events($after: String!) { events(after: $after) { __typename
  ... on UserUpdated { user { id viewerHasBlocked } } ... on MessageAdded { message { text } } } }`

async function follow(client: TestClient) {
  const { viewer } = await client.run(EventCursor)
  const live = client.subscribe(Events, { after: viewer.eventCursor })
  await live.until(({ events }) => events.__typename === 'CaughtUp')
  return {
    /** What came up to a message with this text. */
    upTo: async (text: string): Promise<Data[]> =>
      (await live.until(({ events }) => events.message?.text === text)).map(({ events }) => events),
    stop: live.stop,
  }
}

test("the blocker's devices hear of it, and nobody else", async () => {
  const [alice, bob] = await registerPair(app)
  const carol = await app.register('carol')
  await createDirectChat(alice, bob.id)
  const groupId = await createGroupChat(carol, [alice.id, bob.id])
  const { login } = await app.anonymous.run(Login, {
    input: { identifier: alice.username, password: testPassword },
  })
  const hers = [await follow(alice), await follow(app.client(login.tokens.accessToken))]
  const others = [await follow(bob), await follow(carol)]
  const marker = async (text: string) => {
    await sendMessage(carol, groupId, text)
    return { __typename: 'MessageAdded', message: { text } }
  }
  const updated = (viewerHasBlocked: boolean) => ({
    __typename: 'UserUpdated',
    user: { id: bob.id, viewerHasBlocked },
  })

  await block(alice, bob.id)
  const blocked = await marker('blocked')
  for (const device of hers) expect(await device.upTo('blocked')).toEqual([updated(true), blocked])
  for (const device of others) expect(await device.upTo('blocked')).toEqual([blocked])

  await block(alice, bob.id)
  const again = await marker('again')
  for (const device of [...hers, ...others]) expect(await device.upTo('again')).toEqual([again])

  await unblock(alice, bob.id)
  await unblock(alice, bob.id)
  const unblocked = await marker('unblocked')
  for (const device of hers) expect(await device.upTo('unblocked')).toEqual([updated(false), unblocked])
  for (const device of others) expect(await device.upTo('unblocked')).toEqual([unblocked])
  await Promise.all([...hers, ...others].map((device) => device.stop()))
})

test('of ten blocks at once the devices hear once; of a refused one never', async () => {
  const [alice, bob] = await registerPair(app)
  const groupId = await createGroupChat(alice)
  const device = await follow(alice)
  await Promise.all(Array.from({ length: 10 }, () => block(alice, bob.id)))
  await block(alice, alice.id)
  await sendMessage(alice, groupId, 'the end')
  expect((await device.upTo('the end')).map((event) => event.__typename)).toEqual([
    'UserUpdated',
    'MessageAdded',
  ])
  await device.stop()
})

const Person =
  'fragment Person on User { id username displayName bio kind createdAt isViewer viewerHasBlocked }'
const Talk = `fragment Talk on Chat { id kind title createdAt updatedAt lastActivityAt memberCount unreadCount
  lastReadCursor otherUser { ...Person } lastMessage { ...Said } viewerMembership { id role lastReadSequence }
  members { edges { cursor node { id joinedAt lastReadSequence user { ...Person } } } }
  messages { edges { cursor node { ...Said } } pageInfo { hasPreviousPage } } }
fragment Said on Message { id text author { ...Person } editedAt deletedAt viewerCanEdit viewerCanDelete }
${Person}`

/** What somebody may read of somebody else, of what they have in common, and of people in general. */
const reads = [
  `query ($username: String!, $id: ID!, $third: String!, $email: String!) {
    user(username: $username) { ...Person } node(id: $id) { ...Person } nodes(ids: [$id]) { ...Person }
    users(search: $third) { edges { cursor node { ...Person } } pageInfo { hasNextPage endCursor } }
    byEmail: users(search: $email) { edges { cursor node { ...Person } } } } ${Person}`,
  `query ($directId: ID!) { chat(id: $directId) { ...Talk } } ${Talk}`,
  `query ($groupId: ID!) { chat(id: $groupId) { ...Talk } } ${Talk}`,
  `{ viewer { id unreadCount blockedUsers { edges { node { ...Person } } }
    chats(first: 3) { edges { cursor node { ...Talk } } pageInfo { hasNextPage } } } } ${Talk}`,
]

/** What the log does by itself, at moments of its own, for whoever follows it. */
const background = /pg_notify|pg_locks|FROM events e WHERE e\.position > \$1 ORDER BY/

test('what the blocked side reads is the same to the letter before and after, and so are the statements', async () => {
  const [alice, bob] = await registerPair(app)
  const carol = await app.register('carol')
  const directId = await createDirectChat(alice, bob.id)
  const groupId = await createGroupChat(carol, [alice.id, bob.id])
  for (const chatId of [directId, groupId]) {
    for (const author of [alice, bob]) await sendMessage(author, chatId, `from ${author.username}`)
  }
  const read = async (viewer: TestUser, other: TestUser) => {
    const chats = { directId, groupId }
    const people = { username: other.username, id: other.id, third: carol.username, email: carol.email }
    const { result, statements } = await app.statements(async () => {
      const answers: Data[] = []
      for (const operation of reads) answers.push(await viewer.run(operation, { ...chats, ...people }))
      return answers
    })
    return { result, statements: statements.filter((sql) => !background.test(sql)).sort() }
  }
  const [his, hers] = [await read(bob, alice), await read(alice, bob)]
  await block(alice, bob.id)
  expect(await read(bob, alice)).toEqual(his)
  // So that the reads are ones in which something could show.
  const { result } = await read(alice, bob)
  expect([result[0].user, result[1].chat.otherUser].map((user) => user.viewerHasBlocked)).toEqual([
    true,
    true,
  ])
  await unblock(alice, bob.id)
  expect(await read(bob, alice)).toEqual(his)
  expect(await read(alice, bob)).toEqual(hers)
})
