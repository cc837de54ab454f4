import {
  type GraphQLField,
  type GraphQLInterfaceType,
  type GraphQLNamedType,
  type GraphQLObjectType,
  getNamedType,
  isInterfaceType,
  isObjectType,
  isRequiredArgument,
} from 'graphql'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { uuidv7 } from '../../src/core/ids.ts'
import { createSchema } from '../../src/graphql/schema.ts'
import { startTestApp, type TestApp, type TestUser, testPassword } from '../testkit/app.ts'
import { createDirectChat, createGroupChat, sendMessage } from '../testkit/chats.ts'
import type { Data } from '../testkit/client.ts'
import { AddReaction, BlockUser, EditMessage, Login, NodeById, NodesById } from '../testkit/operations.ts'

/**
 * The Relay server specification and the Cursor Connections Specification, for whatever the schema has: connections and
 * nodes are found by walking it, and a new one is tested, or fails here, without anybody having to list it.
 */
const schema = createSchema()
const types = Object.values(schema.getTypeMap()).filter((type) => !type.name.startsWith('__'))
const connections = types.filter((type) => type.name.endsWith('Connection'))
const nodeInterface = schema.getType('Node') as GraphQLInterfaceType
const nodeTypes = schema.getPossibleTypes(nodeInterface)

/** A field that gives a connection: `Viewer.chats`. */
interface ConnectionField {
  readonly name: string
  readonly parent: GraphQLObjectType | GraphQLInterfaceType
  readonly field: GraphQLField<unknown, unknown>
}
const connectionFields: ConnectionField[] = types.flatMap((parent) =>
  isObjectType(parent) || isInterfaceType(parent)
    ? Object.values(parent.getFields())
        .filter((field) => getNamedType(field.type).name.endsWith('Connection'))
        .map((field) => ({ name: `${parent.name}.${field.name}`, parent, field }))
    : [],
)

/** What the specification would have otherwise, and why it is so. */
const exceptions = {
  /** A log has no beginning that one could ask for: API and reader begin at a cursor. */
  requiredArgument: ['Viewer.events(after:)'],
  /** The next poll goes on from an empty page, too; whatever lies before the cursor is the previous page. */
  log: ['Viewer.events'],
}

const fieldsOf = (type: GraphQLNamedType | undefined) =>
  Object.fromEntries(
    isObjectType(type)
      ? Object.values(type.getFields()).map((field) => [field.name, String(field.type)])
      : [],
  )

