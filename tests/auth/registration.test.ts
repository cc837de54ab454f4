import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestApp, type TestApp, testPassword } from '../testkit/app.ts'
import type { Data } from '../testkit/client.ts'
import { Register } from '../testkit/operations.ts'

let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
})
afterAll(() => app.dispose())

const unique = () => `new_${randomBytes(5).toString('hex')}`

function valid() {
  const username = unique()
  return { username, email: `${username}@example.com`, password: testPassword }
}

async function register(change: object): Promise<Data> {
  const { register: payload } = await app.anonymous.run(Register, { input: { ...valid(), ...change } })
  return payload
}

test('an account is made and logged in, in one answer', async () => {
  const input = { ...valid(), displayName: '  Zoë  of Oz ', deviceName: 'Pixel 9' }
  const before = Date.now()
  const { register: payload } = await app.anonymous.run(Register, { input })
  expect(payload).toMatchObject({
    __typename: 'RegisterPayload',
    viewer: { email: input.email, user: { username: input.username, displayName: 'Zoë  of Oz' } },
  })
  const { accessToken, accessTokenExpiresAt, refreshTokenExpiresAt } = payload.tokens
  expect(Date.parse(accessTokenExpiresAt) - before).toBeGreaterThan(598_000)
  expect(Date.parse(accessTokenExpiresAt) - before).toBeLessThan(660_000)
  expect(Date.parse(refreshTokenExpiresAt) - before).toBeGreaterThanOrEqual(2_592_000_000)
  const { viewer } = await app.client(accessToken).run('{ viewer { isEmailVerified user { id isViewer } } }')
  expect(viewer).toEqual({ isEmailVerified: false, user: { id: payload.viewer.user.id, isViewer: true } })
})

test('the display name is the username where none is given', async () => {
  for (const displayName of [undefined, null]) {
    const { viewer } = await register({ displayName })
    expect(viewer.user.displayName).toBe(viewer.user.username)
  }
})

const emailOf = (length: number) =>
  `${randomBytes(60)
    .toString('hex')
    .slice(0, length - 12)}@example.com`
const usernameOf = (length: number) => unique().padEnd(length, 'x').slice(0, length)

describe('at the edge of a rule it still passes', () => {
  test.each<[string, () => object]>([
    ['a username of 3', () => ({ username: randomBytes(2).toString('hex').slice(0, 3) })],
    ['a username of 80', () => ({ username: usernameOf(80) })],
    ['every character that a username may have', () => ({ username: `A_z9${unique()}` })],
    ['an email of 120', () => ({ email: emailOf(120) })],
    ['an email with signs', () => ({ email: `a.b+c'd_${unique()}@mail.example.co` })],
    ['a password of 8', () => ({ password: 'Passw0rt' })],
    ['a password of 128', () => ({ password: 'Aa1'.padEnd(128, 'x') })],
    ['a password of 128 characters outside the basic plane', () => ({ password: `Aa1${'😀'.repeat(125)}` })],
    ['a password with letters and digits of other scripts', () => ({ password: 'ÄÖÜäöü٣٤' })],
    ['a display name of 1', () => ({ displayName: 'Z' })],
    ['a display name of 80', () => ({ displayName: '😀'.repeat(80) })],
    ['a device name of 1', () => ({ deviceName: 'p' })],
    ['a device name of 80', () => ({ deviceName: 'p'.repeat(80) })],
  ])('%s', async (_what, change) => {
    expect(await register(change())).toMatchObject({ __typename: 'RegisterPayload' })
  })
})

