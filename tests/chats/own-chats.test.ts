import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { createDirectChat, createGroupChat, sendMessage } from '../testkit/chats.ts'
import type { Data } from '../testkit/client.ts'
import { DeleteMessage, ViewerChats } from '../testkit/operations.ts'

let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
})
afterAll(() => app.dispose())

async function list(viewer: TestUser, args: object = {}): Promise<Data> {
  return (await viewer.run(ViewerChats, args)).viewer.chats
}
const idsOf = (chats: Data): string[] => chats.edges.map(({ node }: Data) => node.id)

test('a message brings its chat to the front, for every member', async () => {
  const [alice, bob] = [await app.register('alice'), await app.register('bob')]
  const direct = await createDirectChat(alice, bob.id)
  const one = await createGroupChat(alice, [bob.id], 'One')
  const two = await createGroupChat(bob, [alice.id], 'Two')
  for (const viewer of [alice, bob]) expect(idsOf(await list(viewer))).toEqual([two, one, direct])
  const { id: messageId } = await sendMessage(bob, direct, 'to the front')
  for (const viewer of [alice, bob]) {
    const chats = await list(viewer)
    expect(idsOf(chats)).toEqual([direct, two, one])
    expect(chats.edges[0].node.lastMessage).toMatchObject({ text: 'to the front', author: { id: bob.id } })
    expect(chats.edges[1].node.lastMessage).toBeNull()
  }
  await bob.run(DeleteMessage, { input: { messageId } })
  expect((await list(alice)).edges[0].node.lastMessage).toMatchObject({ id: messageId, text: null })
})

test('somebody without chats has an empty page', async () => {
  const carol = await app.register('carol')
  expect(await list(carol)).toEqual({
    edges: [],
    pageInfo: { hasNextPage: false, hasPreviousPage: false, startCursor: null, endCursor: null },
  })
})

describe('pages', () => {
  let dora: TestUser
  let all: string[]
  beforeAll(async () => {
    dora = await app.register('dora')
    await Promise.all(Array.from({ length: 23 }, (_, i) => createGroupChat(dora, [], `Chat ${i}`)))
    // Ties, as many chats at the same moment have them.
    await app.app.database.query(
      {
        name: 'test_tie_chats',
        text: "UPDATE chats SET last_activity_at = date_trunc('minute', now()) WHERE title LIKE 'Chat 1%'",
      },
      [],
    )
    all = idsOf(await list(dora, { first: 100 }))
    expect(new Set(all).size).toBe(23)
  })

  test('are in the order of activity, ties included', async () => {
    const times = (await list(dora, { first: 100 })).edges.map(({ node }: Data) => node.lastActivityAt)
    expect(times).toEqual([...times].sort().reverse())
    expect(new Set(times).size).toBeLessThan(23)
  })

  test.each([1, 4, 11, 23, 100])('of %i hold every chat once, forward and backward', async (size) => {
    const forward: string[] = []
    for (let after: string | null = null, more = true; more; ) {
      const chats: Data = await list(dora, { first: size, after })
      forward.push(...idsOf(chats))
      more = chats.pageInfo.hasNextPage
      after = chats.pageInfo.endCursor
    }
    expect(forward).toEqual(all)
    const backward: string[] = []
    for (let before: string | null = null, more = true; more; ) {
      const chats: Data = await list(dora, { last: size, before })
      backward.unshift(...idsOf(chats))
      more = chats.pageInfo.hasPreviousPage
      before = chats.pageInfo.startCursor
    }
    expect(backward).toEqual(all)
  })

  test('are of 20 unless asked otherwise', async () => {
    expect(idsOf(await list(dora))).toEqual(all.slice(0, 20))
  })

  test('lie between two cursors', async () => {
    const { edges } = await list(dora, { first: 100 })
    const between = await list(dora, { first: 100, after: edges[2].cursor, before: edges[9].cursor })
    expect(idsOf(between)).toEqual(all.slice(3, 9))
    expect(idsOf(await list(dora, { after: edges[9].cursor, before: edges[2].cursor }))).toEqual([])
  })

  const cursorOf = (...parts: (string | number)[]) => Buffer.from(parts.join('|')).toString('base64url')
  const uuid = '01900000-0000-7000-8000-000000000000'
  test.each<[string, object]>([
    ['first: 0', { first: 0 }],
    ['first: 101', { first: 101 }],
    ['last: -1', { last: -1 }],
    ['first with last', { first: 1, last: 1 }],
    ['an empty cursor', { after: '' }],
    ['garbage', { before: 'garbage' }],
    ['a cursor of messages', { after: cursorOf('m', 1) }],
    ['a cursor of an event', { after: cursorOf('e', 'x', 1) }],
    ['a cursor without its id', { after: cursorOf('c', 1) }],
    ['a cursor with another id', { after: cursorOf('c', 1, "' OR 1=1") }],
    ['a cursor with one part more', { after: cursorOf('c', 1, uuid, 1) }],
    ['a time before all times', { after: cursorOf('c', -1, uuid) }],
    ['a time that no database has', { after: cursorOf('c', '9'.repeat(16), uuid) }],
    ['a time beyond the year 9999', { before: cursorOf('c', '9'.repeat(15), uuid) }],
  ])('refuse %s', async (_what, args) => {
    expect(await dora.codeOf(ViewerChats, args)).toBe('VALIDATION_FAILED')
  })
})
