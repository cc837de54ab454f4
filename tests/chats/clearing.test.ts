import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseIdOf } from '../../src/core/ids.ts'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { createDirectChat, createGroupChat, sendMessage } from '../testkit/chats.ts'
import type { Data, TestClient } from '../testkit/client.ts'
import {
  AddChatMembers,
  AddReaction,
  ChatMessages,
  ClearChat,
  DeleteChat,
  DeleteMessage,
  EditMessage,
  EventCursor,
  Events,
  RemoveChatMember,
  SendMessage,
  SetChatHistoryVisibility,
  SetChatMemberRole,
} from '../testkit/operations.ts'

let app: TestApp
let alice: TestUser
let bob: TestUser
let carol: TestUser
beforeAll(async () => {
  app = await startTestApp()
  ;[alice, bob, carol] = (await Promise.all(['alice', 'bob', 'carol'].map((name) => app.register(name)))) as [
    TestUser,
    TestUser,
    TestUser,
  ]
})
afterAll(() => app.dispose())

async function messagesOf(client: TestClient, chatId: string): Promise<Data[]> {
  const { chat } = await client.run(ChatMessages, { id: chatId })
  return chat.messages.edges.map(({ node }: Data) => node)
}

const clear = async (client: TestClient, chatId: string) =>
  (await client.run(ClearChat, { input: { chatId } })).clearChat

/** What is left in the database of what was said in a chat. */
async function kept(chatId: string): Promise<{ texts: number; revisions: number; reactions: number }> {
  const text = `SELECT count(m.text)::int AS texts,
      (SELECT count(*)::int FROM message_revisions r JOIN messages x ON x.id = r.message_id WHERE x.chat_id = $1) AS revisions,
      (SELECT count(*)::int FROM reactions r JOIN messages x ON x.id = r.message_id WHERE x.chat_id = $1) AS reactions
    FROM messages m WHERE m.chat_id = $1`
  type Row = { texts: number; revisions: number; reactions: number }
  const [row] = await app.app.database.query<Row>({ name: 'test_kept', text }, [parseIdOf('Chat', chatId)])
  if (row === undefined) throw new Error('no row')
  return row
}

test('the owner clears a group for everyone: lists, counts, and soon the database', async () => {
  const chatId = await createGroupChat(alice, [bob.id])
  for (const text of ['one', 'two', 'three']) await sendMessage(alice, chatId, text)
  const { id } = await sendMessage(bob, chatId, 'four')
  await bob.run(EditMessage, { input: { messageId: id, text: 'four, edited' } })
  await alice.run(AddReaction, { input: { messageId: id, emoji: '👍' } })
  const deleted = await sendMessage(bob, chatId, 'five')
  await bob.run(DeleteMessage, { input: { messageId: deleted.id } })

  expect(await bob.codeOf(ClearChat, { input: { chatId } })).toBe('FORBIDDEN')
  await alice.run(SetChatMemberRole, { input: { chatId, userId: bob.id, role: 'ADMIN' } })
  expect(await bob.codeOf(ClearChat, { input: { chatId } })).toBe('FORBIDDEN')
  expect(await clear(alice, chatId)).toMatchObject({ clearedCount: 4, chat: { unreadCount: 0 } })
  for (const each of [alice, bob]) {
    expect(await messagesOf(each, chatId)).toEqual([])
    const { chat } = await each.run('query ($id: ID!) { chat(id: $id) { unreadCount lastMessage { id } } }', {
      id: chatId,
    })
    expect(chat).toEqual({ unreadCount: 0, lastMessage: null })
    expect(await each.run('query ($id: ID!) { node(id: $id) { id } }', { id })).toEqual({ node: null })
    expect(await each.codeOf(AddReaction, { input: { messageId: id, emoji: '👍' } })).toBe('NOT_FOUND')
  }
  await expect.poll(() => kept(chatId)).toEqual({ texts: 0, revisions: 0, reactions: 0 })

  // It goes on from there, for newcomers, too.
  const next = await sendMessage(bob, chatId, 'after')
  expect(next.sequence).toBe(7)
  await alice.run(AddChatMembers, { input: { chatId, userIds: [carol.id] } })
  expect((await messagesOf(carol, chatId)).map(({ text }) => text)).toEqual(['after', 'alice added carol.'])
  expect(await clear(alice, chatId)).toMatchObject({ clearedCount: 1 })
  expect(await clear(alice, chatId)).toMatchObject({ clearedCount: 0 })
})

