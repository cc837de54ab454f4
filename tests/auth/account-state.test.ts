import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { NotFoundError } from '../../src/core/errors.ts'
import { type AccountChange, changeAccountState } from '../../src/features/auth/account-state.ts'
import { startTestApp, type TestApp, testPassword } from '../testkit/app.ts'
import { createDirectChat, sendMessage } from '../testkit/chats.ts'
import type { Data } from '../testkit/client.ts'
import {
  ChatMembers,
  ChatMessages,
  Login,
  Me,
  RefreshTokens,
  SearchUsers,
  UserByUsername,
} from '../testkit/operations.ts'

// Two processes' worth of Parley on one database.
let app: TestApp
let other: TestApp
beforeAll(async () => {
  app = await startTestApp()
  other = await startTestApp({ database: app.database })
})
afterAll(async () => {
  await other.dispose()
  await app.dispose()
})

const change = (identifier: string, how: AccountChange) =>
  changeAccountState(app.app.services.store, identifier, how)

async function login(identifier: string, password = testPassword): Promise<Data> {
  return (await app.anonymous.run(Login, { input: { identifier, password } })).login
}

test('a disabled account is refused like a wrong password; once enabled, it logs in', async () => {
  const alice = await app.register('alice')
  const answerTo = async (identifier: string, password: string) => {
    const input = { identifier, password }
    const { status, data, errors } = await app.anonymous.send(Login, { input })
    return { status, data, errors }
  }
  const wrong = await answerTo(alice.username, 'Wrong1Password')
  expect(wrong.data.login.code).toBe('INVALID_CREDENTIALS')
  await change(alice.username, 'disable')
  for (const identifier of [alice.username, alice.email]) {
    expect(await answerTo(identifier, testPassword)).toEqual(wrong)
    expect(await answerTo(identifier, 'Wrong1Password')).toEqual(wrong)
  }
  await change(alice.username, 'enable')
  expect(await login(alice.username)).toMatchObject({ viewer: { user: { id: alice.id } } })
})

test('a disabled account costs what a wrong password costs: one check, one statement', async () => {
  const [alice, bob] = [await app.register('alice'), await app.register('bob')]
  await change(alice.username, 'disable')
  const verify = vi.spyOn(app.app.services.auth.passwords, 'verify')
  const disabled = await app.statements(() => login(alice.username))
  const wrong = await app.statements(() => login(bob.username, 'Wrong1Password'))
  expect(verify.mock.calls.map(([hash]) => hash === null)).toEqual([false, false])
  verify.mockRestore()
  const reads = ({ statements }: { statements: string[] }) =>
    statements.filter((sql) => sql.includes('"public"."users"'))
  expect(reads(disabled)).toEqual(reads(wrong))
  expect(disabled.statements.some((sql) => sql.startsWith('BEGIN'))).toBe(false)
})

test('its sessions end at once, tokens and sockets, in every process', async () => {
  const [alice, bob] = [await app.register('alice'), await app.register('bob')]
  const { tokens } = await login(alice.username)
  const clients = [app.client(alice.token), other.client(tokens.accessToken)]
  for (const client of clients) await client.run(Me)
  const closed = clients.map(
    (client) => new Promise((resolve) => client.socket({ lazy: false, onClosed: resolve })),
  )
  expect(await change(alice.email, 'disable')).toEqual({
    username: alice.username,
    email: alice.email,
    endedSessions: 2,
  })
  for (const event of await Promise.all(closed)) {
    expect(event).toMatchObject({ code: 4403, reason: 'Session revoked' })
  }
  for (const client of clients) expect(await client.codeOf(Me)).toBe('UNAUTHENTICATED')
  for (const refreshToken of [alice.refreshToken, tokens.refreshToken]) {
    const { refreshTokens } = await app.anonymous.run(RefreshTokens, { input: { refreshToken } })
    expect(refreshTokens.code).toBe('INVALID_REFRESH_TOKEN')
  }
  // Being enabled brings no session back.
  await change(alice.username, 'enable')
  expect(await app.client(alice.token).codeOf(Me)).toBe('UNAUTHENTICATED')
  expect((await bob.run(Me)).viewer.user.id).toBe(bob.id)
})

