import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { parseIdOf } from '../../src/core/ids.ts'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { createDirectChat, createGroupChat, sendMessage } from '../testkit/chats.ts'
import type { Data, TestClient } from '../testkit/client.ts'
import { AddReaction, BlockUser, DeleteMessage, EventCursor, RemoveReaction } from '../testkit/operations.ts'

let app: TestApp
let alice: TestUser
let bob: TestUser
let stranger: TestUser
let chatId: string
beforeAll(async () => {
  app = await startTestApp()
  ;[alice, bob, stranger] = [
    await app.register('alice'),
    await app.register('bob'),
    await app.register('eve'),
  ]
  chatId = await createGroupChat(alice, [bob.id])
})
afterAll(() => app.dispose())

const Reactions = `query ($id: ID!, $first: Int, $after: String) { node(id: $id) { ... on Message { reactions {
  emoji count viewerHasReacted
  users(first: $first, after: $after) { edges { node { id } } pageInfo { hasNextPage endCursor } } } } } }`
const Events = `subscription ($after: String) { events(after: $after) { __typename
  ... on ReactionAdded { emoji user { id } chat { id } message { id reactions { emoji count viewerHasReacted } } }
  ... on ReactionRemoved { emoji user { id } message { id reactions { emoji count viewerHasReacted } } } } }`

async function react(client: TestClient, messageId: string, emoji: string): Promise<Data> {
  return (await client.run(AddReaction, { input: { messageId, emoji } })).addReaction
}

async function reactionsOf(client: TestClient, id: string, page = {}): Promise<Data[]> {
  return (await client.run(Reactions, { id, ...page })).node.reactions
}

test('reactions are grouped by emoji, in the order of their first, with who reacted', async () => {
  const { id } = await sendMessage(alice, chatId, 'hello')
  await react(bob, id, '🎉')
  await react(alice, id, '❤')
  const { message } = await react(bob, id, '❤️')
  expect(message.reactions).toEqual([
    { emoji: '🎉', count: 1, viewerHasReacted: true },
    { emoji: '❤️', count: 2, viewerHasReacted: true },
  ])
  const groups = await reactionsOf(alice, id)
  expect(groups).toMatchObject([
    { emoji: '🎉', viewerHasReacted: false, users: { edges: [{ node: { id: bob.id } }] } },
    {
      emoji: '❤️',
      viewerHasReacted: true,
      users: { edges: [{ node: { id: alice.id } }, { node: { id: bob.id } }] },
    },
  ])
  const [, hearts] = await reactionsOf(alice, id, { first: 1 })
  expect(hearts.users).toMatchObject({ edges: [{ node: { id: alice.id } }], pageInfo: { hasNextPage: true } })
  const [, more] = await reactionsOf(alice, id, { first: 1, after: hearts.users.pageInfo.endCursor })
  expect(more.users).toMatchObject({ edges: [{ node: { id: bob.id } }], pageInfo: { hasNextPage: false } })
})

test('adding and removing twice changes nothing more, and nobody is told of nothing', async () => {
  const { viewer } = await bob.run(EventCursor)
  const { id } = await sendMessage(alice, chatId, 'hello')
  await react(alice, id, '👍')
  await react(alice, id, '👍')
  const remove = async (client: TestClient) =>
    (await client.run(RemoveReaction, { input: { messageId: id, emoji: '👍' } })).removeReaction
  expect((await remove(bob)).message.reactions).toHaveLength(1)
  expect((await remove(alice)).message.reactions).toEqual([])
  expect((await remove(alice)).message.reactions).toEqual([])
  const events = bob.subscribe(Events, { after: viewer.eventCursor })
  const told = (await events.until(({ events: event }) => event.__typename === 'CaughtUp')).map(
    ({ events: event }: Data) => event,
  )
  await events.stop()
  // What the log showed late, of the lines above and of other tests, comes first.
  const start = told.findLastIndex((event) => event.__typename === 'MessageAdded')
  expect(told.slice(start + 1)).toEqual([
    {
      __typename: 'ReactionAdded',
      emoji: '👍',
      user: { id: alice.id },
      chat: { id: chatId },
      message: { id, reactions: [] },
    },
    { __typename: 'ReactionRemoved', emoji: '👍', user: { id: alice.id }, message: { id, reactions: [] } },
    { __typename: 'CaughtUp' },
  ])
})

