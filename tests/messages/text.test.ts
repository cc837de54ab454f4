import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { createGroupChat, sendMessage } from '../testkit/chats.ts'
import type { Data } from '../testkit/client.ts'
import { ChatMessages, EditMessage, SendMessage } from '../testkit/operations.ts'

let app: TestApp
let alice: TestUser
let chatId: string
let count = 0
beforeAll(async () => {
  app = await startTestApp()
  alice = await app.register('alice')
  chatId = await createGroupChat(alice)
})
afterAll(() => app.dispose())

async function send(change: object): Promise<Data> {
  const input = { chatId, clientMessageId: `text ${++count}`, text: 'hello', ...change }
  return (await alice.run(SendMessage, { input })).sendMessage
}

async function edit(messageId: string, text: string): Promise<Data> {
  return (await alice.run(EditMessage, { input: { messageId, text } })).editMessage
}

const accepted: [string, string][] = [
  ['one letter', 'x'],
  ['emoji and their joined sequences', '😀 👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪 👍🏽 ❤️'],
  ['right-to-left text with marks of direction', 'שלום \u202eעולם\u202c مرحبا \u200f'],
  ['combining marks, not composed', 'e\u0301 o\u0308 Z\u0351\u036b\u0343\u036a'],
  ['a composed letter beside a decomposed one', '\u00e9 e\u0301'],
  ['line breaks and tabs', 'one\n\ttwo\n\n\nthree\n'],
  ['spaces around', '   centred   '],
  ['markup', '<script>alert("x")</script> &amp; <!-- -->'],
  ['quotes of every kind', `' " \` « » “ ” \\' \\" \\\\`],
  ['what a database might read', `'; DROP TABLE messages; -- $1 %s E'\\x00'`],
  ['what a program might read', `{{constructor}} \${1} \\u0000 %00 &#0; null undefined`],
  ['zero-width joiners between letters', 'a\u200db\u200cc\u2060d\ufeff'],
  ['private and unassigned characters', '\ue000 \u{10fffd} \uffff'],
  ['line and paragraph separators', 'a\u2028b\u2029c'],
  ['no-break and ideographic spaces', 'a\u00a0b\u3000c'],
  ['a symbol alone that many fonts show as nothing', '\u00b7'],
  ['5,000 letters', 'x'.repeat(5000)],
  ['5,000 characters outside the basic plane', '😀'.repeat(5000)],
]

describe('text comes back exactly as it was sent', () => {
  test.each(accepted)('%s', async (_what, text) => {
    const { message } = await send({ text })
    expect(message.text).toBe(text)
    const { chat } = await alice.run(ChatMessages, { id: chatId, last: 1 })
    expect(chat.messages.edges[0].node.text).toBe(text)
    const edited = await edit((await sendMessage(alice, chatId, 'before')).id, text)
    expect(edited.message.text).toBe(text)
  })
})

const refused: [string, string][] = [
  ['nothing', ''],
  ['spaces', '   '],
  ['line breaks and tabs', '\n\t \n'],
  ['no-break and ideographic spaces', '\u00a0\u3000\u2003'],
  ['zero-width characters', '\u200b\u200c\u200d\u2060\ufeff'],
  ['a soft hyphen and a variation selector', '\u00ad\ufe0f'],
  ['fillers', '\u3164\u115f\uffa0'],
  ['a blank of Braille', '\u2800'],
  ['invisible tags', '\u{e0061}\u{e007f}'],
  ['5,001 letters', 'x'.repeat(5001)],
  ['5,001 characters outside the basic plane', '😀'.repeat(5001)],
  ['a NUL', 'a\0b'],
  ['a bell', 'a\u0007b'],
  ['a carriage return', 'a\r\nb'],
  ['a vertical tab', 'a\u000bb'],
  ['an escape sequence', 'a\u001b[31mb'],
  ['a delete', 'a\u007fb'],
  ['a control character of the second set', 'a\u0085b'],
  ['the first half of a surrogate pair', 'a\ud800b'],
  ['the second half of a surrogate pair', 'a\udc00b'],
  ['a surrogate pair the wrong way round', '\udc00\ud800'],
]

