import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestApp, type TestApp, type TestUser, testPassword } from '../testkit/app.ts'
import type { Data } from '../testkit/client.ts'
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

test('a refresh token works once and gives the next one', async () => {
  const alice = await app.register('alice')
  const { tokens: second } = await refresh(alice.refreshToken)
  expect((await app.client(second.accessToken).run(Me)).viewer.user.id).toBe(alice.id)
  expect(await refresh(alice.refreshToken)).toMatchObject(refused)
})

test('the session goes on: an access token from before a refresh stays good', async () => {
  const alice = await app.register('alice')
  const { tokens } = await refresh(alice.refreshToken)
  expect((await alice.run(Me)).viewer.user.id).toBe(alice.id)
  expect(await refresh(tokens.refreshToken)).toMatchObject({ __typename: 'RefreshTokensPayload' })
})

test('of ten uses of a refresh token at once one succeeds', async () => {
  const { refreshToken } = await app.register('alice')
  const payloads = await Promise.all(Array.from({ length: 10 }, () => refresh(refreshToken)))
  expect(payloads.map((payload) => payload.code ?? payload.__typename).sort()).toEqual([
    ...Array.from({ length: 9 }, () => 'INVALID_REFRESH_TOKEN'),
    'RefreshTokensPayload',
  ])
})

test('what is no refresh token gives the same answer as one that was used', async () => {
  const { refreshToken, token } = await app.register('alice')
  await refresh(refreshToken)
  const used = await refresh(refreshToken)
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
  for (let i = 0; i < 5; i++) {
    const alice = await app.register('alice')
    const [, payload] = await Promise.all([alice.run(Logout), refresh(alice.refreshToken)])
    if (payload.tokens === undefined) continue
    expect(await refresh(payload.tokens.refreshToken)).toMatchObject(refused)
    expect(await app.client(payload.tokens.accessToken).codeOf(Me)).toBe('UNAUTHENTICATED')
  }
})
