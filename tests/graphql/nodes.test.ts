import { type GraphQLInterfaceType, isInterfaceType } from 'graphql'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toGlobalId, uuidv7 } from '../../src/core/ids.ts'
import { createSchema } from '../../src/graphql/schema.ts'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { createDirectChat, sendMessage } from '../testkit/chats.ts'
import type { Data } from '../testkit/client.ts'
import { ChatMembers, NodeById, NodesById, RequestDataExport } from '../testkit/operations.ts'

let app: TestApp
let alice: TestUser
let eve: TestUser
/** An id of each type in a chat of Alice and Bob. */
let ids: Record<string, string>

beforeAll(async () => {
  app = await startTestApp()
  alice = await app.register('alice')
  eve = await app.register('eve')
  const bob = await app.register('bob')
  const chatId = await createDirectChat(alice, bob.id)
  const { chat } = await alice.run(ChatMembers, { id: chatId })
  const { viewer } = await alice.run('{ viewer { id sessions { edges { node { id } } } } }')
  const { requestDataExport } = await alice.run(RequestDataExport)
  ids = {
    User: bob.id,
    Viewer: viewer.id,
    Session: viewer.sessions.edges[0].node.id,
    Chat: chatId,
    ChatMember: chat.members.edges.find(({ node }: Data) => node.user.id === bob.id).node.id,
    Message: (await sendMessage(bob, chatId, 'hello')).id,
    DataExport: requestDataExport.dataExport.id,
  }
})
afterAll(() => app.dispose())

/** Whether others may see a thing of each type. */
const visibleToOthers: Record<string, boolean> = {
  User: true,
  Viewer: false,
  Session: false,
  Chat: false,
  ChatMember: false,
  Message: false,
  DataExport: false,
}
const types = Object.keys(visibleToOthers)
const idOf = (type: string) => ids[type] ?? ''

test('every type that is a node is in the table', () => {
  const schema = createSchema()
  const node = schema.getType('Node')
  expect(isInterfaceType(node)).toBe(true)
  const possible = schema.getPossibleTypes(node as GraphQLInterfaceType).map(({ name }) => name)
  expect(possible.sort()).toEqual([...types].sort())
})

describe.each(types)('a %s', (type) => {
  test('is found by its id', async () => {
    expect(await alice.run(NodeById, { id: idOf(type) })).toEqual({
      node: { __typename: type, id: idOf(type) },
    })
  })

  test('shows itself to who may see it, and to nobody else', async () => {
    const { node } = await eve.run(NodeById, { id: idOf(type) })
    expect(node === null).toBe(!visibleToOthers[type])
    expect(await app.anonymous.codeOf(NodeById, { id: idOf(type) })).toBe('UNAUTHENTICATED')
  })

  test('that is missing looks like one that is forbidden', async () => {
    const answers = await Promise.all(
      [toGlobalId(type as 'User', uuidv7()), ...types.filter((each) => !visibleToOthers[each]).map(idOf)].map(
        async (id) => ({
          one: await eve.send(NodeById, { id }),
          many: await eve.send(NodesById, { ids: [id] }),
        }),
      ),
    )
    for (const { one, many } of answers) {
      expect([one.status, one.data, one.errors]).toEqual([200, { node: null }, []])
      expect([many.status, many.data, many.errors]).toEqual([200, { nodes: [null] }, []])
    }
  })
})

const text = (id: string) => Buffer.from(id, 'base64url').toString('latin1')
const spell = (decoded: string) => Buffer.from(decoded, 'latin1').toString('base64url')

test.each<[string, () => string]>([
  ['empty', () => ''],
  ['no base64', () => '!!!'],
  ['a bare uuid', () => text(idOf('Chat')).slice(5)],
  ['the id of a row under another type', () => spell(text(idOf('Chat')).replace('Chat', 'Message'))],
  ['a user under the type of a chat', () => spell(text(idOf('User')).replace('User', 'Chat'))],
  ['an unknown type', () => spell(text(idOf('Chat')).replace('Chat', 'Query'))],
  ['a property of every object as its type', () => spell(text(idOf('Chat')).replace('Chat', '__proto__'))],
  ['another case of the type', () => spell(text(idOf('Chat')).replace('Chat', 'chat'))],
  ['a uuid in capitals', () => spell(text(idOf('Chat')).toUpperCase().replace('CHAT', 'Chat'))],
  ['one part more', () => spell(`${text(idOf('Chat'))}:1`)],
  ['no row', () => spell('Chat:')],
  ['a number', () => spell('Chat:1')],
  ['a NUL behind', () => spell(`${text(idOf('Chat'))}\0`)],
  ['with padding', () => `${idOf('Chat')}==`],
  ['in the other alphabet, with padding', () => Buffer.from(text(idOf('User'))).toString('base64')],
  ['with a space', () => ` ${idOf('Chat')}`],
  ['with a line break inside', () => `${idOf('Chat').slice(0, 8)}\n${idOf('Chat').slice(8)}`],
  [
    'with bits that mean nothing',
    () => `${idOf('ChatMember').slice(0, -1)}${nextLetter(idOf('ChatMember'))}`,
  ],
  ['half a surrogate pair', () => '\ud800'],
  ['very long', () => 'Q'.repeat(50_000)],
])('an id that this server never gave out is nothing: %s', async (_what, make) => {
  const id = make()
  expect(Object.values(ids)).not.toContain(id)
  const { status, data, errors } = await alice.send(NodesById, { ids: [id] })
  expect([status, data, errors]).toEqual([200, { nodes: [null] }, []])
  expect(await alice.run('query ($id: ID!) { chat(id: $id) { id } }', { id })).toEqual({ chat: null })
})

/** The letter after the last one: it decodes to the same bytes where the last letter has spare bits. */
function nextLetter(id: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return alphabet[alphabet.indexOf(id.at(-1) ?? '') + 1] ?? 'A'
}

test('several nodes come in the order of their ids, repeated where those are', async () => {
  const order = ['Message', 'User', 'Chat', 'Message', 'ChatMember', 'User'].map(idOf)
  const { nodes } = await alice.run(NodesById, { ids: [...order, 'nothing', ...order] })
  expect(nodes.map((node: Data) => node?.id ?? null)).toEqual([...order, null, ...order])
  const seen = await eve.run(NodesById, { ids: order })
  expect(seen.nodes.map((node: Data) => node?.id ?? null)).toEqual([
    null,
    idOf('User'),
    null,
    null,
    null,
    idOf('User'),
  ])
})

test('at most a hundred nodes are given at a time', async () => {
  const many = (count: number) => ({ ids: Array.from({ length: count }, () => idOf('User')) })
  expect((await alice.run(NodesById, many(100))).nodes).toHaveLength(100)
  expect(await alice.codeOf(NodesById, many(101))).toBe('VALIDATION_FAILED')
  expect(await alice.run(NodesById, { ids: [] })).toEqual({ nodes: [] })
})
