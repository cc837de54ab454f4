import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { uuidv7 } from '../../src/core/ids.ts'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { createDirectChat, createGroupChat, sendMessage } from '../testkit/chats.ts'
import type { Data, TestClient } from '../testkit/client.ts'
import { BlockUser, DeleteMessage, UserMessages, ViewerMessages } from '../testkit/operations.ts'

let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
})
afterAll(() => app.dispose())

const rowId = (globalId: string) => Buffer.from(globalId, 'base64url').toString().split(':')[1] ?? ''

interface World {
  readonly viewer: TestUser
  readonly bob: TestUser
  readonly chats: readonly string[]
}

/** Two people with three chats, and one of each alone. */
async function createWorld(): Promise<World> {
  const [viewer, bob] = [await app.register('viewer'), await app.register('bob')]
  const chats = [
    await createDirectChat(viewer, bob.id),
    await createGroupChat(viewer, [bob.id]),
    await createGroupChat(bob, [viewer.id]),
    await createGroupChat(viewer),
    await createGroupChat(bob),
  ]
  return { viewer, bob, chats }
}

/** Turn by turn, in all the chats that the two are in. */
async function talk({ viewer, bob, chats }: World, count: number): Promise<Data[]> {
  const sent: Data[] = []
  for (let i = 0; i < count; i++) {
    const chat = i % chats.length
    const author = chat === 3 ? viewer : chat === 4 ? bob : i % 2 ? bob : viewer
    const { id } = await sendMessage(author, chats[chat] ?? '', `message ${i}`)
    sent.push({ id, text: `message ${i}`, chat, author: author.id })
  }
  return sent
}

const everything = async (client: TestClient, args: object = {}): Promise<Data> =>
  (await client.run(ViewerMessages, args)).viewer.messages
const ofUser = async (client: TestClient, user: TestUser, args: object = {}): Promise<Data> =>
  (await client.run(UserMessages, { username: user.username, ...args })).user.messages
const textsOf = ({ edges }: Data): string[] => edges.map(({ node }: Data) => node.text)

/** Everything there is, page by page. */
async function scroll(
  list: (args: object) => Promise<Data>,
  size: number,
  backward: boolean,
): Promise<string[]> {
  const texts: string[] = []
  for (let args: object = backward ? { last: size } : { first: size }; ; ) {
    const page = await list(args)
    if (backward) texts.unshift(...textsOf(page))
    else texts.push(...textsOf(page))
    const { hasNextPage, hasPreviousPage, startCursor, endCursor } = page.pageInfo
    if (!(backward ? hasPreviousPage : hasNextPage)) return texts
    args = backward ? { last: size, before: startCursor } : { first: size, after: endCursor }
  }
}

/** More messages of others between than are looked at before the chats are. */
async function crowdOut(): Promise<void> {
  const { prisma } = app.app.services.store
  const id = uuidv7()
  await prisma.chat.create({ data: { id, kind: 'GROUP', title: 'Crowd', lastSequence: 1100 } })
  await prisma.message.createMany({
    data: Array.from({ length: 1100 }, (_, i) => ({
      id: uuidv7(),
      chatId: id,
      sequence: i + 1,
      text: 'crowd',
    })),
  })
}

describe('every message of the viewer', () => {
  test.each([1, 4, 100])('in the order of time, by pages of %i, whichever way', async (size) => {
    const world = await createWorld()
    const sent = await talk(world, 12)
    const expected = sent.filter(({ chat }) => chat !== 4).map(({ text }) => text)
    const list = (args: object) => everything(world.viewer, args)
    expect(await scroll(list, size, false)).toEqual(expected)
    expect(await scroll(list, size, true)).toEqual(expected)
    await crowdOut()
    expect(await scroll(list, size, false)).toEqual(expected)
    expect(await scroll(list, size, true)).toEqual(expected)
    await talk(world, 5)
    expect((await scroll(list, size, true)).slice(0, expected.length)).toEqual(expected)
  })

  test('the newest 50 unless asked otherwise, tombstones and what the server says among them', async () => {
    const world = await createWorld()
    const [chat = ''] = world.chats
    const sent: Data[] = []
    for (let i = 0; i < 52; i++) sent.push(await sendMessage(world.bob, chat, `message ${i}`))
    await world.bob.run(DeleteMessage, { input: { messageId: sent[51]?.id } })
    await app.app.services.store.prisma.message.create({
      data: { id: uuidv7(), chatId: rowId(chat), sequence: 53, sender: 'SYSTEM', systemKind: 'CHAT_RENAMED' },
    })
    const { edges, pageInfo } = await everything(world.viewer)
    expect(edges.map(({ node }: Data) => node.sequence)).toEqual(Array.from({ length: 50 }, (_, i) => i + 4))
    expect(pageInfo).toMatchObject({ hasPreviousPage: true, hasNextPage: false })
    expect(edges[48].node).toMatchObject({ id: sent[51]?.id, text: null })
  })

  test('nothing of a chat that is gone, that they were removed from, or of before their history', async () => {
    const world = await createWorld()
    const sent = await talk(world, 10)
    const { prisma } = app.app.services.store
    const [direct = '', group = '', other = ''] = world.chats.map(rowId)
    const userId = rowId(world.viewer.id)
    const texts = async () => textsOf(await everything(world.viewer))
    const left = (...chats: number[]) =>
      sent.filter(({ chat }) => chats.includes(chat)).map(({ text }) => text)
    await prisma.chat.updateMany({ where: { id: direct }, data: { deletedAt: new Date() } })
    expect(await texts()).toEqual(left(1, 2, 3))
    await prisma.chatMember.deleteMany({ where: { chatId: group, userId } })
    expect(await texts()).toEqual(left(2, 3))
    for (const hiddenThrough of [1, 2, 5]) {
      await prisma.chatMember.updateMany({ where: { chatId: other, userId }, data: { hiddenThrough } })
      const hidden = sent.filter(({ chat }) => chat === 2).slice(0, hiddenThrough)
      const expected = left(2, 3).filter((text) => !hidden.some((each) => each.text === text))
      expect(await texts()).toEqual(expected)
      expect(textsOf(await everything(world.viewer, { first: 100 }))).toEqual(expected)
      expect(
        textsOf(await ofUser(world.viewer, world.bob)).filter((text) => !expected.includes(text)),
      ).toEqual([])
    }
  })
})

