import { existsSync, readdirSync } from 'node:fs'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { parseAccountArguments } from '../../src/cli/account.ts'
import { StartupError } from '../../src/db/startup-error.ts'
import { startTestApp, type TestApp, testPassword } from '../testkit/app.ts'
import { createTestClient } from '../testkit/client.ts'
import { Login, Me } from '../testkit/operations.ts'
import { addressOf, newFolder, run } from './cli.ts'

// Each of these starts whole processes, one of them with a Postgres of its own.
vi.setConfig({ testTimeout: 60_000 })

let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
})
afterAll(() => app.dispose())

const account = (...args: string[]) =>
  run(['account', ...args], { env: { DATABASE_URL: app.database.url } }).ended

test('a disabled account is out at once, and in again once it is enabled', async () => {
  const alice = await app.register('alice')
  await alice.run(Me)
  const closed = new Promise((resolve) => alice.socket({ lazy: false, onClosed: resolve }))
  expect(await account('disable', alice.username.toUpperCase())).toEqual({
    code: 0,
    stdout: `${alice.username} is disabled: it cannot log in. Sessions ended: 1.\n`,
    stderr: '',
  })
  expect(await closed).toMatchObject({ code: 4403, reason: 'Session revoked' })
  expect(await alice.codeOf(Me)).toBe('UNAUTHENTICATED')
  const login = { input: { identifier: alice.username, password: testPassword } }
  expect(await app.anonymous.codeOf(Login, login)).toBe('INVALID_CREDENTIALS')
  expect(await account('enable', alice.email)).toEqual({
    code: 0,
    stdout: `${alice.username} is enabled: it can log in.\n`,
    stderr: '',
  })
  expect(await app.anonymous.codeOf(Login, login)).toBeNull()
})

test('an email is verified, and is not any more', async () => {
  const alice = await app.register('alice')
  const isVerified = async () => (await alice.run('{ viewer { isEmailVerified } }')).viewer.isEmailVerified
  const verified = await account('verify', alice.username)
  expect(verified).toMatchObject({ code: 0, stdout: `${alice.email} of ${alice.username} is verified.\n` })
  expect(await isVerified()).toBe(true)
  const unverified = await account('unverify', alice.username)
  expect(unverified.stdout).toBe(`${alice.email} of ${alice.username} is not verified.\n`)
  expect(await isVerified()).toBe(false)
})

test('an account that is not there is named in one line, exit code 1', async () => {
  expect(await account('disable', 'nobody_at_all')).toEqual({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^There is no account nobody_at_all in the PostgreSQL at .+\n$/),
  })
})

test('where there is no database none is begun', async () => {
  const folder = newFolder()
  const { code, stderr } = await run(['account', 'disable', 'alice'], { env: { DATA_DIR: folder } }).ended
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: `There is no database in ${folder}: set DATABASE_URL, or DATA_DIR, as the server has it\n`,
  })
  expect(existsSync(folder) ? readdirSync(folder) : []).toEqual([])
})

test.each([[[]], [['disable']], [['ban', 'alice']], [['disable', 'alice', 'bob']], [['toString', 'alice']]])(
  '%j is refused in one line',
  (args) => {
    const parse = () => parseAccountArguments(args)
    expect(parse).toThrow(StartupError)
    expect(parse).toThrow('account takes <disable|enable|verify|unverify> <username or email>')
  },
)

test('it works beside the running server, on its database', async () => {
  const env = { DATA_DIR: newFolder() }
  const server = run(['serve'], { env })
  try {
    const url = await addressOf(server)
    const login = { input: { identifier: 'alice', password: testPassword } }
    const payload = (await createTestClient(url).run(Login, login)).login
    const alice = createTestClient(url, payload.tokens.accessToken)
    const closed = new Promise((resolve) => alice.socket({ lazy: false, onClosed: resolve }))
    await alice.run(Me)
    const { code, stdout } = await run(['account', 'disable', 'alice@example.com'], { env }).ended
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: 'alice is disabled: it cannot log in. Sessions ended: 1.\n',
    })
    expect(await closed).toMatchObject({ code: 4403, reason: 'Session revoked' })
    expect(await alice.codeOf(Me)).toBe('UNAUTHENTICATED')
    expect(await createTestClient(url).codeOf(Login, login)).toBe('INVALID_CREDENTIALS')
  } finally {
    server.child.kill('SIGTERM')
    expect(await server.ended).toMatchObject({ code: 0, stderr: '' })
  }
})
