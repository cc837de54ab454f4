import { ApolloClient, CombinedGraphQLErrors, gql, HttpLink, InMemoryCache } from '@apollo/client'
import { createClient } from 'graphql-ws'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import WebSocket from 'ws'
import { LiveLink } from '../../examples/clients/apollo.ts'
import { createLiveClient, followEvents } from '../../examples/clients/graphql-ws.ts'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { createDirectChat, sendMessage } from '../testkit/chats.ts'
import { EventCursor, Events, RefreshTokens } from '../testkit/operations.ts'

// On a busy machine, too.
vi.setConfig({ testTimeout: 60_000 })

let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
})
afterAll(() => app.dispose())

/** The standard client, whose sockets can be cut. */
function createCuttableClient(user: TestUser) {
  const sockets: WebSocket[] = []
  const client = createClient({
    url: `${app.url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${user.token}` },
    retryWait: async () => {},
    on: { opened: (socket) => sockets.push(socket as WebSocket) },
  })
  return {
    client,
    cuts: () => sockets.length - 1,
    cut: () => sockets.at(-1)?.terminate(),
  }
}

async function prepare() {
  const [alice, bob] = [await app.register('alice'), await app.register('bob')]
  const chatId = await createDirectChat(alice, bob.id)
  return { alice, bob, chatId, start: (await bob.run(EventCursor)).viewer.eventCursor as string }
}

const upTo = (end: number) => Array.from({ length: end }, (_, i) => `message ${i + 1}`)

test('graphql-ws resumes behind the last event, each once', async () => {
  const { alice, bob, chatId, start } = await prepare()
  const { client, cut, cuts } = createCuttableClient(bob)
  const seen: string[] = []
  const following = (async () => {
    for await (const event of followEvents<{ cursor: string; message?: { text: string } }>(client, {
      query: Events,
      variables: { after: start },
    })) {
      if (event.message === undefined) continue
      seen.push(event.message.text)
      if (seen.length % 10 === 0) cut()
      if (seen.length === 60) return
    }
  })()
  for (const text of upTo(60)) await sendMessage(alice, chatId, text)
  await following
  expect(seen).toEqual(upTo(60))
  expect(cuts()).toBeGreaterThan(3)
  await client.dispose()
})

test('Apollo Client resumes behind the last event, each once', async () => {
  const { alice, bob, chatId, start } = await prepare()
  const { client, cut, cuts } = createCuttableClient(bob)
  const apollo = new ApolloClient({ cache: new InMemoryCache(), link: new LiveLink(client) })
  const seen: string[] = []
  const query = gql`subscription Added($after: String) {
    messageAdded(after: $after) { cursor message { id text } }
  }`
  const subscription = apollo
    .subscribe<{ messageAdded: { message: { text: string } } }>({ query, variables: { after: start } })
    .subscribe(({ data }) => {
      if (!data) return
      seen.push(data.messageAdded.message.text)
      if (seen.length % 10 === 0) cut()
    })
  for (const text of upTo(60)) await sendMessage(alice, chatId, text)
  await vi.waitFor(() => expect(seen.length).toBeGreaterThanOrEqual(60), { timeout: 10_000 })
  expect(seen).toEqual(upTo(60))
  expect(cuts()).toBeGreaterThan(3)
  subscription.unsubscribe()
  await client.dispose()
})

test('Apollo Client hears why a subscription could not begin', async () => {
  const { bob } = await prepare()
  const { client } = createCuttableClient(bob)
  const apollo = new ApolloClient({ cache: new InMemoryCache(), link: new LiveLink(client) })
  const query = gql`subscription Stale($after: String) { events(after: $after) { cursor } }`
  const refused = await new Promise<unknown>((resolve) => {
    apollo.subscribe({ query, variables: { after: 'stale' } }).subscribe(({ error }) => resolve(error))
  })
  expect(CombinedGraphQLErrors.is(refused) && refused.errors[0]?.extensions?.['code']).toBe('CURSOR_EXPIRED')
  await client.dispose()
})

