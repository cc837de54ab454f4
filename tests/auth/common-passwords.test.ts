import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestApp, type TestApp, testPassword } from '../testkit/app.ts'
import type { Data, TestClient } from '../testkit/client.ts'
import { ChangePassword, Register, UpdateProfile } from '../testkit/operations.ts'

let app: TestApp
let production: TestApp
beforeAll(async () => {
  app = await startTestApp()
  production = await startTestApp({ config: { production: true } })
})
afterAll(async () => {
  await production.dispose()
  await app.dispose()
})

const unique = () => `New_${randomBytes(5).toString('hex')}`

async function register(change: object, on = app): Promise<Data> {
  const username = unique()
  const input = { username, email: `${username}@example.com`, password: testPassword, ...change }
  return (await on.anonymous.run(Register, { input })).register
}

async function changePassword(client: TestClient, newPassword: string): Promise<Data> {
  const input = { currentPassword: testPassword, newPassword }
  return (await client.run(ChangePassword, { input })).changePassword
}

const isCommon = 'This password is one of the most common ones.'
const isName = 'The password must not be the username or the email.'

describe('a common password is refused, whatever its case', () => {
  test.each(['Passw0rd', 'PASSw0RD', 'Password1', 'Qwerty123', '1qaz2wsX', 'TrustNo1', 'pAsSwOrD123'])(
    '%s',
    async (password) => {
      const alice = await app.register('alice')
      expect((await register({ password })).issues).toEqual([{ path: ['password'], message: isCommon }])
      const payload = await changePassword(alice, password)
      expect(payload.issues).toEqual([{ path: ['newPassword'], message: isCommon }])
    },
  )
})

test.each(['Passw0rd!', 'xPassw0rd', 'Passw0rd ', 'Correct5Horse'])(
  'one that only resembles it passes: %s',
  async (password) => {
    expect((await register({ password })).__typename).toBe('RegisterPayload')
  },
)

test('what the rules forbid anyway is not called common as well', async () => {
  const payload = await register({ password: 'password1' })
  expect(payload.issues).toEqual([
    { path: ['password'], message: 'The password must have an upper-case letter.' },
  ])
})

test('it is reported along with the other problems', async () => {
  const payload = await register({ username: 'a!', email: 'x', password: 'Passw0rd', displayName: '' })
  expect(payload.issues.map(({ path }: Data) => path.join('.'))).toEqual([
    'username',
    'username',
    'email',
    'displayName',
    'password',
  ])
})

test("the demo accounts' password is let through as it is written, outside production", async () => {
  expect((await register({ password: 'Password123' })).__typename).toBe('RegisterPayload')
  expect((await register({ password: 'PassWord123' })).issues[0].message).toBe(isCommon)
  const refused = await register({ password: 'Password123' }, production)
  expect(refused.issues).toEqual([{ path: ['password'], message: isCommon }])
  const { tokens } = await register({ password: 'Correct5Horse' }, production)
  const input = { currentPassword: 'Correct5Horse', newPassword: 'Password123' }
  const payload = await production.client(tokens.accessToken).run(ChangePassword, { input })
  expect(payload.changePassword.issues).toEqual([{ path: ['newPassword'], message: isCommon }])
})

describe("the account's own names are refused, whatever their case", () => {
  const names = (username: string): [string, string][] => [
    ['the username', username],
    ['the username in another case', `${username.slice(0, -1).toUpperCase()}x`],
    ['the email', `Mail_of_${username}@example.com`],
    ['the name before the @', `mail_of_${username}`],
  ]
  const username = 'Somebody1x'

  test.each(names(username))('%s, at registration', async (_what, password) => {
    const payload = await register({ username, email: `mail_of_${username}@example.com`, password })
    expect(payload.issues).toEqual([{ path: ['password'], message: isName }])
  })

  test('and at a change of the password, as they are then', async () => {
    const email = `Mail_of_${unique()}@example.com`
    const { tokens, viewer } = await register({ email })
    const client = app.client(tokens.accessToken)
    const renamed = unique()
    await client.run(UpdateProfile, { input: { username: renamed } })
    for (const password of [renamed, email, email.replace('@example.com', '')]) {
      const payload = await changePassword(client, password)
      expect(payload.issues).toEqual([{ path: ['newPassword'], message: isName }])
    }
    expect((await changePassword(client, viewer.user.username)).__typename).toBe('ChangePasswordPayload')
  })
})
