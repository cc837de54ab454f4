import { ApolloClient, ApolloLink, HttpLink } from '@apollo/client'
import { print } from 'graphql'
import { createClient } from 'graphql-ws'
import { afterAll, beforeAll, expect, test } from 'vitest'
import WebSocket from 'ws'
import { createCache } from '../../examples/web/src/apollo/cache.ts'
import {
  ConversationDocument,
  type ConversationQuery,
  EventsDocument,
  type EventsSubscription,
  HomeDocument,
  NewestMessagesFragmentDoc,
  OlderMessagesDocument,
  SendMessageDocument,
} from '../../examples/web/src/gql/graphql.ts'
import { applyEvent, type LiveEvent } from '../../examples/web/src/live/applyEvent.ts'
import { addMessage } from '../../examples/web/src/live/lists.ts'
import { startTestApp, type TestApp, type TestUser, testPassword } from '../testkit/app.ts'
import { createDirectChat, createGroupChat, sendMessage } from '../testkit/chats.ts'
import * as operations from '../testkit/operations.ts'

const DeleteAccount = `mutation ($input: DeleteAccountInput!) { deleteAccount(input: $input) { __typename } }`

let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
})
afterAll(() => app.dispose())

function createApollo(user: TestUser) {
  const headers = { authorization: `Bearer ${user.token}` }
  const link = ApolloLink.from([new HttpLink({ uri: `${app.url}/graphql`, headers })])
  return new ApolloClient({ cache: createCache(), link })
}

type Apollo = ReturnType<typeof createApollo>

/** What the app shows: from the cache, but for chats that are new and opened for the first time. */
async function shown(apollo: Apollo) {
  const { cache } = apollo
  for (const { node } of cache.readQuery({ query: HomeDocument })?.viewer?.chats.edges ?? []) {
    await apollo.query({ query: ConversationDocument, variables: { chatId: node.id } })
  }
  const viewer = cache.readQuery({ query: HomeDocument })?.viewer
  const chats = viewer?.chats.edges.map(({ node }) => node) ?? []
  return {
    unreadCount: viewer?.unreadCount,
    chats: chats.map((row) => {
      const chat = cache.readQuery({ query: ConversationDocument, variables: { chatId: row.id } })?.chat
      return {
        ...row,
        members: chat?.members.edges.map(({ node }) => node),
        messages: chat?.messages.edges.map(({ node }) => node),
      }
    }),
  }
}

async function load(user: TestUser): Promise<{ apollo: Apollo; cursor: string }> {
  const apollo = createApollo(user)
  const { data } = await apollo.query({ query: HomeDocument })
  await shown(apollo)
  return { apollo, cursor: data?.viewer?.eventCursor ?? '' }
}

/** Everything behind the cursor, up to where the log stands. */
async function eventsAfter(user: TestUser, after: string): Promise<LiveEvent[]> {
  const client = createClient({
    url: `${app.url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${user.token}` },
  })
  const events: LiveEvent[] = []
  for await (const { data } of client.iterate<EventsSubscription>({
    query: print(EventsDocument),
    variables: { after },
  })) {
    if (data == null || data.events.__typename === 'CaughtUp') break
    events.push(data.events)
  }
  await client.dispose()
  return events
}

const inTime = (value: unknown) =>
  JSON.parse(
    JSON.stringify(value, (key, each) => (key === 'deletedAt' && each !== null ? 'then' : (each as unknown))),
  )

