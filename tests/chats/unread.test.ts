import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
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

const rowId = (id: string) => Buffer.from(id, 'base64url').toString().split(':')[1] ?? ''
const sql = (text: string, ...values: unknown[]) =>
  app.app.database.query({ name: text.slice(-60), text }, values)

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
    sql(`UPDATE chat_members SET muted_until = ${until} WHERE user_id = $1`, rowId(bob.id))
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

describe('many messages behind the read position', () => {
  type Author = 'alice' | 'bob' | 'carol' | 'erased'
  type Part = readonly [author: Author, count: number, state?: 'deleted' | 'system']

  /** Adds them as they would have been sent, except that each second one's id is of a clock that is `skewMs` behind. */
  async function addMessages(parts: readonly Part[], skewMs = 0): Promise<void> {
    const carol = '01900000-0000-7000-8000-000000000000'
    const ids = { alice: rowId(alice.id), bob: rowId(bob.id), carol, erased: null }
    let sequence = 0
    for (const [author, count, state] of parts) {
      await sql(
        `INSERT INTO messages (id, chat_id, sequence, author_id, text, sender, deleted_at)
          SELECT (lpad(to_hex(1700000000000 + n - n % 2 * $4::bigint), 12, '0') || substr(md5($1::text || n), 13))::uuid,
            $1::uuid, n, $2::uuid, 'text', $5::message_sender, CASE WHEN $6 THEN now() END
          FROM generate_series($3::int + 1, $3 + $7::int) n`,
        rowId(chatId),
        ids[author],
        sequence,
        skewMs,
        state === 'system' ? 'SYSTEM' : 'USER',
        state === 'deleted',
        count,
      )
      sequence += count
    }
    await sql('UPDATE chats SET last_sequence = $2 WHERE id = $1', rowId(chatId), sequence)
  }

  const own: Part = ['alice', 2_500]
  test.each<[string, Part[], read: number, unread: number]>([
    ['one below the cap', [['bob', 999]], 0, 999],
    ['as many as the cap', [['bob', 1_000]], 0, 1_000],
    ['more than the cap', [['bob', 5_000]], 0, 1_000],
    ['own ones', [own], 0, 0],
    [
      'as many as are looked at one by one',
      [
        ['alice', 1_999],
        ['bob', 1],
      ],
      0,
      1,
    ],
    [
      'one more',
      [
        ['alice', 2_000],
        ['bob', 1],
      ],
      0,
      1,
    ],
    ['own ones before one below the cap', [own, ['bob', 999]], 0, 999],
    ['own ones before as many as the cap', [own, ['bob', 1_000]], 0, 1_000],
    ['own ones before more than the cap', [own, ['bob', 1_001]], 0, 1_000],
    [
      'own ones among those of several',
      [['carol', 3], own, ['bob', 400], ['erased', 5], ['carol', 20]],
      0,
      428,
    ],
    [
      'own ones before the cap, reached by several',
      [own, ['erased', 600], ['bob', 600], ['carol', 9]],
      0,
      1_000,
    ],
    [
      'deleted ones',
      [
        ['bob', 2_500, 'deleted'],
        ['bob', 4],
        ['erased', 9, 'deleted'],
      ],
      0,
      4,
    ],
    [
      'what the server said',
      [
        ['bob', 2_500, 'system'],
        ['bob', 4],
        ['bob', 1, 'system'],
      ],
      0,
      4,
    ],
    ['behind many that are read', [['bob', 3_000], ['erased', 50], own, ['bob', 6], ['erased', 1]], 3_050, 7],
    ['all read', [['bob', 3_000]], 3_000, 0],
  ])('%s', async (_what, parts, read, unread) => {
    await addMessages(parts)
    await markRead(alice, read)
    expect(await unreadOf(alice)).toEqual({ total: unread, chats: [unread] })
  })

  test('sent by processes whose clocks differ', async () => {
    await addMessages([['bob', 3_000], own, ['bob', 5], ['erased', 4]], 60_000)
    for (const [read, unread] of [
      [2_990, 19],
      [3_000, 9],
      [5_500, 9],
      [5_503, 6],
    ] as const) {
      await markRead(alice, read)
      expect(await unreadOf(alice)).toEqual({ total: unread, chats: [unread] })
    }
  })

  test('and those before the viewer came do not count', async () => {
    await addMessages([['bob', 3_000], own, ['bob', 5]])
    for (const [hidden, unread] of [
      [0, 1_000],
      [2_999, 6],
      [5_501, 4],
      [5_505, 0],
    ] as const) {
      await sql('UPDATE chat_members SET hidden_through = $2 WHERE user_id = $1', rowId(alice.id), hidden)
      expect(await unreadOf(alice)).toEqual({ total: unread, chats: [unread] })
    }
  })
})

test('what the server says is not unread', async () => {
  await send(alice, 2)
  await sql("UPDATE messages SET sender = 'SYSTEM' WHERE chat_id = $1 AND sequence = 1", rowId(chatId))
  expect(await unreadOf(bob)).toEqual({ total: 1, chats: [1] })
})