test('a live event shows each subscriber their own part in it', async () => {
  const { id } = await sendMessage(alice, chatId, 'hello')
  const followers = [alice, bob].map((user) => user.subscribe(Events))
  for (const events of followers) await events.until(({ events: event }) => event.__typename === 'CaughtUp')
  await react(alice, id, '👍')
  for (const [index, events] of followers.entries()) {
    const [event] = await events.take(1)
    expect(event.events.message.reactions).toEqual([{ emoji: '👍', count: 1, viewerHasReacted: index === 0 }])
    await events.stop()
  }
})

test.each(['', 'x', '👍👍', 'thumbs up', '👍 '])('%j is refused', async (emoji) => {
  const { id } = await sendMessage(alice, chatId, 'hello')
  expect(await react(alice, id, emoji)).toMatchObject({
    code: 'VALIDATION_FAILED',
    issues: [{ path: ['emoji'] }],
  })
})

test('a message takes twenty kinds, also when they all come at once', async () => {
  const { id } = await sendMessage(alice, chatId, 'hello')
  const emojis = Array.from({ length: 24 }, (_, i) => String.fromCodePoint(0x1f600 + i))
  const answers = await Promise.all(emojis.map((emoji, i) => react(i % 2 ? alice : bob, id, emoji)))
  const added = answers.flatMap(({ code }, i) => (code === undefined ? [emojis[i] ?? ''] : []))
  expect(added).toHaveLength(20)
  expect(answers.filter(({ code }) => code === 'CONFLICT')).toHaveLength(4)
  expect(await reactionsOf(alice, id, { first: 1 })).toHaveLength(20)
  // One of the kinds that are there is no new kind.
  for (const user of [alice, bob]) expect((await react(user, id, added[0] ?? '')).code).toBeUndefined()
})

describe('who may not', () => {
  test('somebody outside, somebody without an account, and on nothing', async () => {
    const { id } = await sendMessage(alice, chatId, 'hello')
    expect(await react(stranger, id, '👍')).toMatchObject({ code: 'NOT_FOUND' })
    expect(await react(alice, chatId, '👍')).toMatchObject({ code: 'NOT_FOUND' })
    const input = { messageId: id, emoji: '👍' }
    expect(await app.anonymous.codeOf(AddReaction, { input })).toBe('UNAUTHENTICATED')
    expect(await stranger.codeOf(RemoveReaction, { input })).toBe('NOT_FOUND')
  })

  test('on a deleted message, which loses the reactions it had', async () => {
    const { id } = await sendMessage(alice, chatId, 'hello')
    await react(bob, id, '👍')
    await alice.run(DeleteMessage, { input: { messageId: id } })
    expect(await reactionsOf(bob, id)).toEqual([])
    expect(await react(bob, id, '👍')).toMatchObject({ code: 'CONFLICT' })
    expect(await bob.codeOf(RemoveReaction, { input: { messageId: id, emoji: '👍' } })).toBeNull()
  })

  test('either side of a block, who may still take back what they added', async () => {
    const [carol, dave] = [await app.register('carol'), await app.register('dave')]
    const direct = await createDirectChat(carol, dave.id)
    const { id } = await sendMessage(carol, direct, 'hello')
    await react(dave, id, '👍')
    await carol.run(BlockUser, { input: { userId: dave.id } })
    for (const user of [carol, dave]) expect(await react(user, id, '🎉')).toMatchObject({ code: 'FORBIDDEN' })
    expect(await dave.codeOf(RemoveReaction, { input: { messageId: id, emoji: '👍' } })).toBeNull()
  })
})

test('of reactions and a deletion at once none is left', async () => {
  const { id } = await sendMessage(alice, chatId, 'hello')
  const emojis = Array.from({ length: 10 }, (_, i) => String.fromCodePoint(0x1f600 + i))
  await Promise.all([
    ...emojis.map((emoji) => react(bob, id, emoji)),
    alice.run(DeleteMessage, { input: { messageId: id } }),
  ])
  expect(await reactionsOf(bob, id)).toEqual([])
})

test('who is removed at the same moment is told that nothing was added', async () => {
  const carl = await app.register('carl')
  const group = await createGroupChat(alice, [carl.id])
  const { id } = await sendMessage(alice, group, 'hello')
  const client = new pg.Client(app.database.url)
  await client.connect()
  try {
    await client.query('BEGIN')
    await client.query('DELETE FROM chat_members WHERE user_id = $1', [parseIdOf('User', carl.id)])
    const reacting = react(carl, id, '🎉')
    const waiting = `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`
    await vi.waitFor(
      async () => expect((await app.app.control.query({ text: waiting }, [])).length).toBe(1),
      10_000,
    )
    await client.query('COMMIT')
    expect(await reacting).toMatchObject({ __typename: 'NotFoundError' })
  } finally {
    await client.end()
  }
  expect(await reactionsOf(alice, id)).toEqual([])
})
