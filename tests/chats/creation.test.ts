import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toGlobalId, uuidv7 } from '../../src/core/ids.ts'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { createGroupChat, sendMessage } from '../testkit/chats.ts'
import type { Data } from '../testkit/client.ts'
import { ChatMembers, CreateDirectChat, CreateGroupChat } from '../testkit/operations.ts'

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

const nobody = () => toGlobalId('User', uuidv7())

async function direct(viewer: TestUser, userId: string): Promise<Data> {
  return (await viewer.run(CreateDirectChat, { input: { userId } })).createDirectChat
}

async function group(viewer: TestUser, input: object): Promise<Data> {
  return (await viewer.run(CreateGroupChat, { input: { title: 'A group', ...input } })).createGroupChat
}

async function membersOf(viewer: TestUser, id: string): Promise<Data[]> {
  const { chat } = await viewer.run(ChatMembers, { id })
  expect(chat.memberCount).toBe(chat.members.edges.length)
  return chat.members.edges.map(({ node }: Data) => [node.user.id, node.role])
}

describe('a direct chat', () => {
  test('is one for the two, whichever side asks and however many ask at once', async () => {
    const payloads = await Promise.all(
      Array.from({ length: 10 }, (_, i) => (i % 2 === 0 ? direct(alice, bob.id) : direct(bob, alice.id))),
    )
    expect(new Set(payloads.map(({ chat }) => chat.id)).size).toBe(1)
    expect(payloads.filter(({ created }) => created)).toHaveLength(1)
    const [{ chat }] = payloads as [Data]
    expect(chat).toMatchObject({ kind: 'DIRECT', title: null, memberCount: 2 })
    expect(await direct(bob, alice.id)).toMatchObject({ created: false, chat: { id: chat.id } })
    const members = await membersOf(alice, chat.id)
    expect(new Map(members as [string, string][])).toEqual(
      new Map([
        [alice.id, 'MEMBER'],
        [bob.id, 'MEMBER'],
      ]),
    )
    await sendMessage(bob, chat.id, 'hello')
  })

  test('with oneself is refused', async () => {
    expect(await direct(alice, alice.id)).toMatchObject({
      __typename: 'ValidationError',
      issues: [{ path: ['userId'] }],
    })
  })

  test.each<[string, () => string]>([
    ['nobody', nobody],
    ['a thing of another type', () => alice.id.replace(/^.{8}/, toGlobalId('Chat', '').slice(0, 8))],
    ['no id', () => 'garbage'],
    ['an empty id', () => ''],
  ])('with %s is not found', async (_what, userId) => {
    expect(await direct(alice, userId())).toMatchObject({ __typename: 'NotFoundError', code: 'NOT_FOUND' })
  })
})

describe('a group', () => {
  test.each<[string, () => object, () => string[]]>([
    ['nobody else', () => ({}), () => []],
    ['a null list', () => ({ memberIds: null }), () => []],
    ['an empty list', () => ({ memberIds: [] }), () => []],
    ['two others', () => ({ memberIds: [bob.id, carol.id] }), () => [bob.id, carol.id]],
    ['someone named twice', () => ({ memberIds: [bob.id, carol.id, bob.id] }), () => [bob.id, carol.id]],
    ['the owner named, too', () => ({ memberIds: [alice.id, bob.id] }), () => [bob.id]],
  ])('of %s', async (_what, input, others) => {
    const { chat } = await group(alice, input())
    expect(chat).toMatchObject({
      kind: 'GROUP',
      title: 'A group',
      memberCount: others().length + 1,
      viewerMembership: { role: 'OWNER' },
    })
    const members = await membersOf(alice, chat.id)
    expect(members[0]).toEqual([alice.id, 'OWNER'])
    expect(members.slice(1)).toEqual(others().map((id) => [id, 'MEMBER']))
  })

  test('names each unknown member by its place', async () => {
    const memberIds = [nobody(), bob.id, 'garbage', carol.id, toGlobalId('Chat', uuidv7())]
    const payload = await group(alice, { memberIds })
    expect(payload).toMatchObject({ __typename: 'ValidationError', code: 'VALIDATION_FAILED' })
    expect(payload.issues.map(({ path }: Data) => path)).toEqual([
      ['memberIds', '0'],
      ['memberIds', '2'],
      ['memberIds', '4'],
    ])
  })

  test('is made with 500 others at most', async () => {
    const memberIds = (count: number) => Array.from({ length: count }, () => bob.id)
    expect(await group(alice, { memberIds: memberIds(500) })).toMatchObject({ chat: { memberCount: 2 } })
    expect(await group(alice, { memberIds: memberIds(501) })).toMatchObject({
      code: 'VALIDATION_FAILED',
      issues: [{ path: ['memberIds'] }],
    })
  })

  test.each<[string, string, string | null]>([
    ['1 character', 'x', 'x'],
    ['255 characters', 'x'.repeat(255), 'x'.repeat(255)],
    ['255 characters outside the basic plane', '😀'.repeat(255), '😀'.repeat(255)],
    ['spaces around, which are dropped', ' \tthe title ', 'the title'],
    ['a family emoji and right-to-left text', '👩‍👩‍👧 שלום', '👩‍👩‍👧 שלום'],
    ['markup and quotes', `<b>"it's"</b>`, `<b>"it's"</b>`],
    ['nothing', '', null],
    ['256 characters', 'x'.repeat(256), null],
    ['spaces alone', '   ', null],
    ['invisible characters alone', '\u200b\u2060\u00ad', null],
    ['a line break', 'a\nb', null],
    ['a tab inside', 'a\tb', null],
    ['a control character', 'a\u0000b', null],
    ['a control character of the second set', 'a\u009fb', null],
    ['half a surrogate pair', 'a\ud800b', null],
  ])('with a title of %s', async (_what, title, expected) => {
    const payload = await group(alice, { title })
    if (expected === null)
      expect(payload).toMatchObject({ code: 'VALIDATION_FAILED', issues: [{ path: ['title'] }] })
    else expect(payload.chat.title).toBe(expected)
  })

  test('shows itself to its members only', async () => {
    const chatId = await createGroupChat(alice, [bob.id])
    const ask = (viewer: TestUser) => viewer.run('query ($id: ID!) { chat(id: $id) { id } }', { id: chatId })
    expect(await ask(bob)).toEqual({ chat: { id: chatId } })
    expect(await ask(carol)).toEqual({ chat: null })
  })
})

test('pages of members are in the order of joining, both ways', async () => {
  const { chat } = await group(alice, { memberIds: [bob.id, carol.id] })
  const page = async (args: object) => {
    const { members } = (await alice.run(ChatMembers, { id: chat.id, ...args })).chat
    return { ids: members.edges.map(({ node }: Data) => node.user.id), info: members.pageInfo }
  }
  const first = await page({ first: 2 })
  expect(first).toMatchObject({
    ids: [alice.id, bob.id],
    info: { hasNextPage: true, hasPreviousPage: false },
  })
  expect(await page({ first: 2, after: first.info.endCursor })).toMatchObject({ ids: [carol.id] })
  const last = await page({ last: 1 })
  expect(last).toMatchObject({ ids: [carol.id], info: { hasNextPage: false, hasPreviousPage: true } })
  expect(await page({ last: 5, before: last.info.startCursor })).toMatchObject({ ids: [alice.id, bob.id] })
})