describe('the messages of one user', () => {
  test.each([1, 4, 100])('in the chats of both, by pages of %i, whichever way', async (size) => {
    const world = await createWorld()
    const sent = await talk(world, 20)
    const expected = sent
      .filter(({ chat, author }) => chat < 3 && author === world.bob.id)
      .map(({ text }) => text)
    const list = (args: object) => ofUser(world.viewer, world.bob, args)
    expect(await scroll(list, size, false)).toEqual(expected)
    expect(await scroll(list, size, true)).toEqual(expected)
    const own = sent.filter(({ author }) => author === world.viewer.id).map(({ text }) => text)
    expect(await scroll((args) => ofUser(world.viewer, world.viewer, args), size, true)).toEqual(own)
  })

  test('without what was deleted, or said by the server of what they did', async () => {
    const world = await createWorld()
    const [chat = ''] = world.chats
    const [first] = [await sendMessage(world.bob, chat, 'one'), await sendMessage(world.bob, chat, 'two')]
    await world.bob.run(DeleteMessage, { input: { messageId: first.id } })
    await app.app.services.store.prisma.message.create({
      data: {
        id: uuidv7(),
        chatId: rowId(chat),
        authorId: rowId(world.bob.id),
        sequence: 3,
        sender: 'SYSTEM',
        systemKind: 'CHAT_RENAMED',
      },
    })
    expect(textsOf(await ofUser(world.viewer, world.bob))).toEqual(['two'])
  })

  test('of somebody with whom nothing is shared: none', async () => {
    const world = await createWorld()
    await talk(world, 10)
    const stranger = await app.register('stranger')
    expect(textsOf(await ofUser(stranger, world.bob))).toEqual([])
    expect(textsOf(await ofUser(world.viewer, stranger))).toEqual([])
  })

  test('of somebody who is blocked: as in the chats themselves', async () => {
    const world = await createWorld()
    const sent = await talk(world, 10)
    await world.viewer.run(BlockUser, { input: { userId: world.bob.id } })
    const expected = sent
      .filter(({ chat, author }) => chat < 3 && author === world.bob.id)
      .map(({ text }) => text)
    expect(textsOf(await ofUser(world.viewer, world.bob))).toEqual(expected)
  })
})

test('cursors of one list are refused by the others', async () => {
  const world = await createWorld()
  await talk(world, 5)
  const [mine, theirs] = [await everything(world.viewer), await ofUser(world.viewer, world.bob)]
  const before = { username: world.bob.username, before: mine.pageInfo.endCursor }
  expect(await world.viewer.codeOf(UserMessages, before)).toBe('VALIDATION_FAILED')
  expect(await world.viewer.codeOf(ViewerMessages, { after: theirs.pageInfo.endCursor })).toBe(
    'VALIDATION_FAILED',
  )
})

test('ids within a chat ascend with its numbers, however many send at once', async () => {
  const world = await createWorld()
  const [chat = ''] = world.chats
  const [before] = [Date.now()]
  await Promise.all(
    Array.from({ length: 40 }, (_, i) => sendMessage(i % 2 ? world.bob : world.viewer, chat, `message ${i}`)),
  )
  const rows = await app.app.services.store.prisma.message.findMany({
    where: { chatId: rowId(chat) },
    orderBy: { sequence: 'asc' },
  })
  const ids = rows.map(({ id }) => id)
  expect(ids).toEqual(ids.toSorted())
  for (const { id, createdAt } of rows) {
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    const ms = Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16)
    expect(Math.abs(ms - createdAt.getTime())).toBeLessThan(1000)
    expect(ms).toBeGreaterThanOrEqual(before - 1000)
  }
})