test('a cache that is kept by events shows what a new one shows, also when each comes twice', async () => {
  const [alice, bob, carol] = [
    await app.register('alice'),
    await app.register('bob'),
    await app.register('carol'),
  ]
  const direct = await createDirectChat(alice, bob.id)
  const group = await createGroupChat(alice, [bob.id, carol.id])
  const first = await sendMessage(alice, direct, 'first')
  const inGroup = await sendMessage(carol, group, 'of carol')
  const quoted = await sendMessage(alice, group, 'quoted')
  await sendMessage(bob, direct, 'mine')
  const { apollo, cursor } = await load(bob)

  const run = async (user: TestUser, operation: string, input: object) => {
    const answer = await user.run(operation, { input })
    expect(JSON.stringify(answer)).toMatch(/Payload"/)
  }
  await sendMessage(alice, direct, 'second')
  await run(alice, operations.EditMessage, { messageId: first.id, text: 'first, edited' })
  await run(alice, operations.AddReaction, { messageId: inGroup.id, emoji: '👍' })
  await run(carol, operations.AddReaction, { messageId: inGroup.id, emoji: '👍' })
  await run(carol, operations.AddReaction, { messageId: quoted.id, emoji: '🎉' })
  await run(carol, operations.SendMessage, {
    chatId: group,
    text: 'an answer',
    clientMessageId: 'answer',
    replyToId: quoted.id,
  })
  const second = await createGroupChat(carol, [bob.id])
  await sendMessage(carol, second, 'in a new group')
  await run(bob, operations.MarkChatRead, { chatId: direct, sequence: 2 })
  await run(alice, operations.RenameChat, { chatId: group, title: 'Renamed' })
  const dave = await app.register('dave')
  await run(alice, operations.AddChatMembers, { chatId: group, userIds: [dave.id] })
  await run(alice, operations.ClearChat, { chatId: direct })
  const gone = await createGroupChat(alice, [bob.id])
  await sendMessage(alice, gone, 'soon gone')
  await run(alice, operations.DeleteChat, { chatId: gone })
  await run(alice, operations.RemoveChatMember, { chatId: group, userId: dave.id })

  const events = await eventsAfter(bob, cursor)
  for (const event of events) applyEvent(apollo.cache, event)
  const fresh = await load(bob)
  expect(inTime(await shown(apollo))).toEqual(inTime(await shown(fresh.apollo)))
  for (const event of events) applyEvent(apollo.cache, event)
  expect(inTime(await shown(apollo))).toEqual(inTime(await shown(fresh.apollo)))

  await run(alice, operations.ClearChat, { chatId: group })
  await run(carol, DeleteAccount, { password: testPassword, messages: 'ERASE' })
  await expect
    .poll(async () => (await eventsAfter(bob, fresh.cursor)).map((each) => JSON.stringify(each)).join())
    .toContain('"ERASE"')
  for (const event of await eventsAfter(bob, fresh.cursor)) applyEvent(apollo.cache, event)
  expect(inTime(await shown(apollo))).toEqual(inTime(await shown((await load(bob)).apollo)))
})

test('pages and events make one list, in order, without doubles', async () => {
  const [alice, bob] = [await app.register('alice'), await app.register('bob')]
  const chatId = await createDirectChat(alice, bob.id)
  for (let i = 1; i <= 70; i++) await sendMessage(alice, chatId, `message ${i}`)
  const apollo = createApollo(bob)
  const start = (await apollo.query({ query: HomeDocument })).data?.viewer?.eventCursor ?? ''
  await sendMessage(alice, chatId, 'message 71')
  // The event comes before anything else of the chat is known.
  for (const event of await eventsAfter(bob, start)) applyEvent(apollo.cache, event)
  const variables = { chatId }
  await apollo.query({ query: ConversationDocument, variables, fetchPolicy: 'network-only' })
  const list = () => apollo.cache.readQuery({ query: ConversationDocument, variables })?.chat?.messages
  expect(list()?.edges).toHaveLength(30)
  while (list()?.pageInfo.hasPreviousPage) {
    const before = list()?.pageInfo.startCursor ?? null
    const variables = { chatId, before }
    await apollo.query({ query: OlderMessagesDocument, variables, fetchPolicy: 'network-only' })
  }
  const expected = Array.from({ length: 71 }, (_, i) => `message ${i + 1}`)
  expect(list()?.edges.map(({ node }) => node.text)).toEqual(expected)
})

/** A chat of two with so many messages, and one of them who has seen nothing of it. */
async function chatOf(count: number) {
  const [alice, bob] = [await app.register('alice'), await app.register('bob')]
  const chatId = await createDirectChat(alice, bob.id)
  const sayMore = async (from: number, to: number) => {
    await Promise.all(range(from, to).map((i) => sendMessage(alice, chatId, `one of ${i}`)))
  }
  await sayMore(1, count)
  const apollo = createApollo(bob)
  const list = () => {
    const fragment = { fragment: NewestMessagesFragmentDoc, fragmentName: 'NewestMessages' }
    return apollo.cache.readFragment({ id: `Chat:${chatId}`, ...fragment })?.messages
  }
  const numbers = () => list()?.edges.map(({ node }) => node.sequence) ?? []
  const cursor = async () => {
    const { data } = await apollo.query({ query: HomeDocument, fetchPolicy: 'no-cache' })
    return data?.viewer?.eventCursor ?? ''
  }
  /** What a query tells now, for the cache to be told at another time. */
  const read = async (before: string | null = null) => {
    const query = before === null ? ConversationDocument : OlderMessagesDocument
    const variables = before === null ? { chatId } : { chatId, before }
    const { data } = await apollo.query({ query, variables, fetchPolicy: 'no-cache' })
    return () => void apollo.cache.writeQuery({ query, variables, data: data as ConversationQuery })
  }
  const follow = async (after: string, without: readonly number[] = []) => {
    for (const event of await eventsAfter(bob, after)) {
      const isLost = event.__typename === 'MessageAdded' && without.includes(event.message.sequence)
      if (!isLost) applyEvent(apollo.cache, event)
    }
  }
  const loadOlder = async () => {
    while (list()?.pageInfo.hasPreviousPage) (await read(list()?.pageInfo.startCursor))()
  }
  return { bob, chatId, apollo, sayMore, list, numbers, cursor, read, follow, loadOlder }
}

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i)

