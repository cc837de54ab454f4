import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { startTestApp, type TestApp, testPassword } from '../testkit/app.ts'
import type { Data } from '../testkit/client.ts'

/** genql makes operations from objects whose keys are field names, so it cannot write an alias. */
interface GenqlClient {
  query(selection: object): Promise<Data>
  mutation(selection: object): Promise<Data>
}

let app: TestApp
let createClient: (options: { url: string; headers?: Record<string, string> }) => GenqlClient
beforeAll(async () => {
  const folder = join(inject('scratchDir'), 'genql')
  await promisify(execFile)('npx', [
    '--no-install',
    'genql',
    '--schema',
    'schema.graphql',
    '--output',
    folder,
  ])
  createClient = (await import(join(folder, 'index.ts'))).createClient
  app = await startTestApp()
})
afterAll(() => app.dispose())

const connect = (token?: string) =>
  createClient({ url: `${app.url}/graphql`, headers: token ? { authorization: `Bearer ${token}` } : {} })

const failure = { code: true, reason: true }
const registration = {
  on_RegisterPayload: { viewer: { user: { id: true } }, tokens: { accessToken: true } },
  on_ValidationError: { issues: { path: true, message: true } },
  on_UserError: failure,
}

/** A client of somebody new. */
async function register() {
  const username = `genql_${randomUUID().slice(0, 8)}`
  const input = { username, email: `${username}@example.com`, password: testPassword }
  const { register: payload } = await connect().mutation({ register: { __args: { input }, ...registration } })
  return { username, id: payload.viewer.user.id, client: connect(payload.tokens.accessToken) }
}

const send = (client: GenqlClient, chatId: string) =>
  client.mutation({
    sendMessage: {
      __args: { input: { chatId, clientMessageId: 'first', text: 'hello' } },
      __typename: true,
      on_SendMessagePayload: { message: { id: true, text: true } },
      on_UserError: failure,
    },
  })

test('a client without aliases reads why its registration was refused, with each problem', async () => {
  const input = { username: 'no spaces', email: 'genql@example.com', password: testPassword }
  const { register: refused } = await connect().mutation({ register: { __args: { input }, ...registration } })
  expect(refused).toEqual({
    code: 'VALIDATION_FAILED',
    reason: 'The username may have only letters A to Z, digits and underscores.',
    issues: [
      { path: ['username'], message: 'The username may have only letters A to Z, digits and underscores.' },
    ],
  })
})

test('a client without aliases reads why its login was refused', async () => {
  const { username } = await register()
  const { login } = await connect().mutation({
    login: {
      __args: { input: { identifier: username, password: 'Wrong1234' } },
      __typename: true,
      on_LoginPayload: { tokens: { accessToken: true } },
      on_UserError: failure,
    },
  })
  expect(login).toEqual({
    __typename: 'AuthenticationError',
    code: 'INVALID_CREDENTIALS',
    reason: 'The username, email or password is wrong.',
  })
})

test('one selection without aliases gets a sent message, or why it was refused', async () => {
  const [alice, bob] = [await register(), await register()]
  const { createDirectChat } = await alice.client.mutation({
    createDirectChat: {
      __args: { input: { userId: bob.id } },
      on_CreateDirectChatPayload: { chat: { id: true } },
      on_UserError: failure,
    },
  })
  const chatId = createDirectChat.chat.id
  const sent = await send(alice.client, chatId)
  expect(sent.sendMessage).toEqual({
    __typename: 'SendMessagePayload',
    message: { id: expect.any(String), text: 'hello' },
  })

  const stranger = await register()
  expect((await send(stranger.client, chatId)).sendMessage).toEqual({
    __typename: 'NotFoundError',
    code: 'NOT_FOUND',
    reason: 'There is no such chat.',
  })

  const { chat } = await bob.client.query({
    chat: {
      __args: { id: chatId },
      messages: { __args: { last: 1 }, edges: { node: { id: true, text: true } } },
    },
  })
  expect(chat.messages.edges).toEqual([{ node: sent.sendMessage.message }])
})