test('a flag that somebody sets by hand ends no session, but lets none go on', async () => {
  const alice = await app.register('alice')
  const text = 'UPDATE users SET active = false WHERE username = $1'
  await app.app.database.query({ name: 'test_disable', text }, [alice.username])
  const input = { refreshToken: alice.refreshToken }
  const { refreshTokens } = await app.anonymous.run(RefreshTokens, { input })
  expect(refreshTokens.code).toBe('INVALID_REFRESH_TOKEN')
})

test('of logins and a disabling at once no session is left', async () => {
  for (let round = 0; round < 3; round++) {
    const alice = await app.register('alice')
    const logins = Array.from({ length: 4 }, () => login(alice.username))
    // When the first is through, the others are anywhere.
    await Promise.race(logins)
    await change(alice.username, 'disable')
    for (const { tokens } of await Promise.all(logins)) {
      if (tokens) expect(await app.client(tokens.accessToken).codeOf(Me)).toBe('UNAUTHENTICATED')
    }
    await change(alice.username, 'enable')
    const { tokens } = await login(alice.username)
    const Sessions = '{ viewer { sessions { edges { node { isCurrent } } } } }'
    const { viewer } = await app.client(tokens.accessToken).run(Sessions)
    expect(viewer.sessions.edges).toEqual([{ node: { isCurrent: true } }])
  }
})

test('a login that has proved its password while the account is being disabled is refused', async () => {
  const alice = await app.register('alice')
  const operator = new pg.Client(app.database.url)
  await operator.connect()
  await operator.query('BEGIN')
  await operator.query('UPDATE users SET active = false WHERE username = $1', [alice.username])
  const answer = login(alice.username)
  const waiting = {
    name: 'test_waiting_logins',
    text: `SELECT 1 FROM pg_stat_activity
      WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%FOR SHARE%'`,
  }
  await expect.poll(() => other.app.database.query(waiting, [])).toHaveLength(1)
  await operator.query('COMMIT')
  expect(await answer).toMatchObject({ code: 'INVALID_CREDENTIALS' })
  await operator.end()
})

test('it is not found by a search; what it said and where it is stay', async () => {
  const [alice, bob] = [await app.register('alice'), await app.register('bob')]
  const chatId = await createDirectChat(alice, bob.id)
  const { id } = await sendMessage(alice, chatId, 'I was here')
  const search = async (text: string) =>
    (await bob.run(SearchUsers, { search: text })).users.edges.map(({ node }: Data) => node.id)
  const found = async () => [
    (await search(alice.username)).includes(alice.id),
    (await search(alice.email)).includes(alice.id),
  ]
  expect(await found()).toEqual([true, true])
  await change(alice.username, 'disable')
  expect(await found()).toEqual([false, false])
  expect((await bob.run(UserByUsername, { username: alice.username })).user.id).toBe(alice.id)
  const members = (await bob.run(ChatMembers, { id: chatId })).chat.members.edges
  expect(members.map(({ node }: Data) => node.user.id).sort()).toEqual([alice.id, bob.id].sort())
  const messages = (await bob.run(ChatMessages, { id: chatId })).chat.messages.edges
  expect(messages).toMatchObject([{ node: { id, author: { id: alice.id } } }])
  await change(alice.username, 'enable')
  expect(await found()).toEqual([true, true])
})

test('an email is verified, and is not any more', async () => {
  const alice = await app.register('alice')
  const isVerified = async () => (await alice.run('{ viewer { isEmailVerified } }')).viewer.isEmailVerified
  for (const [how, expected] of [
    ['verify', true],
    ['unverify', false],
  ] as const) {
    const { endedSessions } = await change(alice.email.toUpperCase(), how)
    expect([await isVerified(), endedSessions]).toEqual([expected, 0])
  }
})

describe('nobody else is touched, and nobody unknown', () => {
  test.each(['nobody_at_all', 'nobody@example.com', '', '%', '\0'])('%j', async (identifier) => {
    const alice = await app.register('alice')
    await expect(change(identifier, 'disable')).rejects.toThrow(NotFoundError)
    expect((await alice.run(Me)).viewer.user.id).toBe(alice.id)
  })

  test('what is so already stays so', async () => {
    const alice = await app.register('alice')
    await change(alice.username, 'disable')
    expect((await change(alice.username, 'disable')).endedSessions).toBe(0)
    await change(alice.username, 'enable')
    await change(alice.username, 'enable')
    expect((await login(alice.username)).__typename).toBe('LoginPayload')
  })
})