describe('the schema', () => {
  test('has nodes as the specification has them', () => {
    expect(isInterfaceType(nodeInterface)).toBe(true)
    expect(Object.values(nodeInterface.getFields()).map(({ name, type }) => `${name}: ${type}`)).toEqual([
      'id: ID!',
    ])
    const { node, nodes } = schema.getQueryType()?.getFields() ?? {}
    expect(node?.args.map(({ name, type }) => `${name}: ${type}`)).toEqual(['id: ID!'])
    expect(String(node?.type)).toBe('Node')
    expect(nodes?.args.map(({ name, type }) => `${name}: ${type}`)).toEqual(['ids: [ID!]!'])
    expect(String(nodes?.type)).toBe('[Node]!')
    expect(nodeTypes.length).toBeGreaterThan(5)
  })

  test('has every type with a global id as a node', () => {
    const withId = types.filter((type) => isObjectType(type) && 'id' in type.getFields())
    expect(withId.map(({ name }) => name).sort()).toEqual(nodeTypes.map(({ name }) => name).sort())
  })

  test('has PageInfo as the specification has it', () => {
    expect(fieldsOf(schema.getType('PageInfo'))).toEqual({
      endCursor: 'String',
      hasNextPage: 'Boolean!',
      hasPreviousPage: 'Boolean!',
      startCursor: 'String',
    })
  })

  test('has connections and edges, and nothing else that is called so', () => {
    expect(connections.length).toBeGreaterThan(5)
    expect(connections.every(isObjectType)).toBe(true)
    const edges = types.filter(({ name }) => name.endsWith('Edge')).map(({ name }) => name)
    expect(edges).toEqual(connections.map(({ name }) => name.replace(/Connection$/, 'Edge')))
    const given = new Set(connectionFields.map(({ field }) => getNamedType(field.type).name))
    expect([...given].sort()).toEqual(connections.map(({ name }) => name))
  })

  test.each(connections.map((type) => [type.name, type] as const))('%s', (name, connection) => {
    const item = name.replace(/Connection$/, '')
    expect(fieldsOf(connection)).toMatchObject({ edges: `[${item}Edge!]!`, pageInfo: 'PageInfo!' })
    expect(fieldsOf(schema.getType(`${item}Edge`))).toMatchObject({ cursor: 'String!', node: `${item}!` })
  })

  test.each(connectionFields.map((each) => [each.name, each] as const))('%s', (name, { field }) => {
    expect(String(field.type)).toMatch(/^\w+Connection!$/)
    const types = new Map(field.args.map((arg) => [arg.name, String(arg.type).replace('!', '')]))
    expect([types.get('first'), types.get('after')]).toEqual(['Int', 'String'])
    expect([
      [undefined, undefined],
      ['Int', 'String'],
    ]).toContainEqual([types.get('last'), types.get('before')])
    const required = field.args.filter(
      (arg) => ['first', 'after', 'last', 'before'].includes(arg.name) && isRequiredArgument(arg),
    )
    expect(required.map((arg) => `${name}(${arg.name}:)`)).toEqual(
      exceptions.requiredArgument.filter((each) => each.startsWith(`${name}(`)),
    )
  })
})

let app: TestApp
let alice: TestUser
/** An id of each type that a connection is reached from, seen in answers. */
const ids: Record<string, string> = {}
/** Arguments that a field needs, by their names. */
const values: Record<string, string> = {}

/** At least so many items in each list: enough for a first, a last, and some between. */
const enough = 4

beforeAll(async () => {
  app = await startTestApp()
  alice = await app.register('alice')
  const friends: TestUser[] = []
  for (let i = 0; i < enough; i++) friends.push(await app.register('friend'))
  const strangers = await Promise.all(Array.from({ length: enough }, () => app.register('stranger')))
  const { viewer } = await alice.run('{ viewer { id user { id } eventCursor } }')
  Object.assign(values, { search: 'friend', query: 'word', 'Viewer.events(after:)': viewer.eventCursor })

  const chatId = await createGroupChat(
    alice,
    friends.map(({ id }) => id),
  )
  for (const friend of friends) await createDirectChat(alice, friend.id)
  const { id: messageId } = await sendMessage(alice, chatId, 'the first word')
  for (let i = 0; i < enough; i++) {
    await sendMessage(alice, chatId, `word ${i}`)
    await alice.run(EditMessage, { input: { messageId, text: `another word ${i}` } })
    await friends[i]?.run(AddReaction, { input: { messageId, emoji: '👍' } })
    await alice.run(BlockUser, { input: { userId: strangers[i]?.id } })
    await app.anonymous.run(Login, { input: { identifier: alice.username, password: testPassword } })
  }
  // Exports that failed: one that is READY takes the place of the one before.
  const client = new pg.Client(app.database.url)
  await client.connect()
  for (let i = 0; i < enough; i++) {
    await client.query(
      `INSERT INTO data_exports (id, user_id, status, expires_at)
       SELECT $1, id, 'FAILED', now() + interval '1 day' FROM users WHERE username = $2`,
      [uuidv7(), alice.username],
    )
  }
  await client.end()
  Object.assign(ids, { Viewer: viewer.id, User: viewer.user.id, Chat: chatId, Message: messageId })
})
afterAll(() => app.dispose())

type Args = Record<string, string | number | null>

/** A way of reading a connection: what stands around its field, and where that is in the answer. */
interface Way {
  readonly around: (selection: string) => string
  readonly path: readonly (string | number)[]
}