test('a retry of what was cleared is told so, and nothing comes back', async () => {
  const chatId = await createGroupChat(alice, [bob.id])
  const input = { chatId, clientMessageId: 'once and for all', text: 'cleared' }
  const { sendMessage: sent } = await bob.run(SendMessage, { input })
  await clear(alice, chatId)
  const retry = async () => (await bob.run(SendMessage, { input })).sendMessage
  const answer = { deduplicated: true, message: { id: sent.message.id, text: null } }
  expect(await retry()).toMatchObject(answer)
  await expect.poll(() => kept(chatId)).toMatchObject({ texts: 0 })
  expect(await retry()).toMatchObject(answer)
  expect(await bob.codeOf(SendMessage, { input: { ...input, text: 'other' } })).toBe('IDEMPOTENCY_KEY_REUSED')
  expect(await messagesOf(bob, chatId)).toEqual([])
})

test('a retry after coming back finds what was said before, as it stands', async () => {
  const chatId = await createGroupChat(alice, [bob.id])
  await alice.run(SetChatHistoryVisibility, { input: { chatId, historyVisibility: 'FROM_JOIN' } })
  const input = { chatId, clientMessageId: 'before I went', text: 'still there' }
  await bob.run(SendMessage, { input })
  await alice.run(RemoveChatMember, { input: { chatId, userId: bob.id } })
  expect(await bob.codeOf(SendMessage, { input })).toBe('NOT_FOUND')
  await alice.run(AddChatMembers, { input: { chatId, userIds: [bob.id] } })
  const { sendMessage: again } = await bob.run(SendMessage, { input })
  expect(again).toMatchObject({ deduplicated: true, message: { text: 'still there', deletedAt: null } })
})

test('a cleared chat that is deleted goes in pieces, with all that was left of it', async () => {
  const [chatId, other] = [await createGroupChat(alice), await createGroupChat(alice)]
  const { query } = app.app.database
  const id = parseIdOf('Chat', chatId)
  const fill = `INSERT INTO messages (id, chat_id, sequence, author_id, text)
    SELECT gen_random_uuid(), $1, n, $2, 'text ' || n FROM generate_series(1, 1700) n`
  await query({ name: 'test_fill', text: fill }, [id, parseIdOf('User', alice.id)])
  await query({ name: 'test_filled', text: 'UPDATE chats SET last_sequence = 1700 WHERE id = $1' }, [id])
  expect(await clear(alice, chatId)).toMatchObject({ clearedCount: 1700 })
  await expect.poll(() => kept(chatId)).toMatchObject({ texts: 0 })
  await alice.run(DeleteChat, { input: { chatId } })
  await sendMessage(alice, other, 'of another chat')
  await clear(alice, other)
  const left =
    'SELECT (SELECT count(*)::int FROM messages WHERE chat_id = $1) AS messages, count(*)::int AS chats FROM chats WHERE id = $1'
  await expect.poll(() => query({ name: 'test_left', text: left }, [id])).toEqual([{ messages: 0, chats: 0 }])
  await expect.poll(() => kept(other)).toMatchObject({ texts: 0 })
})

test('in a direct chat each side clears what they said themselves', async () => {
  const chatId = await createDirectChat(alice, bob.id)
  const mine = await sendMessage(alice, chatId, 'from alice')
  await alice.run(EditMessage, { input: { messageId: mine.id, text: 'from alice, edited' } })
  await bob.run(AddReaction, { input: { messageId: mine.id, emoji: '👍' } })
  const his = await sendMessage(bob, chatId, 'from bob')
  await bob.run(EditMessage, { input: { messageId: his.id, text: 'from bob, edited' } })
  await alice.run(AddReaction, { input: { messageId: his.id, emoji: '👍' } })
  await sendMessage(alice, chatId, 'from alice again')
  expect(await clear(alice, chatId)).toMatchObject({ clearedCount: 2, chat: { unreadCount: 1 } })
  for (const each of [alice, bob]) {
    expect((await messagesOf(each, chatId)).map(({ text }) => text)).toEqual([null, 'from bob, edited', null])
  }
  expect(await kept(chatId)).toEqual({ texts: 1, revisions: 1, reactions: 1 })
  expect(await clear(alice, chatId)).toMatchObject({ clearedCount: 0 })
})

