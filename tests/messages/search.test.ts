import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { parseIdOf, uuidv7 } from '../../src/core/ids.ts'
import { fewChats } from '../../src/features/messages/search.ts'
import { startTestApp, type TestApp, type TestUser, testPassword } from '../testkit/app.ts'
import { createGroupChat, sendMessage } from '../testkit/chats.ts'
import type { Data, TestClient } from '../testkit/client.ts'
import { DeleteMessage, EditMessage, SearchMessages } from '../testkit/operations.ts'

let app: TestApp
let alice: TestUser
let bob: TestUser
beforeAll(async () => {
  app = await startTestApp()
})
afterAll(() => app.dispose())

/** A chat of alice and bob, both new. */
let chatId: string
beforeEach(async () => {
  ;[alice, bob] = [await app.register('alice'), await app.register('bob')]
  chatId = await createGroupChat(alice, [bob.id])
})

const rowId = (globalId: string) => parseIdOf('Chat', globalId) ?? parseIdOf('User', globalId) ?? ''

async function search(client: TestClient, query: string, args: object = {}): Promise<string[]> {
  const { searchMessages } = await client.run(SearchMessages, { query, ...args })
  return searchMessages.edges.map(({ node }: Data) => node.text)
}

async function say(...texts: string[]): Promise<Data[]> {
  const messages: Data[] = []
  for (const text of texts) messages.push(await sendMessage(alice, chatId, text))
  return messages
}

describe('what is found, newest first', () => {
  test.each<[string, string[], string, string[]]>([
    ['a word', ['one two', 'three'], 'one', ['one two']],
    ['whole words only', ['ones', 'one'], 'one', ['one']],
    ['all words, anywhere', ['two and one', 'one', 'two'], 'one two', ['two and one']],
    ['a phrase', ['one two', 'two one', 'one and two'], '"one two"', ['one two']],
    ['an exclusion', ['one', 'one two', 'one "three four"'], 'one -two -"three four"', ['one']],
    [
      'alternatives',
      ['one', 'two', 'three four', 'three'],
      'one or two OR three four',
      ['three four', 'two', 'one'],
    ],
    ['whatever the case', ['ONE', 'ΟΔΟΣ', 'Привет'], 'one or οδος or ПРИВЕТ', ['Привет', 'ΟΔΟΣ', 'ONE']],
    [
      'whatever the accents',
      ['Crème brûlée', 'creme', 'Müller', 'Łódź'],
      'CREME or muller or lodz',
      ['Łódź', 'Müller', 'creme', 'Crème brûlée'],
    ],
    [
      'whatever the width',
      ['ｆｕｌｌ　ｗｉｄｔｈ', 'half ﾊﾝｶｸ'],
      'width or ハンカク',
      ['half ﾊﾝｶｸ', 'ｆｕｌｌ　ｗｉｄｔｈ'],
    ],
    ['Chinese within a sentence', ['我在学校学习', '校学'], '学校', ['我在学校学习']],
    ['Japanese', ['明日の会議は10時からです', '会う議'], '会議 10', ['明日の会議は10時からです']],
    ['Korean with its particles', ['학교에서 만나요', '학원'], '학교', ['학교에서 만나요']],
    ['Thai', ['พรุ่งนี้เจอกันที่โรงเรียน', 'เรียบ'], 'โรงเรียน', ['พรุ่งนี้เจอกันที่โรงเรียน']],
    ['Hebrew and Arabic with and without points', ['שָׁלוֹם', 'مَرْحَبًا'], 'שלום or مرحبا', ['مَرْحَبًا', 'שָׁלוֹם']],
    ['an emoji, whatever its skin', ['well done 👍🏽', '👍', '👎'], '👍', ['👍', 'well done 👍🏽']],
    ['a flag and a family', ['go 🇩🇪', 'go 🇪🇩', '👨‍👩‍👧 home'], '🇩🇪 or 👨‍👩‍👧', ['👨‍👩‍👧 home', 'go 🇩🇪']],
    [
      'a part of an address',
      ['see https://example.com/path?x=1'],
      'example.com',
      ['see https://example.com/path?x=1'],
    ],
    ['words in markup', ['<b>bold</b> & <i>new</i>'], 'bold new', ['<b>bold</b> & <i>new</i>']],
    [
      'a word of 100 letters and more by its beginning',
      ['w'.repeat(300)],
      'w'.repeat(150),
      ['w'.repeat(300)],
    ],
  ])('%s', async (_what, texts, query, expected) => {
    await say(...texts)
    expect(await search(alice, query)).toEqual(expected)
    expect(await search(bob, query, { chatId })).toEqual(expected)
  })

  test('by chat and by author', async () => {
    const other = await createGroupChat(bob, [alice.id])
    await sendMessage(alice, chatId, 'one of alice')
    await sendMessage(bob, chatId, 'one of bob')
    await sendMessage(bob, other, 'one elsewhere')
    expect(await search(alice, 'one')).toEqual(['one elsewhere', 'one of bob', 'one of alice'])
    expect(await search(alice, 'one', { chatId })).toEqual(['one of bob', 'one of alice'])
    expect(await search(alice, 'one', { authorId: bob.id })).toEqual(['one elsewhere', 'one of bob'])
    expect(await search(alice, 'one', { chatId, authorId: bob.id })).toEqual(['one of bob'])
  })

  test.each(['', 'x', Buffer.from('Chat:none').toString('base64url')])(
    'by ids of nothing: %j',
    async (id) => {
      await say('one')
      for (const args of [{ chatId: id }, { authorId: id }, { chatId, authorId: id }, { chatId: bob.id }]) {
        expect(await search(alice, 'one', args)).toEqual([])
      }
    },
  )

  test('with where it stands, in UTF-16 units; nowhere in other lists', async () => {
    await say('🙂 One, two: ÓNE')
    const { searchMessages } = await alice.run(SearchMessages, { query: '"one two" or one' })
    expect(searchMessages.edges[0].highlights).toEqual([
      { start: 3, length: 8 },
      { start: 13, length: 3 },
    ])
    const list = await alice.run(
      'query ($id: ID!) { chat(id: $id) { messages { edges { highlights { start } } } } }',
      { id: chatId },
    )
    expect(list.chat.messages.edges).toEqual([{ highlights: [] }])
  })
})