describe('what breaks a rule is refused at its place', () => {
  test.each<[string, Record<string, string>]>([
    ['a username of 2', { username: 'ab' }],
    ['a username of 81', { username: usernameOf(81) }],
    ['an empty username', { username: '' }],
    ['a hyphen in the username', { username: 'ab-cd' }],
    ['a space in the username', { username: 'ab cd' }],
    ['a line break behind the username', { username: 'abcd\n' }],
    ['an @ in the username', { username: 'ab@cd' }],
    ['a letter beyond A to Z in the username', { username: 'zoë' }],
    ['a letter that looks like one of A to Z in the username', { username: 'аlice' }],
    ['a NUL in the username', { username: 'abc\0' }],
    ['an email of 121', { email: emailOf(121) }],
    ['an empty email', { email: '' }],
    ['an email without @', { email: 'example.com' }],
    ['an email with two @', { email: 'a@b@example.com' }],
    ['an email without a name', { email: '@example.com' }],
    ['an email without a host', { email: 'a@' }],
    ['an email at a host without a dot', { email: 'a@localhost' }],
    ['an email at a host with an empty label', { email: 'a@example..com' }],
    ['a space in the email', { email: 'a b@example.com' }],
    ['a space before the email', { email: ' a@example.com' }],
    ['a line break behind the email', { email: 'a@example.com\n' }],
    ['a letter beyond ASCII in the email', { email: 'zoë@example.com' }],
    ['a password of 7', { password: 'Passw0r' }],
    ['a password of 7 characters in more code units', { password: 'Aa1😀😀😀😀' }],
    ['a password of 129', { password: 'Aa1'.padEnd(129, 'x') }],
    ['a password without an upper-case letter', { password: 'password1' }],
    ['a password without a lower-case letter', { password: 'PASSWORD1' }],
    ['a password without a digit', { password: 'Passwords' }],
    ['a control character in the password', { password: 'Passw0rd\u0007' }],
    ['a NUL in the password', { password: 'Passw0rd\0' }],
    ['half a surrogate pair in the password', { password: 'Passw0rd\ud800' }],
    ['an empty display name', { displayName: '' }],
    ['a blank display name', { displayName: ' \u200b\u2060 ' }],
    ['a display name of 81', { displayName: 'z'.repeat(81) }],
    ['a line break in the display name', { displayName: 'a\nb' }],
    ['a control character in the display name', { displayName: 'a\u001bb' }],
    ['half a surrogate pair in the display name', { displayName: 'a\udfff' }],
    ['an empty device name', { deviceName: '' }],
    ['a device name of 81', { deviceName: 'p'.repeat(81) }],
    ['a control character in the device name', { deviceName: 'p\u0085' }],
  ])('%s', async (_what, change) => {
    const payload = await register(change)
    expect(payload).toMatchObject({ __typename: 'ValidationError', code: 'VALIDATION_FAILED' })
    expect(payload.issues).toEqual([{ path: Object.keys(change), message: expect.stringMatching(/\w+\.$/) }])
    expect(payload.reason).toBe(payload.issues[0].message)
  })
})

test('every problem is reported at once, each with its place', async () => {
  const payload = await register({
    username: 'a!',
    email: 'x',
    password: '',
    displayName: '',
    deviceName: ' ',
  })
  expect(payload.code).toBe('VALIDATION_FAILED')
  expect(payload.issues.map(({ path }: Data) => path.join('.'))).toEqual([
    ...['username', 'username', 'email'],
    ...['password', 'password', 'password', 'password'],
    ...['displayName', 'deviceName'],
  ])
  expect(payload.reason).toBe('The input has 9 problems.')
})

test('a username and an email are taken whatever their case', async () => {
  const first = valid()
  await register(first)
  const inCapitals = first.username.toUpperCase()
  expect(await register({ username: inCapitals })).toMatchObject({
    __typename: 'ConflictError',
    code: 'USERNAME_TAKEN',
  })
  expect(await register({ email: `${inCapitals}@EXAMPLE.com` })).toMatchObject({
    __typename: 'ConflictError',
    code: 'EMAIL_TAKEN',
  })
})

describe('of ten registrations at once one wins', () => {
  test.each([
    ['username', 'USERNAME_TAKEN', (name: string) => ({ username: name })],
    ['email', 'EMAIL_TAKEN', (name: string) => ({ email: `${name}@example.com` })],
  ])('with the same %s', async (_what, code, inputFor) => {
    const name = unique()
    const payloads = await Promise.all(
      Array.from({ length: 10 }, (_, i) => register(inputFor(i % 2 === 0 ? name : name.toUpperCase()))),
    )
    const outcomes = payloads.map((payload) => payload.code ?? payload.__typename).sort()
    expect(outcomes).toEqual(['RegisterPayload', ...Array.from({ length: 9 }, () => code)].sort())
  })
})

test('nothing of a refused registration is kept', async () => {
  const refused = { ...valid(), deviceName: 'p'.repeat(81) }
  await register(refused)
  expect(await register({ ...refused, deviceName: null })).toMatchObject({ __typename: 'RegisterPayload' })
})
