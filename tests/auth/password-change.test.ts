import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestApp, type TestApp, type TestUser, testPassword } from '../testkit/app.ts'
import type { Data, TestClient } from '../testkit/client.ts'
import { ChangePassword, Login, Me, RefreshTokens } from '../testkit/operations.ts'

let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
})
afterAll(() => app.dispose())

const newPassword = 'Another1Password'

async function change(client: TestClient, currentPassword: string, next = newPassword): Promise<Data> {
  const input = { currentPassword, newPassword: next }
  return (await client.run(ChangePassword, { input })).changePassword
}

async function login(user: TestUser, password: string): Promise<Data> {
  return (await app.anonymous.run(Login, { input: { identifier: user.username, password } })).login
}

test('the new password is good from now on, the old one no more', async () => {
  const alice = await app.register('alice')
  expect(await change(alice, testPassword)).toEqual({
    __typename: 'ChangePasswordPayload',
    viewer: { user: { id: alice.id } },
  })
  expect(await login(alice, testPassword)).toMatchObject({ code: 'INVALID_CREDENTIALS' })
  expect(await login(alice, newPassword)).toMatchObject({ __typename: 'LoginPayload' })
})

test('every other session ends, tokens and sockets; this one goes on', async () => {
  const alice = await app.register('alice')
  const { tokens } = await login(alice, testPassword)
  const other = app.client(tokens.accessToken)
  await other.run(Me)
  const closed = new Promise((resolve) => other.socket({ lazy: false, onClosed: resolve }))
  await change(alice, testPassword)
  expect(await other.codeOf(Me)).toBe('UNAUTHENTICATED')
  expect(await closed).toMatchObject({ code: 4403, reason: 'Session revoked' })
  const { refreshTokens } = await app.anonymous.run(RefreshTokens, {
    input: { refreshToken: tokens.refreshToken },
  })
  expect(refreshTokens.code).toBe('INVALID_REFRESH_TOKEN')
  expect((await alice.run(Me)).viewer.user.id).toBe(alice.id)
})

test('a wrong current password changes nothing; nor does a new one that breaks the rules', async () => {
  const alice = await app.register('alice')
  const { tokens } = await login(alice, testPassword)
  expect(await change(alice, 'Wrong1Password')).toMatchObject({ code: 'INVALID_CREDENTIALS' })
  const refused = await change(alice, testPassword, 'short')
  expect(refused.code).toBe('VALIDATION_FAILED')
  expect(refused.issues.map(({ path }: Data) => path)).toEqual([
    ['newPassword'],
    ['newPassword'],
    ['newPassword'],
  ])
  expect(await login(alice, testPassword)).toMatchObject({ __typename: 'LoginPayload' })
  expect((await app.client(tokens.accessToken).run(Me)).viewer.user.id).toBe(alice.id)
})

test('of logins and changes at once no session with the old password is left', async () => {
  const alice = await app.register('alice')
  const [, ...logins] = await Promise.all([
    change(alice, testPassword),
    ...Array.from({ length: 8 }, () => login(alice, testPassword)),
  ])
  for (const { tokens } of logins) {
    if (tokens) expect(await app.client(tokens.accessToken).codeOf(Me)).toBe('UNAUTHENTICATED')
  }
  const { viewer } = await alice.run('{ viewer { sessions { edges { node { isCurrent } } } } }')
  expect(viewer.sessions.edges).toEqual([{ node: { isCurrent: true } }])
})

test('of two changes at once one wins', async () => {
  const alice = await app.register('alice')
  const payloads = await Promise.all(
    ['First1Password', 'Second2Password'].map((next) => change(alice, testPassword, next)),
  )
  expect(payloads.map((payload) => payload.code ?? payload.__typename).sort()).toEqual([
    'ChangePasswordPayload',
    'INVALID_CREDENTIALS',
  ])
})