describe('who finds it', () => {
  test('nobody outside of the chat, nor who was removed from it', async () => {
    await say('one')
    const stranger = await app.register('stranger')
    const { prisma } = app.app.services.store
    const where = { chatId: rowId(chatId), userId: rowId(bob.id) }
    const membership = await prisma.chatMember.findFirstOrThrow({ where })
    for (const args of [{}, { chatId }, { authorId: alice.id }, { chatId, authorId: alice.id }]) {
      expect(await search(bob, 'one', args)).toEqual(['one'])
      await prisma.chatMember.deleteMany({ where })
      expect([await search(bob, 'one', args), await search(stranger, 'one', args)]).toEqual([[], []])
      await prisma.chatMember.create({ data: membership })
    }
  })

  test('nobody in a deleted chat', async () => {
    await say('one')
    const { prisma } = app.app.services.store
    await prisma.chat.updateMany({ where: { id: rowId(chatId) }, data: { deletedAt: new Date() } })
    for (const args of [{}, { chatId }, { authorId: alice.id }])
      expect(await search(alice, 'one', args)).toEqual([])
  })

  test('nobody what lies before their history', async () => {
    await say('one first', 'one second', 'one third')
    const where = { chatId: rowId(chatId), userId: rowId(bob.id) }
    await app.app.services.store.prisma.chatMember.updateMany({ where, data: { hiddenThrough: 2 } })
    for (const args of [{}, { chatId }, { authorId: alice.id }, { chatId, authorId: alice.id }]) {
      expect(await search(bob, 'one', args)).toEqual(['one third'])
    }
    await app.app.services.store.prisma.chatMember.updateMany({ where, data: { hiddenThrough: 9 } })
    expect(await search(bob, 'one')).toEqual([])
  })

  test('who is in many chats, like everyone else', async () => {
    await joinCrowd(alice)
    await say('one first', 'two', 'one second')
    const other = await createGroupChat(bob)
    await sendMessage(bob, other, 'one of nobody else')
    await sendMessage(bob, chatId, 'one of bob')
    expect(await search(alice, 'one')).toEqual(['one of bob', 'one second', 'one first'])
    expect(await search(alice, 'one', { authorId: bob.id })).toEqual(['one of bob'])
    expect(await search(alice, 'one', { chatId })).toEqual(['one of bob', 'one second', 'one first'])
    const { prisma } = app.app.services.store
    const where = { chatId: rowId(chatId), userId: rowId(alice.id) }
    await prisma.chatMember.updateMany({ where, data: { hiddenThrough: 2 } })
    expect(await search(alice, 'one')).toEqual(['one of bob', 'one second'])
    await prisma.chat.updateMany({ where: { id: rowId(chatId) }, data: { deletedAt: new Date() } })
    expect(await search(alice, 'one')).toEqual([])
  })
})

