import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseIdOf } from '../../src/core/ids.ts'
import { pruneSessions } from '../../src/features/auth/session-actions.ts'
import { startTestApp, type TestApp, type TestUser, testPassword } from '../testkit/app.ts'
import type { Data, TestClient } from '../testkit/client.ts'
import { Login, Logout, Me, RefreshTokens } from '../testkit/operations.ts'

let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
})
afterAll(() => app.dispose())

async function refresh(refreshToken: string): Promise<Data> {
  return (await app.anonymous.run(RefreshTokens, { input: { refreshToken } })).refreshTokens
}

async function loginAs(user: TestUser): Promise<Data> {
  const input = { identifier: user.username, password: testPassword }
  return (await app.anonymous.run(Login, { input })).login.tokens
}

const refused = { __typename: 'AuthenticationError', code: 'INVALID_REFRESH_TOKEN' }

test('a refresh token gives the next one; a lost answer can be had again, the same', async () => {
  const alice = await app.register('alice')
  const { tokens: second } = await refresh(alice.refreshToken)
  expect((await app.client(second.accessToken).run(Me)).viewer.user.id).toBe(alice.id)
  const { tokens: again } = await refresh(alice.refreshToken)
  expect(again.refreshToken).toBe(second.refreshToken)
  const { tokens: third } = await refresh(second.refreshToken)
  expect(third.refreshToken).not.toBe(second.refreshToken)
})

/** Lets a used token be used long ago, as far as the database knows. */
async function age(refreshToken: string): Promise<void> {
  await app.app.services.store.query(
    {
      name: 'test_age_refresh_token',
      text: `UPDATE refresh_tokens SET used_at = used_at - interval '31 seconds' WHERE hash = sha256($1::bytea)`,
    },
    [Buffer.from(refreshToken)],
  )
}

test('a used token that comes back after the grace ends the session, sockets and all', async () => {
  const alice = await app.register('alice')
  const other = await loginAs(alice)
  const { tokens: second } = await refresh(alice.refreshToken)
  const client = app.client(second.accessToken)
  await client.run(Me)
  const closed = new Promise((resolve) => client.socket({ lazy: false, onClosed: resolve }))
  await age(alice.refreshToken)
  expect(await refresh(alice.refreshToken)).toMatchObject(refused)
  expect(await closed).toMatchObject({ code: 4403, reason: 'Session revoked' })
  expect(await client.codeOf(Me)).toBe('UNAUTHENTICATED')
  expect(await refresh(second.refreshToken)).toMatchObject(refused)
  expect(app.logs.map((line) => line['msg'])).toContain(
    'a used refresh token came again: its session was ended',
  )
  expect((await app.client(other.accessToken).run(Me)).viewer.user.id).toBe(alice.id)
})

test('a used token whose successor was used, too, ends the session within the grace as well', async () => {
  const alice = await app.register('alice')
  const { tokens: second } = await refresh(alice.refreshToken)
  const { tokens: third } = await refresh(second.refreshToken)
  expect(await refresh(alice.refreshToken)).toMatchObject(refused)
  expect(await refresh(third.refreshToken)).toMatchObject(refused)
})

test('the session goes on: an access token from before a refresh stays good', async () => {
  const alice = await app.register('alice')
  const { tokens } = await refresh(alice.refreshToken)
  expect((await alice.run(Me)).viewer.user.id).toBe(alice.id)
  expect(await refresh(tokens.refreshToken)).toMatchObject({ __typename: 'RefreshTokensPayload' })
})

test('ten uses of a refresh token at once give one line of succession', async () => {
  const { refreshToken } = await app.register('alice')
  const payloads = await Promise.all(Array.from({ length: 10 }, () => refresh(refreshToken)))
  const successors = new Set(payloads.map((payload) => payload.tokens?.refreshToken))
  expect(successors.size).toBe(1)
  const [successor] = successors
  expect(await refresh(successor)).toMatchObject({ __typename: 'RefreshTokensPayload' })
})

test('what is no refresh token gives the same answer as one that was used', async () => {
  const { refreshToken, token } = await app.register('alice')
  await refresh(refreshToken)
  await age(refreshToken)
  const used = await refresh(refreshToken)
  expect(used).toMatchObject(refused)
  for (const other of ['', 'garbage', '\0', '\ud800', 'x'.repeat(10_000), token, `${refreshToken}=`]) {
    expect(await refresh(other)).toEqual(used)
  }
})

test('a logout ends the session and leaves the others alone', async () => {
  const alice = await app.register('alice')
  const other = await loginAs(alice)
  expect(await alice.run(Logout)).toEqual({ logout: { success: true } })
  const { errors, status } = await alice.send(Me)
  expect([status, errors[0]?.extensions['code']]).toEqual([401, 'UNAUTHENTICATED'])
  expect(errors[0]?.message).toContain('Session revoked')
  expect(await alice.codeOf(Logout)).toBe('UNAUTHENTICATED')
  expect(await refresh(alice.refreshToken)).toMatchObject(refused)
  expect((await app.client(other.accessToken).run(Me)).viewer.user.id).toBe(alice.id)
  expect(await refresh(other.refreshToken)).toMatchObject({ __typename: 'RefreshTokensPayload' })
})

test('a refresh and a logout at once never leave a session that goes on', async () => {
  for (let i = 0; i < 20; i++) {
    const alice = await app.register('alice')
    const [, payload] = await Promise.all([alice.run(Logout), refresh(alice.refreshToken)])
    if (payload.tokens === undefined) continue
    expect(await refresh(payload.tokens.refreshToken)).toMatchObject(refused)
    expect(await app.client(payload.tokens.accessToken).codeOf(Me)).toBe('UNAUTHENTICATED')
  }
})

