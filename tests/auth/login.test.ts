import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { startTestApp, type TestApp, type TestUser, testPassword } from '../testkit/app.ts'
import { createDirectChat, sendMessage } from '../testkit/chats.ts'
import { Login, Me } from '../testkit/operations.ts'

let app: TestApp
let alice: TestUser
beforeAll(async () => {
  app = await startTestApp()
  alice = await app.register('alice')
})
afterAll(() => app.dispose())

const login = (identifier: string, password = testPassword, deviceName?: string) =>
  app.anonymous.send(Login, { input: { identifier, password, deviceName } })

test.each<[string, (user: TestUser) => string]>([
  ['the username', (user) => user.username],
  ['the username in capitals', (user) => user.username.toUpperCase()],
  ['the email', (user) => user.email],
  ['the email in capitals', (user) => user.email.toUpperCase()],
])('%s logs in', async (_what, identifierOf) => {
  const { data } = await login(identifierOf(alice))
  expect(data.login).toMatchObject({ __typename: 'LoginPayload', viewer: { user: { id: alice.id } } })
  expect((await app.client(data.login.tokens.accessToken).run(Me)).viewer.user.id).toBe(alice.id)
})

test('each login is a session of its own', async () => {
  const [one, two] = [(await login(alice.username)).data.login, (await login(alice.username)).data.login]
  expect(one.tokens.accessToken).not.toBe(two.tokens.accessToken)
  expect(one.tokens.refreshToken).not.toBe(two.tokens.refreshToken)
})

test('an unknown account and a wrong password give the identical answer', async () => {
  const answerTo = async (identifier: string, password: string) => {
    const { status, data, errors } = await login(identifier, password)
    return JSON.stringify({ status, data, errors })
  }
  const answers = await Promise.all([
    answerTo(alice.username, 'Password124'),
    answerTo(alice.email, 'Password124'),
    answerTo(alice.username, ''),
    answerTo(alice.username, `${testPassword}\0`),
    answerTo(alice.username, testPassword.toLowerCase()),
    answerTo(alice.username, 'x'.repeat(5000)),
    answerTo('nobody_at_all', testPassword),
    answerTo('nobody@example.com', testPassword),
    answerTo('', testPassword),
    answerTo('\0', testPassword),
    answerTo('\ud800', testPassword),
    answerTo(alice.username.slice(0, -1), testPassword),
    answerTo(`${alice.username}%`, testPassword),
    answerTo("' OR 1=1 --", testPassword),
  ])
  expect(JSON.parse(answers[0] ?? '')).toMatchObject({
    data: { login: { __typename: 'AuthenticationError', code: 'INVALID_CREDENTIALS' } },
  })
  expect(new Set(answers).size).toBe(1)
})

test('an identifier is not read past a character that no name has', async () => {
  const { data } = await login(alice.username.replace('_', '\0_'))
  expect(data.login.code).toBe('INVALID_CREDENTIALS')
})

test('an unknown account costs the check of a password, too', async () => {
  const verify = vi.spyOn(app.app.services.auth.passwords, 'verify')
  await login('nobody_at_all', 'Password124')
  await login(alice.username, 'Password124')
  expect(verify.mock.calls.map(([hash]) => hash === null)).toEqual([true, false])
  verify.mockRestore()
})

test('a device name is held to its rules', async () => {
  const { data } = await login(alice.username, testPassword, 'p'.repeat(81))
  expect(data.login).toMatchObject({ code: 'VALIDATION_FAILED', issues: [{ path: ['deviceName'] }] })
  const { data: good } = await login(alice.username, testPassword, 'p'.repeat(80))
  expect(good.login.__typename).toBe('LoginPayload')
})

test('the answer to a login holds whatever the viewer may read', async () => {
  const bob = await app.register('bob')
  await sendMessage(bob, await createDirectChat(bob, alice.id), 'hello')
  const { login: payload } = await app.anonymous.run(
    `mutation ($input: LoginInput!) { login(input: $input) { ... on LoginPayload { tokens { accessToken } viewer {
      unreadCount user { isViewer viewerHasBlocked } sessions(first: 1) { edges { node { isCurrent } } }
      chats(first: 1) { edges { node { unreadCount otherUser { id } viewerMembership { role }
        lastMessage { text viewerCanEdit } } } } } } } }`,
    { input: { identifier: alice.username, password: testPassword } },
  )
  expect(payload.viewer).toEqual({
    unreadCount: 1,
    user: { isViewer: true, viewerHasBlocked: false },
    sessions: { edges: [{ node: { isCurrent: true } }] },
    chats: {
      edges: [
        {
          node: {
            unreadCount: 1,
            otherUser: { id: bob.id },
            viewerMembership: { role: 'MEMBER' },
            lastMessage: { text: 'hello', viewerCanEdit: false },
          },
        },
      ],
    },
  })
})