/** More chats than are asked one by one. */
async function joinCrowd(user: TestUser): Promise<void> {
  const { prisma } = app.app.services.store
  const ids = Array.from({ length: fewChats + 1 }, () => uuidv7())
  await prisma.chat.createMany({ data: ids.map((id) => ({ id, kind: 'GROUP' as const, title: 'Crowd' })) })
  await prisma.chatMember.createMany({
    data: ids.map((id) => ({ id: uuidv7(), chatId: id, userId: rowId(user.id) })),
  })
}

describe('what changes is found as it is now', () => {
  test('edited, deleted', async () => {
    const [first, second] = await say('one', 'one more')
    await alice.run(EditMessage, { input: { messageId: first?.id, text: 'two' } })
    expect([await search(alice, 'one'), await search(alice, 'two')]).toEqual([['one more'], ['two']])
    await alice.run(DeleteMessage, { input: { messageId: second?.id } })
    expect([await search(alice, 'one'), await search(alice, 'two')]).toEqual([[], ['two']])
  })

  test('erased: nothing is left, in the index neither', async () => {
    const leaving = await app.register('leaving')
    const together = await createGroupChat(leaving, [alice.id])
    await sendMessage(leaving, together, 'unforgettable')
    expect(await search(alice, 'unforgettable')).toEqual(['unforgettable'])
    await leaving.run(
      'mutation ($input: DeleteAccountInput!) { deleteAccount(input: $input) { __typename } }',
      { input: { password: testPassword, messages: 'ERASE' } },
    )
    await expect.poll(() => search(alice, 'unforgettable')).toEqual([])
    const rows = await app.app.database.query(
      {
        text: `SELECT 1 FROM messages WHERE search @@ 'unforgettable'::tsquery OR search::text LIKE '%unforgettable%'`,
      },
      [],
    )
    expect(rows).toEqual([])
  })

  test('what the server says is not found', async () => {
    await app.app.services.store.prisma.message.create({
      data: {
        id: uuidv7(),
        chatId: rowId(chatId),
        sequence: 1,
        sender: 'SYSTEM',
        systemKind: 'CHAT_RENAMED',
      },
    })
    for (const query of ['renamed', 'chat', 'CHAT_RENAMED']) expect(await search(alice, query)).toEqual([])
  })
})

describe('pages', () => {
  test('stay right while messages come and go', async () => {
    const sent = await say(...Array.from({ length: 7 }, (_, i) => `one ${i}`))
    const page = async (after: string | null) =>
      (await alice.run(SearchMessages, { query: 'one', first: 2, after })).searchMessages
    const first = await page(null)
    expect(first.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: false })
    await say('one new')
    await alice.run(DeleteMessage, { input: { messageId: sent[5]?.id } })
    await alice.run(DeleteMessage, { input: { messageId: sent[3]?.id } })
    const seen: string[] = first.edges.map(({ node }: Data) => node.text)
    for (let { endCursor, hasNextPage } = first.pageInfo; hasNextPage; ) {
      const { edges, pageInfo } = await page(endCursor)
      seen.push(...edges.map(({ node }: Data) => node.text))
      ;({ endCursor, hasNextPage } = pageInfo)
    }
    expect(seen).toEqual(['one 6', 'one 5', 'one 4', 'one 2', 'one 1', 'one 0'])
  })

  test('go on where the newest messages are not enough', async () => {
    await say('rare')
    await seedMessages(chatId, alice, 250, 'common')
    await say('rare')
    expect(await search(alice, 'rare')).toEqual(['rare', 'rare'])
    expect(await search(alice, 'rare', { chatId, authorId: alice.id })).toEqual(['rare', 'rare'])
    expect(await search(alice, 'common', { first: 100 })).toHaveLength(100)
  })

  test.each<[string, object]>([
    ['first: 0', { first: 0 }],
    ['first: 101', { first: 101 }],
    ['a cursor of a chat', { after: Buffer.from('m|1').toString('base64url') }],
    ['a cursor of all messages', { after: Buffer.from(`vm|${uuidv7()}`).toString('base64url') }],
    ['garbage', { after: '!!!' }],
  ])('%s is refused', async (_what, args) => {
    expect(await alice.codeOf(SearchMessages, { query: 'one', ...args })).toBe('VALIDATION_FAILED')
  })
})