/** From the query, through a node, or through the fields of what was reached so far: the shortest way. */
function wayTo(target: string): Way {
  if (target === 'Query') return { around: (selection) => `{ ${selection} }`, path: [] }
  const byNode = (type: string): Way => ({
    around: (selection) => `{ node(id: "${ids[type]}") { ... on ${type} { ${selection} } } }`,
    path: ['node'],
  })
  if (target in ids) return byNode(target)
  const reached = new Map(Object.keys(ids).map((type) => [type, byNode(type)]))
  for (const [name, way] of reached) {
    const type = schema.getType(name)
    for (const field of isObjectType(type) ? Object.values(type.getFields()) : []) {
      const next = getNamedType(field.type)
      if (!isObjectType(next) || reached.has(next.name) || field.args.some(isRequiredArgument)) continue
      const step = String(field.type).startsWith('[') ? [field.name, 0] : [field.name]
      const found: Way = {
        around: (selection) => way.around(`${field.name} { ${selection} }`),
        path: [...way.path, ...step],
      }
      if (next.name === target) return found
      reached.set(next.name, found)
    }
  }
  throw new Error(`No query leads to ${target}: give an id of a type that does.`)
}

/** The document for one page; arguments that the field needs besides come from the table. */
function documentFor({ name, parent, field }: ConnectionField, args: Args): { query: string; way: Way } {
  const given: Args = {}
  for (const arg of field.args.filter(isRequiredArgument)) {
    const value = values[`${name}(${arg.name}:)`] ?? values[arg.name]
    if (value === undefined) throw new Error(`No value for ${name}(${arg.name}:): add one to the table.`)
    given[arg.name] = value
  }
  for (const [key, value] of Object.entries(args)) if (value !== null) given[key] = value
  const written = Object.entries(given).map(([key, value]) => `${key}: ${JSON.stringify(value)}`)
  const edge = (getNamedType(field.type) as GraphQLObjectType).getFields()['edges']
  const node = getNamedType((getNamedType(edge?.type) as GraphQLObjectType).getFields()['node']?.type)
  const id = isObjectType(node) && node.getInterfaces().includes(nodeInterface) ? 'id' : ''
  const way = wayTo(parent.name)
  const query = way.around(
    `page: ${field.name}${written.length > 0 ? `(${written.join(', ')})` : ''} {
      edges { cursor node { __typename ${id} } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }`,
  )
  return { query, way }
}

async function readPage(field: ConnectionField, args: Args): Promise<Data> {
  const { query, way } = documentFor(field, args)
  const answer = await alice.run(query)
  const { page } = way.path.reduce((data, key) => data?.[key], answer) ?? {}
  if (page === undefined) throw new Error(`${field.name} was not reached: ${JSON.stringify(answer)}`)
  return page
}

const cursorsOf = (page: Data): string[] => page.edges.map((edge: Data) => edge.cursor)