describe('text that nobody could read is refused', () => {
  let messageId: string
  beforeAll(async () => {
    messageId = (await sendMessage(alice, chatId, 'untouched')).id
  })

  test.each(refused)('%s', async (_what, text) => {
    for (const payload of [await send({ text }), await edit(messageId, text)]) {
      expect(payload).toMatchObject({ __typename: 'ValidationError', code: 'VALIDATION_FAILED' })
      expect(payload.issues.map(({ path }: Data) => path)).toEqual([['text']])
    }
  })

  test('and leaves no trace', async () => {
    const { chat } = await alice.run(ChatMessages, { id: chatId, last: 1 })
    expect(chat.messages.edges[0].node).toMatchObject({ id: messageId, text: 'untouched', editedAt: null })
  })
})

test('half a surrogate pair is refused, however it is spelled in the request', async () => {
  for (const spelling of ['"a\\ud800"', '"\\uDFFF"']) {
    const query = `mutation { sendMessage(input: { chatId: "${chatId}", clientMessageId: "half", text: ${spelling} }) { ... on UserError { code } } }`
    const { data, errors } = await alice.send(query)
    // Written into the document it is a syntax error already.
    expect(data?.sendMessage.code ?? errors[0]?.extensions['code']).toMatch(
      /VALIDATION_FAILED|GRAPHQL_PARSE_FAILED/,
    )
  }
})

describe('clientMessageId', () => {
  test.each<[string, string, boolean]>([
    ['1 character', 'x', true],
    ['64 characters', 'x'.repeat(64), true],
    ['64 characters outside the basic plane', '😀'.repeat(64), true],
    ['a UUID', '0b8f1f0e-6d0a-4b52-9d55-1f1a7f3f0c11', true],
    ['nothing', '', false],
    ['65 characters', 'x'.repeat(65), false],
    ['a NUL', 'a\0', false],
    ['half a surrogate pair', '\ud800', false],
  ])('of %s', async (_what, clientMessageId, fits) => {
    const payload = await send({ clientMessageId })
    if (fits) expect(payload.message.clientMessageId).toBe(clientMessageId)
    else expect(payload).toMatchObject({ code: 'VALIDATION_FAILED', issues: [{ path: ['clientMessageId'] }] })
  })

  test('is told to its author only', async () => {
    const bob = await app.register('bob')
    const group = await createGroupChat(alice, [bob.id])
    const { id } = await sendMessage(alice, group, 'mine')
    const ask = async (viewer: TestUser) =>
      (await viewer.run(ChatMessages, { id: group })).chat.messages.edges.map(({ node }: Data) => [
        node.id,
        node.clientMessageId === null,
      ])
    expect(await ask(alice)).toEqual([[id, false]])
    expect(await ask(bob)).toEqual([[id, true]])
  })
})

describe('sender', () => {
  test.each([
    [undefined, 'USER'],
    [null, 'USER'],
    ['USER', 'USER'],
    ['BOT', 'BOT'],
  ])('%s is %s', async (sender, expected) => {
    const { message } = await send({ sender })
    expect(message).toMatchObject({ sender: expected, author: { id: alice.id } })
  })

  test('SYSTEM is refused', async () => {
    expect(await send({ sender: 'SYSTEM' })).toMatchObject({
      code: 'VALIDATION_FAILED',
      issues: [{ path: ['sender'] }],
    })
  })
})

test('every problem of a message is reported at once', async () => {
  const payload = await send({ clientMessageId: '', text: ' ', sender: 'SYSTEM' })
  expect(payload.issues.map(({ path }: Data) => path.join('.'))).toEqual([
    'clientMessageId',
    'text',
    'sender',
  ])
})
