import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { changeAccountState } from '../../src/features/auth/account-state.ts'
import { startTestApp, type TestApp, type TestUser, testPassword } from '../testkit/app.ts'
import type { Data, TestClient } from '../testkit/client.ts'
import { ChangeEmail, ChangePassword, Login, SearchUsers } from '../testkit/operations.ts'

let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
})
afterAll(() => app.dispose())

const newEmail = () => `new_${randomBytes(5).toString('hex')}@example.com`

async function change(client: TestClient, email: string, password = testPassword): Promise<Data> {
  return (await client.run(ChangeEmail, { input: { password, email } })).changeEmail
}

async function emailOf(user: TestClient): Promise<Data> {
  return (await user.run('{ viewer { email isEmailVerified } }')).viewer
}

const verify = (user: TestUser) => changeAccountState(app.app.services.store, user.username, 'verify')

test('the new address logs in and is found, the old one no more', async () => {
  const alice = await app.register('alice')
  const email = newEmail()
  expect(await change(alice, email)).toEqual({
    __typename: 'ChangeEmailPayload',
    viewer: { email, isEmailVerified: false },
  })
  const login = async (identifier: string) =>
    (await app.anonymous.run(Login, { input: { identifier, password: testPassword } })).login
  expect(await login(email.toUpperCase())).toMatchObject({ viewer: { user: { id: alice.id } } })
  expect(await login(alice.email)).toMatchObject({ code: 'INVALID_CREDENTIALS' })
  const found = async (search: string) => (await alice.run(SearchUsers, { search })).users.edges.length
  expect([await found(email), await found(alice.email)]).toEqual([1, 0])
  // Whoever gets the old address now may have it.
  expect(await change(await app.register('bob'), alice.email)).toMatchObject({
    viewer: { email: alice.email },
  })
})

test('another address is not verified; the same in another case still is', async () => {
  const alice = await app.register('alice')
  await verify(alice)
  const inCapitals = alice.email.toUpperCase()
  expect((await change(alice, inCapitals)).viewer).toEqual({ email: inCapitals, isEmailVerified: true })
  expect((await change(alice, inCapitals)).viewer).toEqual({ email: inCapitals, isEmailVerified: true })
  expect((await change(alice, newEmail())).viewer.isEmailVerified).toBe(false)
})

test('a wrong password changes nothing, whatever the address', async () => {
  const [alice, bob] = [await app.register('alice'), await app.register('bob')]
  for (const password of ['', 'Wrong1Password', `${testPassword}\0`, 'x'.repeat(5000)]) {
    for (const email of [newEmail(), bob.email]) {
      expect(await change(alice, email, password)).toMatchObject({
        __typename: 'AuthenticationError',
        code: 'INVALID_CREDENTIALS',
      })
    }
  }
  expect(await emailOf(alice)).toEqual({ email: alice.email, isEmailVerified: false })
})

test("another's address is refused whatever its case", async () => {
  const [alice, bob] = [await app.register('alice'), await app.register('bob')]
  await verify(alice)
  for (const email of [bob.email, bob.email.toUpperCase()]) {
    expect(await change(alice, email)).toMatchObject({ __typename: 'ConflictError', code: 'EMAIL_TAKEN' })
  }
  expect(await emailOf(alice)).toEqual({ email: alice.email, isEmailVerified: true })
})

test('of eight who take an address at once one gets it', async () => {
  const people = await Promise.all(Array.from({ length: 8 }, () => app.register()))
  const email = newEmail()
  const payloads = await Promise.all(people.map((user) => change(user, email)))
  const outcomes = payloads.map((payload) => payload.code ?? payload.__typename).sort()
  expect(outcomes).toEqual(['ChangeEmailPayload', ...Array.from({ length: 7 }, () => 'EMAIL_TAKEN')])
})

test('a password that is changed meanwhile is not good for a change of the address', async () => {
  const alice = await app.register('alice')
  const { passwords } = app.app.services.auth
  const { verify } = passwords
  // The address waits with its password proved, until the other password is written.
  let goOn = () => {}
  const proved = new Promise<void>((resolve) => {
    vi.spyOn(passwords, 'verify').mockImplementationOnce(async (hash, password) => {
      const matches = await verify(hash, password)
      resolve()
      await new Promise<void>((go) => {
        goOn = go
      })
      return matches
    })
  })
  const changing = change(alice, newEmail())
  await proved
  const input = { currentPassword: testPassword, newPassword: 'Another1Password' }
  const { changePassword } = await alice.run(ChangePassword, { input })
  expect(changePassword.__typename).toBe('ChangePasswordPayload')
  goOn()
  expect(await changing).toMatchObject({ code: 'INVALID_CREDENTIALS' })
  expect((await emailOf(alice)).email).toBe(alice.email)
  vi.restoreAllMocks()
})

test('nobody is told', async () => {
  const alice = await app.register('alice')
  const count = async () => {
    const text = 'SELECT count(*)::int AS count FROM events'
    return (await app.app.database.query<{ count: number }>({ name: 'test_events', text }, []))[0]?.count
  }
  const before = await count()
  await change(alice, newEmail())
  expect(await count()).toBe(before)
})

const padded = (length: number) => newEmail().padStart(length, randomBytes(60).toString('hex')).slice(-length)

describe('the rules are those of a registration', () => {
  test('an email of 120 passes', async () => {
    const email = padded(120)
    expect(await change(await app.register('alice'), email)).toMatchObject({ viewer: { email } })
  })

  test.each([
    ['an email of 121', padded(121)],
    ['nothing', ''],
    ['no address', 'example.com'],
    ['an address with a space', ' a@example.com'],
    ['a NUL', 'a\0@example.com'],
    ['a letter beyond ASCII', 'zoë@example.com'],
  ])('%s does not', async (_what, email) => {
    const alice = await app.register('alice')
    const payload = await change(alice, email)
    expect(payload).toMatchObject({ __typename: 'ValidationError', issues: [{ path: ['email'] }] })
    expect((await emailOf(alice)).email).toBe(alice.email)
  })
})
