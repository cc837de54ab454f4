import {
  execute,
  type GraphQLFormattedError as FormattedError,
  type GraphQLError,
  getIntrospectionQuery,
  parse,
} from 'graphql'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createContext } from '../../../src/graphql/context.ts'
import { toClientError } from '../../../src/graphql/operation/client-errors.ts'
import { createSchema } from '../../../src/graphql/schema.ts'
import { startTestApp, type TestApp, type TestUser } from '../../testkit/app.ts'
import { createDirectChat, createGroupChat, sendMessage } from '../../testkit/chats.ts'
import type { Data } from '../../testkit/client.ts'
import {
  ChatMembers,
  ChatMessages,
  Login,
  Register,
  SearchUsers,
  SendMessage,
  ViewerChats,
} from '../../testkit/operations.ts'

const schema = createSchema()
let app: TestApp
let alice: TestUser
/** What variables may name: ids of one world. */
let ids: Record<'bob' | 'direct' | 'group' | 'message' | 'deleted', string>

beforeAll(async () => {
  app = await startTestApp()
  alice = await app.register('alice')
  const bob = await app.register('bob')
  const direct = await createDirectChat(alice, bob.id)
  const group = await createGroupChat(alice, [bob.id])
  const message = (await sendMessage(bob, direct, 'one')).id
  const deleted = (await sendMessage(alice, direct, 'two')).id
  await alice.run('mutation ($id: ID!) { deleteMessage(input: { messageId: $id }) { __typename } }', {
    id: deleted,
  })
  await alice.run(SendMessage, { input: { chatId: group, clientMessageId: 'sent before', text: 'hello' } })
  ids = { bob: bob.id, direct, group, message, deleted }
})
afterAll(() => app.dispose())

type Variables = () => Record<string, unknown>
const none: Variables = () => ({})

const WithFlags = `query ($id: ID!, $more: Boolean!, $less: Boolean = true) { chat(id: $id) {
  id title @include(if: $more) kind @skip(if: $less) ... @include(if: $more) { memberCount lastMessage { text } }
  ...Rest @skip(if: $more) } } fragment Rest on Chat { unreadCount members { edges { node { role } } } }`

const Kinds = `query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id
  ... on User { username isViewer } ... on Chat { kind members(first: 1) { edges { node { ...Member } } } }
  ... on Message { text author { ... on User { id } } ... on Node { nodeId: id } } ...Member } }
  fragment Member on ChatMember { role user { ...Name } } fragment Name on User { name: username }`

