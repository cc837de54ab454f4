import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { followEvents } from '../../examples/clients/graphql-ws.ts'
import { Session, SessionEnded } from '../../examples/clients/session.ts'
import * as stream from '../../examples/clients/sse.ts'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { Events, Logout } from '../testkit/operations.ts'
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