describe.each(connectionFields.map((each) => [each.name, each] as const))('%s', (name, field) => {
  const backwardToo = field.field.args.some((arg) => arg.name === 'last')
  const isLog = exceptions.log.includes(name)
  const sizes = backwardToo ? ['first', 'last'] : ['first']
  let whole: Data
  let cursors: string[]
  beforeAll(async () => {
    whole = await readPage(field, { first: 100 })
    cursors = cursorsOf(whole)
    for (const { node } of whole.edges) if (node.id !== undefined) ids[node.__typename] ??= node.id
  })

  test('has something to read, each item with a cursor of its own', () => {
    expect(cursors.length).toBeGreaterThanOrEqual(enough)
    expect(new Set(cursors).size).toBe(cursors.length)
    expect(whole.pageInfo).toEqual({
      hasNextPage: false,
      hasPreviousPage: isLog,
      startCursor: cursors[0],
      endCursor: cursors.at(-1),
    })
  })

  test('is the same list one by one from the front', async () => {
    for (const [index, cursor] of cursors.entries()) {
      const page = await readPage(field, { first: 1, after: cursors[index - 1] ?? null })
      expect(page.edges).toEqual([whole.edges[index]])
      expect(page.pageInfo).toEqual({
        hasNextPage: index < cursors.length - 1,
        hasPreviousPage: index > 0 || isLog,
        startCursor: cursor,
        endCursor: cursor,
      })
    }
  })

  test('has nothing behind its end', async () => {
    const last = cursors.at(-1) ?? ''
    const { edges, pageInfo } = await readPage(field, { first: 1, after: last })
    expect([edges, pageInfo.hasNextPage]).toEqual([[], false])
    if (!isLog) expect([pageInfo.startCursor, pageInfo.endCursor]).toEqual([null, null])
    else expect(await readPage(field, { first: 1, after: pageInfo.endCursor })).toEqual({ edges, pageInfo })
  })

  test('is the same in pages of several', async () => {
    const page = await readPage(field, { first: 2, after: cursors[0] ?? null })
    expect(page.edges).toEqual(whole.edges.slice(1, 3))
    expect(page.pageInfo).toEqual({
      hasNextPage: true,
      hasPreviousPage: true,
      startCursor: cursors[1],
      endCursor: cursors[2],
    })
  })

  if (backwardToo) {
    test('is the same list one by one from the back', async () => {
      for (const [index, cursor] of [...cursors.entries()].reverse()) {
        const page = await readPage(field, { last: 1, before: cursors[index + 1] ?? null })
        expect(page.edges).toEqual([whole.edges[index]])
        expect(page.pageInfo).toEqual({
          hasNextPage: index < cursors.length - 1,
          hasPreviousPage: index > 0,
          startCursor: cursor,
          endCursor: cursor,
        })
      }
      expect((await readPage(field, { last: 1, before: cursors[0] ?? null })).edges).toEqual([])
      // In the list's own order, whichever way one pages.
      expect((await readPage(field, { last: 100 })).edges).toEqual(whole.edges)
      const between = { after: cursors[0] ?? null, before: cursors.at(-1) ?? null }
      for (const size of ['first', 'last']) {
        expect((await readPage(field, { [size]: 100, ...between })).edges).toEqual(whole.edges.slice(1, -1))
      }
    })
  }

  test.each(sizes.flatMap((size) => [0, -1, 101, 2_147_483_647].map((value) => [size, value] as const)))(
    'refuses %s: %i',
    async (size, value) => {
      expect(await alice.codeOf(documentFor(field, { [size]: value }).query)).toBe('VALIDATION_FAILED')
    },
  )

  if (backwardToo) {
    test('refuses first with last', async () => {
      expect(await alice.codeOf(documentFor(field, { first: 1, last: 1 }).query)).toBe('VALIDATION_FAILED')
    })
  }

  test('refuses a cursor that is none of its own', async () => {
    const foreign = Buffer.from('zz|1').toString('base64url')
    for (const argument of backwardToo ? ['after', 'before'] : ['after']) {
      for (const cursor of ['', 'nonsense', foreign, String(cursors[0]).slice(1)]) {
        const code = await alice.codeOf(documentFor(field, { first: 1, [argument]: cursor }).query)
        expect([argument, cursor, code]).toEqual([
          argument,
          cursor,
          isLog ? 'CURSOR_EXPIRED' : 'VALIDATION_FAILED',
        ])
      }
    }
  })
})

describe('nodes', () => {
  test.each(nodeTypes.map(({ name }) => name))('a %s is found by the id it was seen with', async (type) => {
    const id = ids[type]
    if (id === undefined) throw new Error(`No answer has shown the id of a ${type}.`)
    const node = { __typename: type, id }
    expect(await alice.run(NodeById, { id })).toEqual({ node })
    expect(await alice.run(NodesById, { ids: [id, 'nonsense', id] })).toEqual({ nodes: [node, null, node] })
    const [first = '', ...rest] = id
    expect(await alice.run(NodeById, { id: [...rest, first].join('') })).toEqual({ node: null })
  })
})
