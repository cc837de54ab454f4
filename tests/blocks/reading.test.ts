import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { startTestApp, type TestApp, type TestUser, testPassword } from '../testkit/app.ts'
import { createDirectChat, createGroupChat, sendMessage } from '../testkit/chats.ts'
import type { Data, TestClient } from '../testkit/client.ts'
import {
  AddReaction,
  ClearChat,
  DeleteMessage,
  EventCursor,
  Login,
  MarkChatRead,
  RemoveReaction,
} from '../testkit/operations.ts'
import { block, createObstacle, refusal, registerPair, rowId, unblock } from './blocking.ts'

let app: TestApp
let other: TestApp
let alice: TestUser
let bob: TestUser
let chatId: string
let groupId: string
beforeAll(async () => {
  app = await startTestApp()
  other = await startTestApp({ database: app.database })
})
beforeEach(async () => {
  ;[alice, bob] = await registerPair(app)
  chatId = await createDirectChat(alice, bob.id)
  groupId = await createGroupChat(await app.register('carol'), [alice.id, bob.id])
  for (let i = 0; i < 5; i++) await sendMessage(i % 2 ? alice : bob, chatId, `message ${i + 1}`)
})
afterAll(async () => {
  await other.dispose()
  await app.dispose()
})

const Events = `subscription ($after: String!) { events(after: $after) { __typename
  ... on ChatRead { chat { id } user { id } lastReadSequence member { lastReadSequence } }
  ... on MessageAdded { message { text } }
  ... on MessageEvent { message { id deletedAt reactions { emoji } } } } }`

async function follow(client: TestClient, after?: string) {
  const live = client.subscribe(Events, {
    after: after ?? (await client.run(EventCursor)).viewer.eventCursor,
  })
  await live.until(({ events }) => events.__typename === 'CaughtUp')
  return {
    /** What came until the log has been read to its end, without what says so. */
    async all(): Promise<Data[]> {
      const end = `end ${++ends}`
      await sendMessage(alice, groupId, end)
      const events = await live.until(({ events: event }) => event.message?.text === end)
      return events.slice(0, -1).map(({ events: event }) => event)
    },
    stop: live.stop,
  }
}
let ends = 0

const read = async (reader: TestClient, sequence: number) =>
  (await reader.run(MarkChatRead, { input: { chatId, sequence } })).markChatRead.chat.viewerMembership

/** How far each of the two has read, as one of them sees it, wherever it can be asked for. */
async function seenBy(viewer: TestUser, whom: TestUser): Promise<number> {
  const { chat, viewer: me } = await viewer.run(
    `query ($id: ID!) { chat(id: $id) { members { edges { node { id user { id } lastReadSequence } } } }
      viewer { chats { edges { node { id members { edges { node { id lastReadSequence } } } } } } } }`,
    { id: chatId },
  )
  const member = chat.members.edges.find(({ node }: Data) => node.user.id === whom.id).node
  const listed = me.chats.edges
    .find(({ node }: Data) => node.id === chatId)
    .node.members.edges.find(({ node }: Data) => node.id === member.id).node
  const { node } = await viewer.run(
    'query ($id: ID!) { node(id: $id) { ... on ChatMember { lastReadSequence } } }',
    { id: member.id },
  )
  const seen = new Set([member, listed, node].map(({ lastReadSequence }) => lastReadSequence as number))
  expect(seen.size).toBe(1)
  return [...seen][0] ?? Number.NaN
}

const chatRead = (reader: TestUser, sequence: number) => ({
  __typename: 'ChatRead',
  chat: { id: chatId },
  user: { id: reader.id },
  lastReadSequence: sequence,
  member: { lastReadSequence: sequence },
})

test.each(['the blocker', 'the blocked'] as const)(
  'what %s reads goes to their own devices alone, in the log and in the state, until the block is over',
  async (which) => {
    const [reader, peer] = which === 'the blocker' ? [alice, bob] : [bob, alice]
    await read(reader, 1)
    await read(peer, 2)
    const { login } = await app.anonymous.run(Login, {
      input: { identifier: reader.username, password: testPassword },
    })
    const own = [await follow(reader), await follow(other.client(login.tokens.accessToken))]
    const theirs = [await follow(peer), await follow(other.client(peer.token))]
    const before = (await peer.run(EventCursor)).viewer.eventCursor
    await block(alice, bob.id)
    expect(await read(reader, 4)).toEqual({ lastReadSequence: 4 })
    for (const device of own) {
      const reads = (await device.all()).filter(({ __typename }) => __typename === 'ChatRead')
      expect(reads).toEqual([chatRead(reader, 4)])
    }
    for (const device of theirs) {
      expect((await device.all()).filter(({ __typename }) => __typename === 'ChatRead')).toEqual([])
    }
    const resumed = await follow(peer, before)
    expect((await resumed.all()).filter(({ __typename }) => __typename === 'ChatRead')).toEqual([])
    expect([await seenBy(reader, reader), await seenBy(peer, reader)]).toEqual([4, 1])
    expect([await seenBy(reader, peer), await seenBy(peer, peer)]).toEqual([2, 2])

    await unblock(alice, bob.id)
    for (const device of [...own, ...theirs, resumed]) {
      const reads = (await device.all()).filter(({ __typename }) => __typename === 'ChatRead')
      expect(reads).toEqual([chatRead(reader, 4)])
    }
    expect([await seenBy(reader, reader), await seenBy(peer, reader)]).toEqual([4, 4])
    await Promise.all([...own, ...theirs, resumed].map((device) => device.stop()))
  },
)

