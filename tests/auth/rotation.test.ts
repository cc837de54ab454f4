import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestApp, type TestApp, type TestUser, testPassword } from '../testkit/app.ts'
import { createGroupChat } from '../testkit/chats.ts'
import { createTestDatabase, type TestDatabase } from '../testkit/database.ts'
import { Login, Me, Register, SendMessage } from '../testkit/operations.ts'

const [older, newer, other] = ['older', 'newer', 'other'].map(
  (name) => `the ${name} secret, of a good length for one`,
) as [string, string, string]

let database: TestDatabase
let alice: TestUser
let erased: TestUser
let chatId: string
beforeAll(async () => {
  database = await createTestDatabase()
  const app = await startTestApp({ database, jwtSecrets: [older] })
  ;[alice, erased] = [await app.register('alice'), await app.register('erased')]
  chatId = await createGroupChat(alice)
  await alice.run(SendMessage, { input: message() })
  const input = { password: testPassword, messages: 'ERASE' }
  await erased.run('mutation ($input: DeleteAccountInput!) { deleteAccount(input: $input) { __typename } }', {
    input,
  })
  await app.dispose()
})
afterAll(() => database.dispose())

const message = () => ({ chatId, clientMessageId: 'before', text: 'from before the rotation' })

async function withSecrets(jwtSecrets: string[], work: (app: TestApp) => Promise<void>): Promise<void> {
  const app = await startTestApp({ database, jwtSecrets })
  try {
    await work(app)
  } finally {
    await app.dispose()
  }
}

async function loggedIn(app: TestApp) {
  const { login } = await app.anonymous.run(Login, {
    input: { identifier: alice.username, password: testPassword },
  })
  return app.client(login.tokens.accessToken)
}

const takeName = (app: TestApp) =>
  app.anonymous.codeOf(Register, {
    input: { username: erased.username, email: 'new@example.org', password: testPassword },
  })

test('a secret is replaced in two steps, and nothing is forgotten over it', async () => {
  for (const secrets of [[newer, older], [newer]]) {
    await withSecrets(secrets, async (app) => {
      // Tokens are good for as long as their secret is in the list.
      if (secrets.includes(older))
        expect((await app.client(alice.token).run(Me)).viewer.user.id).toBe(alice.id)
      const { sendMessage } = await (await loggedIn(app)).run(SendMessage, { input: message() })
      expect(sendMessage).toMatchObject({ deduplicated: true })
      expect(await takeName(app)).toBe('USERNAME_TAKEN')
      expect(app.logs).toEqual([])
    })
  }
})

test('with every secret replaced at once the server starts, and says what it has forgotten', async () => {
  await withSecrets([other], async (app) => {
    expect(app.logs).toMatchObject([{ msg: expect.stringContaining('No secret of JWT_SECRET') }])
    expect(await (await loggedIn(app)).codeOf(SendMessage, { input: message() })).toBe(
      'IDEMPOTENCY_KEY_REUSED',
    )
    expect(await takeName(app)).toBeNull()
  })
})