test('a notebook: one owner, their words and an assistant’s, cleared and written on', async () => {
  const chatId = await createGroupChat(alice, [], 'Notebook')
  const say = (sender: string, text: string) =>
    alice.run(SendMessage, { input: { chatId, clientMessageId: text, text, sender } })
  await say('USER', 'What is a quine?')
  await say('BOT', 'A program that prints itself.')
  expect((await messagesOf(alice, chatId)).map(({ sender }) => sender)).toEqual(['USER', 'BOT'])
  expect(await clear(alice, chatId)).toMatchObject({ clearedCount: 2 })
  await say('USER', 'Thank you.')
  expect((await messagesOf(alice, chatId)).map(({ text, sequence }) => [text, sequence])).toEqual([
    ['Thank you.', 3],
  ])
})

test('one event tells of it, live and to whoever was away, and none of a message that is cleared', async () => {
  const chatId = await createGroupChat(alice, [bob.id])
  const live = bob.subscribe(Events)
  await live.until(({ events: { __typename } }: Data) => __typename === 'CaughtUp')
  const { viewer } = await bob.run(EventCursor)
  for (let i = 1; i <= 50; i++) await sendMessage(alice, chatId, `message ${i}`)
  await live.until(({ events: { message } }: Data) => message?.sequence === 50)
  await clear(alice, chatId)
  const after = await sendMessage(alice, chatId, 'after')
  const told = await live.until(({ events: { message } }: Data) => message?.id === after.id)
  expect(told.map(({ events }: Data) => events)).toMatchObject([
    {
      __typename: 'ChatCleared',
      chat: { id: chatId, unreadCount: 0 },
      clearedThroughSequence: 50,
      author: null,
      actor: { id: alice.id },
    },
    { __typename: 'MessageAdded' },
  ])
  await live.stop()
  const later = bob.subscribe(Events, { after: viewer.eventCursor })
  const missed = await later.until(({ events: { message } }: Data) => message?.id === after.id)
  expect(
    missed
      .map(({ events: { __typename } }: Data) => __typename)
      .filter((type: string) => type !== 'CaughtUp'),
  ).toEqual(['ChatCleared', 'MessageAdded'])
  await later.stop()
})

test('whoever sends while the chat is cleared sends before it or after it', async () => {
  const chatId = await createGroupChat(alice, [bob.id])
  const sends = Array.from({ length: 40 }, (_, i) => sendMessage(bob, chatId, `race ${i}`))
  const [cleared] = await Promise.all([clear(alice, chatId), ...sends])
  const left = await messagesOf(alice, chatId)
  expect(cleared.clearedCount + left.length).toBe(40)
  expect(left.map(({ sequence }) => sequence)).toEqual(left.map((_, i) => cleared.clearedCount + i + 1))
})

test('a chat that is deleted while it is being emptied leaves nothing behind', async () => {
  for (let round = 0; round < 3; round++) {
    const chatId = await createGroupChat(alice)
    const id = parseIdOf('Chat', chatId)
    const { query } = app.app.database
    const fill = `INSERT INTO messages (id, chat_id, sequence, author_id, text)
      SELECT gen_random_uuid(), $1, n, $2, 'text ' || n FROM generate_series(1, 3000) n`
    await query({ name: 'test_fill_more', text: fill }, [id, parseIdOf('User', alice.id)])
    await query({ name: 'test_filled_more', text: 'UPDATE chats SET last_sequence = 3000 WHERE id = $1' }, [
      id,
    ])
    await clear(alice, chatId)
    const emptying = 'SELECT purged_through > 0 AS begun FROM chats WHERE id = $1'
    await expect.poll(() => query({ name: 'test_emptying', text: emptying }, [id])).toEqual([{ begun: true }])
    await alice.run(DeleteChat, { input: { chatId } })
    const left =
      'SELECT (SELECT count(*)::int FROM messages WHERE chat_id = $1) + count(*)::int AS left FROM chats WHERE id = $1'
    await expect.poll(() => query({ name: 'test_left_over', text: left }, [id])).toEqual([{ left: 0 }])
  }
})