test('of two blocks both have to be over, and a block that comes again hides from where it came first', async () => {
  await block(alice, bob.id)
  await read(bob, 2)
  await block(bob, alice.id)
  await read(bob, 3)
  await block(alice, bob.id)
  await unblock(alice, bob.id)
  expect(await seenBy(alice, bob)).toBe(0)
  const device = await follow(alice)
  await unblock(bob, alice.id)
  expect(await device.all()).toEqual([chatRead(bob, 3)])
  expect(await seenBy(alice, bob)).toBe(3)
  await device.stop()
})

test('an event from before the block says no more than was known then', async () => {
  const before = (await alice.run(EventCursor)).viewer.eventCursor
  await read(bob, 1)
  await block(alice, bob.id)
  await read(bob, 5)
  const live = alice.subscribe(Events, { after: before })
  const events = await live.until(({ events: event }) => event.__typename === 'CaughtUp')
  const reads = events.map(({ events: event }) => event).filter(({ __typename }) => __typename === 'ChatRead')
  expect(reads).toEqual([chatRead(bob, 1)])
  await live.stop()
})

test('what is taken back is shown: a deletion, a reaction, a cleared chat', async () => {
  const mine = await sendMessage(bob, chatId, 'to be deleted')
  const reacted = await sendMessage(alice, chatId, 'to be reacted to')
  await bob.run(AddReaction, { input: { messageId: reacted.id, emoji: '👍' } })
  await block(alice, bob.id)
  const device = await follow(alice)
  await bob.run(RemoveReaction, { input: { messageId: reacted.id, emoji: '👍' } })
  await bob.run(DeleteMessage, { input: { messageId: mine.id } })
  await bob.run(ClearChat, { input: { chatId } })
  const again = await bob.run(AddReaction, { input: { messageId: reacted.id, emoji: '👍' } })
  expect(again.addReaction).toMatchObject(refusal)
  expect(await device.all()).toMatchObject([
    { __typename: 'ReactionRemoved', message: { id: reacted.id, reactions: [] } },
    { __typename: 'MessageDeleted', message: { id: mine.id, deletedAt: expect.any(String) } },
    { __typename: 'ChatCleared' },
  ])
  await device.stop()
})

test('reading and a block at the same moment: what comes first is shown, what comes second is not', async () => {
  for (const first of ['read', 'block'] as const) {
    const { sequence } = await sendMessage(alice, chatId, first)
    const obstacle = await createObstacle(app)
    await obstacle.query('SELECT 1 FROM chats WHERE id = $1 FOR UPDATE', [rowId(chatId)])
    const calls = { read: () => read(bob, sequence), block: () => block(alice, bob.id) }
    const second = first === 'read' ? 'block' : 'read'
    const one = calls[first]()
    await obstacle.untilWaiting(1)
    const two = calls[second]()
    await obstacle.untilWaiting(2)
    await obstacle.end()
    await Promise.all([one, two])
    expect(await seenBy(alice, bob)).toBe(first === 'read' ? sequence : sequence - 1)
    expect(await seenBy(bob, bob)).toBe(sequence)
    await unblock(alice, bob.id)
  }
})

test('a reaction that waits for a block is refused; one that is under way comes before it', async () => {
  const message = await sendMessage(alice, chatId, 'like it?')
  const react = async () =>
    (await bob.run(AddReaction, { input: { messageId: message.id, emoji: '👍' } })).addReaction
  const late = await createObstacle(app)
  await late.query('SELECT 1 FROM chats WHERE id = $1 FOR UPDATE', [rowId(chatId)])
  const blocking = block(alice, bob.id)
  await late.untilWaiting(1)
  const refused = react()
  await late.untilWaiting(2)
  await late.end()
  await blocking
  expect(await refused).toMatchObject(refusal)
  await unblock(alice, bob.id)

  const early = await createObstacle(app)
  await early.query('SELECT 1 FROM messages WHERE id = $1 FOR UPDATE', [rowId(message.id)])
  const reacting = react()
  await early.untilWaiting(1)
  const blockingAgain = block(alice, bob.id)
  await early.untilWaiting(2)
  await early.end()
  expect((await reacting).message.reactions).toEqual([{ emoji: '👍', count: 1, viewerHasReacted: true }])
  await blockingAgain
})

test('reading and blocking from both sides at once leave what is shown where it belongs', async () => {
  for (let round = 0; round < 6; round++) {
    const { sequence } = await sendMessage(alice, chatId, `round ${round}`)
    const before = await seenBy(alice, bob)
    await Promise.all([
      read(bob, sequence),
      block(alice, bob.id),
      read(alice, sequence),
      block(bob, alice.id),
    ])
    expect([before, sequence]).toContain(await seenBy(alice, bob))
    expect(await seenBy(bob, bob)).toBe(sequence)
    await Promise.all([unblock(alice, bob.id), unblock(bob, alice.id)])
    expect([await seenBy(alice, bob), await seenBy(bob, alice)]).toEqual([sequence, sequence])
  }
})