test('a newest page that does not join on replaces the list, and older pages fill what is between', async () => {
  const { sayMore, list, numbers, read, loadOlder } = await chatOf(35)
  ;(await read())()
  const old = await read(list()?.pageInfo.startCursor)
  await sayMore(36, 100)
  ;(await read())()
  expect(numbers()).toEqual(range(71, 100))
  // Asked for of the list that was there before.
  old()
  expect(numbers()).toEqual(range(71, 100))
  expect(list()?.pageInfo.hasPreviousPage).toBe(true)
  await loadOlder()
  expect(numbers()).toEqual(range(1, 100))
})

test('an older page of a list that was forgotten does not begin one', async () => {
  const { apollo, chatId, list, numbers, read, loadOlder } = await chatOf(70)
  ;(await read())()
  const old = await read(list()?.pageInfo.startCursor)
  apollo.cache.evict({ id: `Chat:${chatId}`, fieldName: 'messages' })
  old()
  expect(list()).toBeUndefined()
  ;(await read())()
  old()
  // Where the list ends as it did, it joins on.
  expect(numbers()).toEqual(range(11, 70))
  await loadOlder()
  expect(numbers()).toEqual(range(1, 70))
})

test('a page and the events make one list whichever comes first', async () => {
  const { sayMore, numbers, cursor, read, follow, loadOlder, list } = await chatOf(40)
  const start = await cursor()
  const early = await read()
  await sayMore(41, 45)
  const middle = await read()
  await sayMore(46, 50)
  await follow(start)
  expect(numbers()).toEqual(range(41, 50))
  early()
  expect(numbers()).toEqual(range(11, 50))
  middle()
  expect(numbers()).toEqual(range(11, 50))
  ;(await read(list()?.pageInfo.startCursor))()
  // Again, from before the page.
  await follow(start)
  early()
  await loadOlder()
  expect(numbers()).toEqual(range(1, 50))
})

test('what events do not join on to is fetched, not skipped', async () => {
  const { sayMore, numbers, cursor, read, follow, loadOlder } = await chatOf(5)
  const early = await read()
  early()
  const start = await cursor()
  await sayMore(6, 8)
  await follow(start, [6])
  expect(numbers()).toEqual([7, 8])
  // Read before those that are there by now: 6 would be in neither.
  early()
  expect(numbers()).toEqual([7, 8])
  await loadOlder()
  expect(numbers()).toEqual(range(1, 8))
})

test('the answer to sending may be ahead of the events before it', async () => {
  const { bob, chatId, apollo, sayMore, numbers, cursor, read, follow, loadOlder } = await chatOf(5)
  const start = await cursor()
  ;(await read())()
  await sayMore(6, 7)
  const { data } = await apollo.mutate({
    mutation: SendMessageDocument,
    variables: { input: { chatId, text: 'own', clientMessageId: `own of ${bob.id}` } },
    fetchPolicy: 'no-cache',
  })
  if (data?.sendMessage.__typename !== 'SendMessagePayload') throw new Error('It was not sent.')
  addMessage(apollo.cache, data.sendMessage.messageEdge)
  expect(numbers()).toEqual([...range(1, 5), 8])
  const restored = apollo.cache.extract()
  await follow(start)
  expect(numbers()).toEqual(range(1, 8))
  // The same, but one of the events between is never told.
  apollo.cache.restore(restored)
  await follow(start, [7])
  expect(numbers()).toEqual([8])
  await loadOlder()
  expect(numbers()).toEqual(range(1, 8))
})
