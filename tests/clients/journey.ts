import { randomUUID } from 'node:crypto'
import { resolve } from 'node:path'
import { expect } from 'vitest'
import type { Session } from '../../examples/clients/session.ts'
import {
  startTestApp,
  type TestApp,
  type TestAppOptions,
  type TestUser,
  testPassword,
} from '../testkit/app.ts'
import { sendMessage } from '../testkit/chats.ts'
import { eventually } from '../testkit/eventually.ts'
import { ChatMessages, EditMessage, RefreshTokens } from '../testkit/operations.ts'
import { createTestProxy, type TestProxy } from '../testkit/proxy.ts'

/** One client, set up as docs/clients.md says, with a store of its own. What it does, it does as its users would. */
export interface JourneyClient {
  readonly session: Session
  /** And is logged in from then on. */
  register(input: { username: string; email: string; password: string }): Promise<void>
  search(text: string): Promise<{ id: string; username: string }[]>
  /** The id of the chat with somebody. */
  startChat(userId: string): Promise<string>
  /** Sends again by itself where the answer is lost. */
  send(input: { chatId: string; text: string; clientMessageId: string }): Promise<{ deduplicated: boolean }>
  /** Shows the first messages behind a cursor. */
  open(page: { chatId: string; first: number; after: string }): Promise<void>
  /** As many more, by the client's own way of paging; false where there were no more. */
  older(count: number): Promise<boolean>
  newer(count: number): Promise<boolean>
  /** Live updates into the store, from what was opened on. */
  follow(): void
  /** The texts that its store shows, as they stand in the list. */
  texts(): (string | null)[]
  /** Also forgets everything. */
  logOut(): Promise<void>
  dispose(): Promise<void>
}

export type CreateClient = (url: string) => Promise<JourneyClient>

/** Tokens last for three to four seconds, so that they end on the way; one is enough for a hash and then its text. */
const accessTokenTtlSeconds = 3

/** Where only the documents of a manifest may run, which the client's own tool has written. */
export const only = (tool: 'apollo' | 'preset' | 'relay'): TestAppOptions['config'] => ({
  persistedOperations: 'only',
  persistedOperationsDir: resolve('tests/clients/generated', tool),
})

export async function takeJourney(
  create: CreateClient,
  config: TestAppOptions['config'] = {},
): Promise<void> {
  const app = await startTestApp()
  const brief = await startTestApp({
    database: app.database,
    config: { ...config, accessTokenTtlSeconds },
  })
  const proxy = await createTestProxy(brief.url)
  const client = await create(new URL('/graphql', proxy.url).href)
  try {
    await travel(client, app, brief, proxy)
  } finally {
    await client.dispose()
    await proxy.dispose()
    await brief.dispose()
    await app.dispose()
  }
}

/** The client speaks to `brief` by the proxy; everybody else to `app`, which is on the same database. */
async function travel(client: JourneyClient, app: TestApp, brief: TestApp, proxy: TestProxy): Promise<void> {
  const alice = await app.register('alice')
  const { session } = client

  const username = `bob_${randomUUID().slice(0, 8)}`
  await client.register({ username, email: `${username}@example.com`, password: testPassword })
  expect(await client.search(alice.username)).toMatchObject([{ id: alice.id, username: alice.username }])

  // The token ends; nobody has told the client, who goes on.
  const first = session.tokens
  await eventually(() => expect(Date.parse(String(first?.accessTokenExpiresAt))).toBeLessThan(Date.now()))
  const chatId = await client.startChat(alice.id)
  expect(session.tokens?.refreshToken).not.toBe(first?.refreshToken)

  // From the statement on that writes it: by then it has come, and no answer has gone.
  brief.app.database.onStatement = (sql) => {
    if (sql.includes('INSERT INTO messages')) proxy.deafen()
  }
  const sending = client.send({ chatId, text: 'hello', clientMessageId: randomUUID() })
  await eventually(async () => expect(await textsOf(alice, chatId)).toEqual(['hello']))
  brief.app.database.onStatement = null
  proxy.cut()
  expect(await sending).toMatchObject({ deduplicated: true })
  expect(await textsOf(alice, chatId)).toEqual(['hello'])

  const say = async (count: number, what: string) => {
    for (let i = 1; i <= count; i++) await sendMessage(alice, chatId, `${what} ${i}`)
  }
  await say(20, 'before')
  const all = await textsOf(alice, chatId)
  const shows = (texts: unknown) => eventually(() => expect(client.texts()).toEqual(texts))
  await client.open({ chatId, first: 5, after: await cursorOf(alice, chatId, 10) })
  await shows(all.slice(10, 15))
  expect(await client.older(5)).toBe(true)
  await shows(all.slice(5, 15))
  expect(await client.newer(5)).toBe(true)
  await shows(all.slice(5, 20))
  expect(await client.older(5)).toBe(true)
  // It comes by a page and as an event.
  await say(1, 'meanwhile')
  expect(await client.newer(5)).toBe(true)
  const whole = async () => shows(await textsOf(alice, chatId))
  await whole()
  expect([await client.older(5), await client.newer(5)]).toEqual([false, false])

  client.follow()
  await say(3, 'live')
  await whole()
  await edit(alice, chatId, 'edited')
  await whole()

  proxy.freeze()
  await say(5, 'during the cut')
  proxy.cut()
  await whole()

  // Tokens end while it follows: its connection takes the next one, or gives way to another.
  for (const which of ['second', 'third']) {
    const { tokens } = session
    await eventually(() => expect(session.tokens).not.toBe(tokens))
    await say(1, `with the ${which} token`)
    await whole()
  }
  await client.send({ chatId, text: 'goodbye', clientMessageId: randomUUID() })
  await whole()

  const last = session.tokens?.refreshToken
  await client.logOut()
  await shows([])
  const input = { refreshToken: last }
  expect(await app.anonymous.codeOf(RefreshTokens, { input })).toBe('INVALID_REFRESH_TOKEN')
  await expect(client.search(alice.username)).rejects.toThrow()
}

async function textsOf(user: TestUser, chatId: string): Promise<(string | null)[]> {
  const { chat } = await user.run(ChatMessages, { id: chatId, last: 100 })
  return chat.messages.edges.map(({ node }: { node: { text: string | null } }) => node.text)
}

async function cursorOf(user: TestUser, chatId: string, count: number): Promise<string> {
  const { chat } = await user.run(ChatMessages, { id: chatId, first: count })
  return chat.messages.pageInfo.endCursor
}

/** The newest. */
async function edit(user: TestUser, chatId: string, text: string): Promise<void> {
  const { chat } = await user.run(ChatMessages, { id: chatId, last: 1 })
  await user.run(EditMessage, { input: { messageId: chat.messages.edges[0].node.id, text } })
}