/** Without their events, which nobody here looks at. */
async function seedMessages(id: string, author: TestUser, count: number, text: string): Promise<void> {
  const { prisma } = app.app.services.store
  const chat = await prisma.chat.update({
    where: { id: rowId(id) },
    data: { lastSequence: { increment: count } },
  })
  await prisma.message.createMany({
    data: Array.from({ length: count }, (_, i) => ({
      id: uuidv7(),
      chatId: chat.id,
      sequence: chat.lastSequence - count + i + 1,
      authorId: rowId(author.id),
      text,
    })),
  })
}

describe('a query', () => {
  test('has 200 characters at most', async () => {
    await say('👍')
    expect(await search(alice, '👍'.padEnd(201, ' '))).toEqual(['👍'])
    expect(await alice.codeOf(SearchMessages, { query: '👍'.padEnd(202, ' ') })).toBe('VALIDATION_FAILED')
  })

  test.each(['', ' ', '!?', '""', '-one', 'one or -two', 'a\u0000b', 'a\u0007', 'a\ud800'])(
    '%j is refused',
    async (query) => expect(await alice.codeOf(SearchMessages, { query })).toBe('VALIDATION_FAILED'),
  )

  test('of any characters gets an answer', async () => {
    const part = fc.constantFrom(
      'a',
      "'",
      '\\',
      '"',
      '-',
      ':',
      '*',
      '&',
      '|',
      '!',
      '(',
      ')',
      '<->',
      ' or ',
      ' ',
      '字',
      '#',
      '%',
      '$1',
    )
    const query = fc.oneof(
      fc.array(part, { maxLength: 20 }).map((parts) => parts.join('')),
      fc.string({ unit: 'binary', maxLength: 50 }),
    )
    await fc.assert(
      fc.asyncProperty(query, async (each) => {
        expect([null, 'VALIDATION_FAILED']).toContain(await alice.codeOf(SearchMessages, { query: each }))
      }),
      { numRuns: 100 },
    )
  })
})

test('finds in any history what a look at every message finds', async () => {
  const words = ['ape', 'bee', 'cat', 'dog']
  const text = fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: 4 })
  const message = fc.record({ text, chat: fc.nat({ max: 2 }), byBob: fc.boolean() })
  const query = fc.record({
    wanted: fc.array(fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: 2 }), {
      minLength: 1,
      maxLength: 2,
    }),
    excluded: fc.option(fc.constantFrom(...words), { nil: null }),
    chat: fc.option(fc.nat({ max: 2 }), { nil: null }),
    byBob: fc.option(fc.boolean(), { nil: null }),
  })
  const history = fc.record({
    messages: fc.array(message, { minLength: 1, maxLength: 12 }),
    hidden: fc.nat({ max: 3 }),
    queries: fc.array(query, { minLength: 4, maxLength: 4 }),
  })
  await fc.assert(
    fc.asyncProperty(history, async ({ messages, hidden, queries }) => {
      const viewer = await app.register('viewer')
      const chats = [
        await createGroupChat(viewer, [bob.id, alice.id]),
        await createGroupChat(bob, [viewer.id, alice.id]),
        // The viewer is not in it.
        await createGroupChat(alice, [bob.id]),
      ]
      await app.app.services.store.prisma.chatMember.updateMany({
        where: { chatId: rowId(chats[0] ?? ''), userId: rowId(viewer.id) },
        data: { hiddenThrough: hidden },
      })
      const sent: { text: string[]; chat: number; byBob: boolean; sequence: number }[] = []
      for (const each of messages) {
        const { sequence } = await sendMessage(
          each.byBob ? bob : alice,
          chats[each.chat] ?? '',
          each.text.join(' '),
        )
        sent.push({ ...each, sequence })
      }
      for (const { wanted, excluded, chat, byBob } of queries) {
        const expected = sent
          .filter((each) => each.chat !== 2 && (each.chat !== 0 || each.sequence > hidden))
          .filter((each) =>
            wanted.every((phrase) => ` ${each.text.join(' ')} `.includes(` ${phrase.join(' ')} `)),
          )
          .filter((each) => excluded === null || !each.text.includes(excluded))
          .filter((each) => (chat === null || each.chat === chat) && (byBob === null || each.byBob === byBob))
          .map((each) => each.text.join(' '))
          .reverse()
        const typed = [
          ...wanted.map((phrase) => `"${phrase.join(' ')}"`),
          ...(excluded === null ? [] : [`-${excluded}`]),
        ]
        const found = await search(viewer, typed.join(' '), {
          chatId: chat === null ? null : chats[chat],
          authorId: byBob === null ? null : (byBob ? bob : alice).id,
        })
        expect(found).toEqual(expected)
      }
    }),
    { numRuns: 15 },
  )
})
