import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { createGroupChat } from '../testkit/chats.ts'
import type { Data } from '../testkit/client.ts'
import { ChatMessages, DeleteMessage, EditMessage, SendMessage } from '../testkit/operations.ts'

let app: TestApp
let alice: TestUser
let bob: TestUser
let chatId: string
beforeAll(async () => {
  app = await startTestApp()
  ;[alice, bob] = [await app.register('alice'), await app.register('bob')]
})
beforeEach(async () => {
  chatId = await createGroupChat(alice, [bob.id])
})
afterAll(() => app.dispose())

let count = 0
const newKey = () => `key ${++count}`

async function send(
  author: TestUser,
  clientMessageId: string,
  text = 'hello',
  change: object = {},
): Promise<Data> {
  const input = { chatId, clientMessageId, text, ...change }
  return (await author.run(SendMessage, { input })).sendMessage
}

async function messages(): Promise<Data[]> {
  const { chat } = await alice.run(ChatMessages, { id: chatId, first: 100 })
  return chat.messages.edges.map(({ node }: Data) => node)
}

test('a retry returns the original and writes nothing', async () => {
  const key = newKey()
  const original = await send(alice, key)
  expect(original.deduplicated).toBe(false)
  for (let i = 0; i < 3; i++) expect(await send(alice, key)).toEqual({ ...original, deduplicated: true })
  expect(await messages()).toEqual([original.message])
})

test('a retry after an edit returns the message as it is now', async () => {
  const key = newKey()
  const { message } = await send(alice, key, 'first')
  await alice.run(EditMessage, { input: { messageId: message.id, text: 'second' } })
  expect(await send(alice, key, 'first')).toMatchObject({
    deduplicated: true,
    message: { id: message.id, text: 'second', sequence: 1 },
  })
  // The text that it has now is not what was sent.
  expect(await send(alice, key, 'second')).toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' })
})

test('a retry after a deletion returns the tombstone', async () => {
  const key = newKey()
  const { message } = await send(alice, key)
  await alice.run(DeleteMessage, { input: { messageId: message.id } })
  expect(await send(alice, key)).toMatchObject({
    deduplicated: true,
    message: { id: message.id, text: null },
  })
  expect(await messages()).toHaveLength(1)
})

describe('the same id with other content is refused', () => {
  test.each<[string, () => Promise<[string, object]>]>([
    ['another text', async () => ['hello!', {}]],
    ['another case', async () => ['Hello', {}]],
    ['a space more', async () => ['hello ', {}]],
    ['another sender', async () => ['hello', { sender: 'BOT' }]],
    ['another chat', async () => ['hello', { chatId: await createGroupChat(alice) }]],
  ])('%s', async (_what, other) => {
    const key = newKey()
    await send(alice, key)
    const [text, change] = await other()
    expect(await send(alice, key, text, change)).toMatchObject({
      __typename: 'ConflictError',
      code: 'IDEMPOTENCY_KEY_REUSED',
    })
    expect(await messages()).toHaveLength(1)
  })
})

test('an id belongs to its author: two people may use the same', async () => {
  const key = newKey()
  const [hers, his] = [await send(alice, key), await send(bob, key)]
  expect([hers.deduplicated, his.deduplicated]).toEqual([false, false])
  expect((await messages()).map(({ id }) => id)).toEqual([hers.message.id, his.message.id])
})

test('an id is the very text that it is: another case or form is another id', async () => {
  const keys = ['Key é', 'key é', 'key e\u0301', 'key é ']
  for (const key of keys) expect((await send(alice, key)).deduplicated).toBe(false)
  expect(await messages()).toHaveLength(keys.length)
})

test('what was refused is not remembered: the id is free', async () => {
  const key = newKey()
  expect(await send(alice, key, ' ')).toMatchObject({ code: 'VALIDATION_FAILED' })
  expect(await send(alice, key)).toMatchObject({ deduplicated: false })
})

test('of twenty identical sends at once one writes', async () => {
  const key = newKey()
  const payloads = await Promise.all(Array.from({ length: 20 }, () => send(alice, key)))
  expect(payloads.filter(({ deduplicated }) => !deduplicated)).toHaveLength(1)
  expect(new Set(payloads.map(({ message }) => message.id)).size).toBe(1)
  expect(await messages()).toHaveLength(1)
})

test('of two contents with one id at once one is sent, and the other told', async () => {
  for (let i = 0; i < 5; i++) {
    const key = newKey()
    const payloads = await Promise.all([send(alice, key, 'one'), send(alice, key, 'two')])
    expect(payloads.map((payload) => payload.code ?? 'sent').sort()).toEqual([
      'IDEMPOTENCY_KEY_REUSED',
      'sent',
    ])
  }
  expect((await messages()).map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5])
})

test('fifty sends at once, of several people, are numbered without a gap in the order of the list', async () => {
  const carol = await app.register('carol')
  chatId = await createGroupChat(alice, [bob.id, carol.id])
  const authors = [alice, bob, carol]
  const texts = Array.from({ length: 50 }, (_, i) => `message ${i}`)
  // One in five is sent twice: what fails or repeats must not use up a number.
  const payloads = await Promise.all(
    texts.flatMap((text, i) => {
      const [author, key] = [authors[i % 3] ?? alice, newKey()]
      const once = () => send(author, key, text)
      return i % 5 === 0 ? [once(), once()] : [once()]
    }),
  )
  const written = payloads.filter(({ deduplicated }) => !deduplicated).map(({ message }) => message)
  expect(written.map(({ sequence }) => sequence).sort((a, b) => a - b)).toEqual(texts.map((_, i) => i + 1))
  const listed = await messages()
  expect(listed.map(({ sequence }) => sequence)).toEqual(texts.map((_, i) => i + 1))
  expect(new Set(listed.map(({ text }) => text))).toEqual(new Set(texts))
})

test('a send that is not allowed uses up no number', async () => {
  const eve = await app.register('eve')
  await send(alice, newKey())
  expect(await send(eve, newKey())).toMatchObject({ code: 'NOT_FOUND' })
  expect((await send(bob, newKey())).message.sequence).toBe(2)
})
