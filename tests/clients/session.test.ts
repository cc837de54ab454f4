import { ApolloClient, gql } from '@apollo/client'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createApolloLink } from '../../examples/clients/apollo.ts'
import { createApolloCache } from '../../examples/clients/apollo-cache.ts'
import { followEvents } from '../../examples/clients/graphql-ws.ts'
import { Session, SessionEnded } from '../../examples/clients/session.ts'
import * as stream from '../../examples/clients/sse.ts'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { createDirectChat, sendMessage } from '../testkit/chats.ts'
import { Events, Logout } from '../testkit/operations.ts'
import { createTestProxy } from '../testkit/proxy.ts'
import { connectLive } from './live.ts'

// On a busy machine, too.
vi.setConfig({ testTimeout: 60_000 })

let app: TestApp
let url: string
beforeAll(async () => {
  app = await startTestApp()
  url = `${app.url}/graphql`
})
afterAll(() => app.dispose())

const tokensOf = ({ token, refreshToken }: Pick<TestUser, 'token' | 'refreshToken'>) => ({
  accessToken: token,
  accessTokenExpiresAt: new Date(Date.now() + 600_000).toISOString(),
  refreshToken,
})

/** Logged in as somebody new, and told when that is over. */
async function begin() {
  const user = await app.register('alice')
  const session = new Session(url)
  session.begin(tokensOf(user))
  const onEnded = vi.fn()
  session.onEnded = onEnded
  return { user, session, onEnded }
}

test('a session that is ended elsewhere ends what follows over a socket', async () => {
  const { user, session, onEnded } = await begin()
  const opened = vi.fn()
  const client = connectLive(url, session, { on: { opened } })
  const events = followEvents<{ __typename: string }>(client, { query: Events, variables: {} })
  expect((await events.next()).value?.__typename).toBe('CaughtUp')
  const next = events.next()
  await Promise.all([expect(next).rejects.toBeInstanceOf(SessionEnded), user.run(Logout)])
  expect([opened.mock.calls.length, onEnded.mock.calls.length, session.tokens]).toEqual([2, 1, null])
  await expect(session.lastingToken()).rejects.toBeInstanceOf(SessionEnded)
})

test('and over server-sent events, whether its stream was open or not', async () => {
  const { user, session, onEnded } = await begin()
  const follow = () =>
    stream.followEvents<{ cursor: string; __typename: string }>(
      { url, session, signal: new AbortController().signal, waitMs: 0 },
      { query: Events, variables: {} },
    )
  const events = follow()
  expect((await events.next()).value?.__typename).toBe('CaughtUp')
  const next = events.next()
  await Promise.all([expect(next).rejects.toBeInstanceOf(SessionEnded), user.run(Logout)])
  session.begin(tokensOf(user))
  await expect(follow().next()).rejects.toBeInstanceOf(SessionEnded)
  expect(onEnded).toHaveBeenCalledTimes(2)
})

test('Apollo Client says at once of a subscription that there is no session any more', async () => {
  const session = new Session(url)
  const asked = vi.spyOn(session, 'lastingToken')
  const live = connectLive(url, session)
  const client = new ApolloClient({
    cache: createApolloCache(),
    link: createApolloLink(url, session, live),
  })
  const error = await new Promise((resolve) => {
    client.subscribe({ query: gql(Events) }).subscribe((result) => resolve(result.error))
  })
  expect(error).toBeInstanceOf(SessionEnded)
  expect(asked).toHaveBeenCalledTimes(1)
  client.stop()
  await live.dispose()
})

test('a refresh that is on its way for one login puts nothing into the next', async () => {
  const proxy = await createTestProxy(app.url)
  const [alice, bob] = [await app.register('alice'), await app.register('bob')]
  const session = new Session(new URL('/graphql', proxy.url).href)
  session.begin(tokensOf(alice))
  proxy.freeze()
  const refreshing = expect(session.refresh()).rejects.toBeInstanceOf(SessionEnded)
  session.end()
  session.begin(tokensOf(bob))
  const next = session.refresh()
  proxy.thaw()
  await refreshing
  await next
  expect(
    (await app.client(await session.lastingToken()).run('{ viewer { user { id } } }')).viewer.user.id,
  ).toBe(bob.id)
  await proxy.dispose()
})

test('neither a limit on refreshes nor a network that is away logs anybody out', async () => {
  const strict = await startTestApp({ database: app.database, config: { rateLimits: true } })
  const proxy = await createTestProxy(strict.url)
  const session = new Session(new URL('/graphql', proxy.url).href)
  const onEnded = vi.fn()
  session.onEnded = onEnded
  session.begin(tokensOf(await app.register('alice')))
  proxy.refuse()
  const first = session.refresh()
  const asked = vi.spyOn(globalThis, 'fetch')
  await vi.waitFor(() => expect(asked.mock.calls.length).toBeGreaterThan(0), { timeout: 10_000 })
  proxy.mend()
  await first
  // As many as may come at once, and one more, which waits for as long as it is told to.
  asked.mockClear()
  for (let count = 0; count < 20; count++) await session.refresh()
  expect(asked.mock.calls.length).toBe(21)
  expect([onEnded.mock.calls.length, session.tokens === null]).toEqual([0, false])
  asked.mockRestore()
  await proxy.dispose()
  await strict.dispose()
})

test.each(['an open socket', 'a socket that is to be opened'])(
  '%s that has gone silent is given up',
  async (which) => {
    const proxy = await createTestProxy(app.url)
    const { user, session } = await begin()
    const bob = await app.register('bob')
    const chatId = await createDirectChat(bob, user.id)
    const connecting = vi.fn()
    const more = { on: { connecting }, keepAlive: 1_000, timeoutMs: 2_000 }
    const client = connectLive(new URL('/graphql', proxy.url).href, session, more)
    const events = followEvents<{ __typename: string }>(client, { query: Events, variables: {} })
    expect((await events.next()).value?.__typename).toBe('CaughtUp')
    const next = events.next()
    if (which === 'an open socket') proxy.silence()
    else {
      proxy.cut()
      proxy.freeze()
      await vi.waitFor(() => expect(connecting).toHaveBeenCalledTimes(3), { timeout: 30_000 })
      proxy.thaw()
    }
    await sendMessage(bob, chatId, 'are you there?')
    let event = await next
    while (event.value?.__typename === 'CaughtUp') event = await events.next()
    expect(event.value?.__typename).toBe('MessageAdded')
    await client.dispose()
    await proxy.dispose()
  },
)
