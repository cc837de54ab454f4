import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { createDirectChat, createGroupChat, sendMessage } from '../testkit/chats.ts'
import type { Data } from '../testkit/client.ts'
import { DeleteMessage, MarkChatRead, ViewerChats } from '../testkit/operations.ts'

let app: TestApp
let alice: TestUser
let bob: TestUser
let chatId: string
beforeAll(async () => {
  app = await startTestApp()
})
beforeEach(async () => {
  ;[alice, bob] = [await app.register('alice'), await app.register('bob')]
  chatId = await createDirectChat(alice, bob.id)
})
afterAll(() => app.dispose())

async function markRead(viewer: TestUser, sequence: number): Promise<Data> {
  return (await viewer.run(MarkChatRead, { input: { chatId, sequence } })).markChatRead
}

async function unreadOf(viewer: TestUser): Promise<{ total: number; chats: number[] }> {
  const { unreadCount, chats } = (await viewer.run(ViewerChats)).viewer
  return { total: unreadCount, chats: chats.edges.map(({ node }: Data) => node.unreadCount) }
}

async function send(author: TestUser, count: number): Promise<Data[]> {
  const messages: Data[] = []
  for (let i = 0; i < count; i++) messages.push(await sendMessage(author, chatId, `message ${i}`))
  return messages
}

test('messages of others are unread, own ones are not', async () => {
  await send(alice, 3)
  await send(bob, 2)
  expect(await unreadOf(alice)).toEqual({ total: 2, chats: [2] })
  expect(await unreadOf(bob)).toEqual({ total: 3, chats: [3] })
})

test('a deleted message is not unread', async () => {
  const [first] = await send(alice, 3)
  await alice.run(DeleteMessage, { input: { messageId: first?.id } })
  expect(await unreadOf(bob)).toEqual({ total: 2, chats: [2] })
})

test('the total is over all chats', async () => {
  await send(alice, 2)
  const group = await createGroupChat(alice, [bob.id])
  await sendMessage(alice, group, 'in the group')
  expect(await unreadOf(bob)).toEqual({ total: 3, chats: [1, 2] })
})

test('a muted chat counts for itself and not for the total', async () => {
  await send(alice, 2)
  const mute = (until: string) =>
    app.app.database.query(
      {
        name: `test_mute_${until}`,
        text: `UPDATE chat_members SET muted_until = ${until} WHERE user_id = $1`,
      },
      [Buffer.from(bob.id, 'base64url').toString().split(':')[1]],
    )
  await mute("'infinity'")
  expect(await unreadOf(bob)).toEqual({ total: 0, chats: [2] })
  await mute("now() - interval '1 second'")
  expect(await unreadOf(bob)).toEqual({ total: 2, chats: [2] })
})

test('the read position moves forward only', async () => {
  await send(alice, 5)
  const positions: [asked: number, position: number, unread: number][] = [
    [2, 2, 3],
    [1, 2, 3],
    [0, 2, 3],
    [2, 2, 3],
    [4, 4, 1],
    [5, 5, 0],
    [3, 5, 0],
  ]
  for (const [asked, lastReadSequence, unreadCount] of positions) {
    expect(await markRead(bob, asked)).toMatchObject({
      chat: { unreadCount, viewerMembership: { lastReadSequence } },
    })
  }
  expect(await unreadOf(bob)).toEqual({ total: 0, chats: [0] })
  // Alice has read nothing of it.
  expect((await markRead(alice, 0)).chat.viewerMembership.lastReadSequence).toBe(0)
})

test('past the newest message it means the newest: what comes later is unread', async () => {
  await send(alice, 3)
  expect((await markRead(bob, 2_147_483_647)).chat.viewerMembership.lastReadSequence).toBe(3)
  await send(alice, 1)
  expect(await unreadOf(bob)).toEqual({ total: 1, chats: [1] })
})

test('an empty chat stays at nothing read', async () => {
  expect(await markRead(bob, 7)).toMatchObject({ chat: { viewerMembership: { lastReadSequence: 0 } } })
})

test('a negative sequence is refused', async () => {
  expect(await markRead(bob, -1)).toMatchObject({
    code: 'VALIDATION_FAILED',
    issues: [{ path: ['sequence'] }],
  })
})

test('marks at once, in any order, end at the furthest', async () => {
  await send(alice, 12)
  const marks = [3, 11, 1, 7, 11, 2, 9, 5, 10, 4]
  const payloads = await Promise.all(marks.map((sequence) => markRead(bob, sequence)))
  // No answer shows less than what it was asked for.
  for (const [i, { chat }] of payloads.entries()) {
    expect(chat.viewerMembership.lastReadSequence).toBeGreaterThanOrEqual(marks[i] ?? Number.NaN)
  }
  expect(await unreadOf(bob)).toEqual({ total: 1, chats: [1] })
  expect((await markRead(bob, 0)).chat.viewerMembership.lastReadSequence).toBe(11)
})