const Sessions = `query Sessions($first: Int, $after: String, $last: Int, $before: String) { viewer {
  sessions(first: $first, after: $after, last: $last, before: $before) {
    edges { cursor node { id deviceName userAgent isCurrent createdAt lastUsedAt expiresAt } }
    pageInfo { hasNextPage hasPreviousPage } } } }`
const RevokeSession = `mutation RevokeSession($input: RevokeSessionInput!) { revokeSession(input: $input) {
  __typename ... on RevokeSessionPayload { revokedSessionId } ... on UserError { code } } }`

async function sessionsOf(user: TestClient, page: object = {}): Promise<Data[]> {
  const { viewer } = await user.run(Sessions, page)
  return viewer.sessions.edges.map((edge: Data) => edge.node)
}

test('sessions are listed newest first, with what they are known by', async () => {
  const alice = await app.register('alice')
  const input = { identifier: alice.username, password: testPassword, deviceName: 'Pixel 9' }
  const headers = { 'user-agent': 'a test, the second' }
  await app.anonymous.send(Login, { input }, headers)
  for (let i = 0; i < 3; i++) await loginAs(alice)
  const sessions = await sessionsOf(alice)
  expect(sessions.map((session) => session.isCurrent)).toEqual([false, false, false, false, true])
  expect(sessions[3]).toMatchObject({ deviceName: 'Pixel 9', userAgent: 'a test, the second' })
  const pages = [await sessionsOf(alice, { first: 2 }), await sessionsOf(alice, { last: 3 })]
  expect(pages.flat()).toEqual(sessions)
})

test('one session is revoked: refused over HTTP at once, its sockets closed in every process', async () => {
  const other = await startTestApp({ database: app.database })
  const alice = await app.register('alice')
  const victim = await loginAs(alice)
  const here = app.client(victim.accessToken)
  const there = other.client(victim.accessToken)
  await Promise.all([here.run(Me), there.run(Me)])
  const closed = [here, there].map(
    (client) => new Promise((resolve) => client.socket({ lazy: false, onClosed: resolve })),
  )
  const session = (await sessionsOf(alice)).find((each) => !each.isCurrent)
  const { revokeSession } = await alice.run(RevokeSession, { input: { sessionId: session.id } })
  expect(revokeSession).toMatchObject({ revokedSessionId: session.id })
  expect(await here.codeOf(Me)).toBe('UNAUTHENTICATED')
  for (const event of await Promise.all(closed)) {
    expect(event).toMatchObject({ code: 4403, reason: 'Session revoked' })
  }
  expect(await there.codeOf(Me)).toBe('UNAUTHENTICATED')
  expect(await refresh(victim.refreshToken)).toMatchObject(refused)
  expect(await sessionsOf(alice)).toHaveLength(1)
  const again = await alice.run(RevokeSession, { input: { sessionId: session.id } })
  expect(again.revokeSession).toEqual({ __typename: 'NotFoundError', code: 'NOT_FOUND' })
  await other.dispose()
})

test("somebody else's session is not there: not to see, not to revoke", async () => {
  const [alice, eve] = [await app.register('alice'), await app.register('eve')]
  const [session] = await sessionsOf(alice)
  const { revokeSession } = await eve.run(RevokeSession, { input: { sessionId: session.id } })
  expect(revokeSession.code).toBe('NOT_FOUND')
  expect((await eve.run('query N($id: ID!) { node(id: $id) { id } }', { id: session.id })).node).toBeNull()
  expect((await alice.run(Me)).viewer.user.id).toBe(alice.id)
})

test('all other sessions are revoked, this one stays', async () => {
  const alice = await app.register('alice')
  const others = [await loginAs(alice), await loginAs(alice), await loginAs(alice)]
  const { revokeOtherSessions } = await alice.run('mutation { revokeOtherSessions { revokedCount } }')
  expect(revokeOtherSessions.revokedCount).toBe(3)
  for (const { accessToken } of others)
    expect(await app.client(accessToken).codeOf(Me)).toBe('UNAUTHENTICATED')
  expect(await sessionsOf(alice)).toHaveLength(1)
})

test('sessions that ended 30 days ago are deleted with their tokens, others stay', async () => {
  const { store } = app.app.services
  const endings = [
    ['expired', "expires_at = now() - interval '31 days'", false],
    ['revoked', "revoked_at = now() - interval '31 days'", false],
    ['expired lately', "expires_at = now() - interval '29 days'", true],
    ['revoked lately', "revoked_at = now() - interval '29 days'", true],
    ['alive', 'last_used_at = now()', true],
  ] as const
  const users = await Promise.all(endings.map(() => app.register('alice')))
  for (const [i, [name, change]] of endings.entries()) {
    const text = `UPDATE sessions SET ${change} WHERE user_id = $1::uuid`
    await store.query({ name: `test ${name}`, text }, [parseIdOf('User', users[i]?.id ?? '')])
  }
  while (await pruneSessions(store)) {}
  for (const [i, [name, , stays]] of endings.entries()) {
    const userId = parseIdOf('User', users[i]?.id ?? '') ?? ''
    expect([name, await store.prisma.session.count({ where: { userId } })]).toEqual([name, stays ? 1 : 0])
    expect(await store.prisma.refreshToken.count({ where: { session: { userId } } })).toBe(stays ? 1 : 0)
  }
})

test('what follows the end of the session in one document is not done any more', async () => {
  const alice = await app.register('alice')
  const { data, errors } = await alice.send(
    'mutation { logout { success } createGroupChat(input: { title: "Late" }) { __typename } }',
  )
  expect(data).toBeNull()
  expect(errors[0]?.extensions['code']).toBe('UNAUTHENTICATED')
  const count = await app.app.services.store.prisma.chat.count({ where: { title: 'Late' } })
  expect(count).toBe(0)
})