const corpus: [string, string, Variables][] = [
  ['the list of chats', ViewerChats, none],
  ['a page of messages', ChatMessages, () => ({ id: ids.direct, last: 10 })],
  ['a page of members', ChatMembers, () => ({ id: ids.group, first: 1 })],
  ['a search', SearchUsers, () => ({ search: 'bob' })],
  [
    'types told apart',
    Kinds,
    () => ({ ids: [ids.bob, ids.direct, ids.message, ids.deleted, 'nothing', ids.bob] }),
  ],
  ['an empty list', Kinds, () => ({ ids: [] })],
  ['one item where a list belongs', Kinds, () => ({ ids: ids.bob })],
  ['flags on', WithFlags, () => ({ id: ids.group, more: true, less: false })],
  ['flags off', WithFlags, () => ({ id: ids.group, more: false })],
  ['a flag that is null', WithFlags, () => ({ id: ids.group, more: false, less: null })],
  [
    'a default value of a variable',
    'query ($first: Int = 1) { viewer { chats(first: $first) { edges { node { id } } } } }',
    none,
  ],
  [
    'a null variable in place of a default',
    'query ($first: Int = 1) { viewer { chats(first: $first) { edges { node { id } } } } }',
    () => ({ first: null }),
  ],
  [
    'the same field by several names',
    '{ viewer { a: email b: email user { id } user { username } email } }',
    none,
  ],
  [
    'fields merged over fragments',
    '{ viewer { user { id } ...A ...B } } fragment A on Viewer { user { username } } fragment B on Viewer { user { id kind } email }',
    none,
  ],
  [
    'several operations, the name of one',
    'query A { viewer { email } } query B { viewer { user { id } } }',
    () => ({}),
  ],
  [
    '__typename everywhere',
    '{ __typename viewer { __typename user { __typename } chats { __typename edges { __typename } } } }',
    none,
  ],
  ['introspection', getIntrospectionQuery(), none],
  [
    'a type by its name',
    '{ __type(name: "ErrorCode") { name enumValues { name } } missing: __type(name: "None") { name } }',
    none,
  ],
  [
    'a failing field that may be null',
    'query ($id: ID!) { a: chat(id: $id) { id messages(first: 0) { edges { cursor } } } b: chat(id: $id) { id } }',
    () => ({ id: ids.group }),
  ],
  [
    'several failing fields',
    '{ a: users(search: "") { edges { cursor } } b: users(search: "x", first: 0) { edges { cursor } } }',
    none,
  ],
  [
    'a failing field in a list',
    '{ viewer { chats(first: 1) { edges { node { id members(first: 101) { edges { cursor } } } } } } }',
    none,
  ],
  ['null', '{ user(username: "nobody_at_all") { id } chat(id: "nothing") { id } }', none],
  ['text for a number', ViewerChats, () => ({ first: 'x' })],
  ['a fraction for a whole number', ViewerChats, () => ({ first: 1.5 })],
  ['a number beyond 32 bits', ViewerChats, () => ({ first: 2 ** 31 })],
  ['a number for an id', ChatMessages, () => ({ id: 7 })],
  ['a flag for an id', ChatMessages, () => ({ id: true })],
  ['nothing for a required variable', ChatMessages, none],
  ['null for a required variable', ChatMessages, () => ({ id: null })],
  ['null in a list that holds none', Kinds, () => ({ ids: [null] })],
  ['an input without its fields', SendMessage, () => ({ input: {} })],
  [
    'an input with a field that there is not',
    SendMessage,
    () => ({ input: { chatId: ids.group, clientMessageId: 'x', text: 'x', colour: 'red' } }),
  ],
  [
    'an input with an unknown value',
    SendMessage,
    () => ({ input: { chatId: ids.group, clientMessageId: 'x', text: 'x', sender: 'NOBODY' } }),
  ],
  ['a text for an input', SendMessage, () => ({ input: 'hello' })],
  ['a refused message', SendMessage, () => ({ input: { chatId: ids.group, clientMessageId: '', text: '' } })],
  [
    'a message that was sent already',
    SendMessage,
    () => ({ input: { chatId: ids.group, clientMessageId: 'sent before', text: 'hello' } }),
  ],
  ['a refused login', Login, () => ({ input: { identifier: 'nobody_at_all', password: 'x' } })],
  ['a refused registration', Register, () => ({ input: { username: 'x', email: 'x', password: 'x' } })],
  [
    'mutations one after the other',
    `mutation ($a: SendMessageInput!, $b: SendMessageInput!) {
    first: sendMessage(input: $a) { ... on UserError { code } ... on SendMessagePayload { message { sequence } deduplicated } }
    second: sendMessage(input: $b) { __typename ... on ConflictError { reason } } }`,
    () => ({
      a: { chatId: ids.group, clientMessageId: 'sent before', text: 'hello' },
      b: { chatId: ids.group, clientMessageId: 'sent before', text: 'other' },
    }),
  ],
  [
    'an argument that is not given and one that is null',
    '{ viewer { a: chats { edges { cursor } } b: chats(first: null, after: null) { edges { cursor } } } }',
    none,
  ],
  [
    'an interface that failures share',
    'mutation { editMessage(input: { messageId: "x", text: "x" }) { ... on UserError { __typename code reason } } }',
    none,
  ],
]

interface Answer {
  /** To the letter: the order of the keys is the order of the fields. */
  readonly data: string | undefined
  readonly errors: readonly unknown[]
}

function toAnswer({ data, errors = [] }: { data?: unknown; errors?: readonly FormattedError[] }): Answer {
  return {
    data: JSON.stringify(data),
    errors: errors.map(({ message, locations, path }) => ({ message, locations, path })),
  }
}

async function answer(query: string, variables: object, operationName?: string): Promise<Answer> {
  const response = await fetch(`${app.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${alice.token}` },
    body: JSON.stringify({ query, variables, operationName }),
  })
  return toAnswer((await response.json()) as Data)
}

/** What graphql-js makes of it with the same resolvers. */
async function answerOfReference(
  query: string,
  variables: Record<string, unknown>,
  operationName?: string,
): Promise<Answer> {
  const { services } = app.app
  const principal = await services.auth.authenticator.authenticate(alice.token)
  if (typeof principal === 'string') throw new Error(principal)
  const caller = {
    principal,
    tokenProblem: null,
    requestId: 'reference',
    userAgent: null,
    clientAddress: '127.0.0.1',
    resumeAfter: null,
    closesWithSession: false,
  }
  const result = await execute({
    schema,
    document: parse(query),
    contextValue: createContext(services, caller),
    variableValues: variables,
    operationName,
    options: { maxCoercionErrors: 3 },
  })
  // What keeps an operation from starting has no field to belong to, and is not masked.
  const format = (error: GraphQLError) =>
    'data' in result ? toClientError(error, { requestId: 'reference', logger: services.logger }) : error
  // Like the server, which reports three.
  const errors = result.errors?.slice(0, 3).map((error) => format(error).toJSON()) ?? []
  return toAnswer({ data: result.data, errors })
}

describe('with the real resolvers, every run answers like graphql-js', () => {
  test.each(corpus)('%s', async (_what, query, variables) => {
    const name = query.startsWith('query A') ? 'B' : undefined
    const expected = await answerOfReference(query, variables(), name)
    for (let i = 0; i < 4; i++) expect(await answer(query, variables(), name)).toEqual(expected)
  })
})