test('subscriptions by multipart, as Apollo asks for them over HTTP, are refused', async () => {
  const { bob } = await prepare()
  const headers = { authorization: `Bearer ${bob.token}` }
  const link = new HttpLink({ uri: `${app.url}/graphql`, headers })
  const apollo = new ApolloClient({ cache: new InMemoryCache(), link })
  const refused = await new Promise<unknown>((resolve) => {
    apollo.subscribe({ query: gql(Events) }).subscribe(({ error }) => resolve(error))
  })
  expect(CombinedGraphQLErrors.is(refused) && refused.errors[0]?.extensions?.['code']).toBe('NOT_ACCEPTABLE')
})

test('a client that renews its token in time follows events on one socket, each once', async () => {
  const brief = await startTestApp({ database: app.database, config: { accessTokenTtlSeconds: 5 } })
  const alice = await app.register('alice')
  const bob = await brief.register('bob')
  const chatId = await createDirectChat(alice, bob.id)
  let tokens = { accessToken: bob.token, refreshToken: bob.refreshToken }
  let refreshing: Promise<string> | null = null
  let refreshed = 0
  const refresh = async () => {
    const input = { refreshToken: tokens.refreshToken }
    tokens = (await brief.anonymous.run(RefreshTokens, { input })).refreshTokens.tokens
    refreshed++
    refreshing = null
    return tokens.accessToken
  }
  const opened: unknown[] = []
  const closed: unknown[] = []
  const client = createLiveClient({
    url: `${brief.url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    // Always a new one, which is as good as one that lasts. It is said to last less than it does: a machine that is
    // busy for a moment is not what is tried here.
    session: { lastingToken: () => (refreshing ??= refresh()), lastsMs: () => 2_000, distrust: () => {} },
    on: { opened: (socket) => opened.push(socket), closed: (event) => closed.push(event) },
  })
  const seen: string[] = []
  const start = (await bob.run(EventCursor)).viewer.eventCursor as string
  const following = (async () => {
    for await (const event of followEvents<{ cursor: string; message?: { text: string } }>(client, {
      query: Events,
      variables: { after: start },
    })) {
      if (event.message !== undefined) seen.push(event.message.text)
      // What the client closes when nobody follows any more does not count.
      if (event.message?.text === 'the end') return [opened.length, [...closed]]
    }
    return null
  })()
  let sent = 0
  // The first token, and four that took its place.
  while (refreshed < 5) await sendMessage(alice, chatId, `message ${++sent}`)
  await sendMessage(alice, chatId, 'the end')
  expect(await following).toEqual([1, []])
  expect(seen).toEqual([...upTo(sent), 'the end'])
  await client.dispose()
  await brief.dispose()
})

test('a server that was away for long is looked for every few seconds', async () => {
  vi.useFakeTimers()
  let attempts = 0
  class Unreachable extends EventTarget {
    static readonly CONNECTING = 0
    static readonly OPEN = 1
    static readonly CLOSING = 2
    static readonly CLOSED = 3
    readonly readyState = 3
    constructor() {
      super()
      attempts++
      setTimeout(() => Object(this).onclose?.({ code: 1006, reason: '', wasClean: false }), 10)
    }
    close() {}
  }
  const session = { lastingToken: async () => 'token', lastsMs: () => 600_000, distrust: () => {} }
  const client = createLiveClient({ url: 'ws://127.0.0.1:1/graphql', session, webSocketImpl: Unreachable })
  try {
    client.subscribe(
      { query: 'subscription { events { cursor } }' },
      { next() {}, error() {}, complete() {} },
    )
    await vi.advanceTimersByTimeAsync(30 * 60_000)
    const before = attempts
    await vi.advanceTimersByTimeAsync(60_000)
    expect(attempts - before).toBeGreaterThanOrEqual(11)
    expect(attempts - before).toBeLessThanOrEqual(25)
  } finally {
    // Not waited for: it would wait for the next attempt, whose time does not come.
    void client.dispose()
    vi.useRealTimers()
  }
})
