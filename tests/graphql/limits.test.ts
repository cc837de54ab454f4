import { parse, ValidationContext, validate } from 'graphql'
import type { Client } from 'graphql-ws'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { validateWithinLimits } from '../../src/graphql/operation/documents.ts'
import { DocumentLimitsRule } from '../../src/graphql/operation/limits.ts'
import { createSchema } from '../../src/graphql/schema.ts'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import type { Data } from '../testkit/client.ts'

let app: TestApp
let alice: TestUser
let socket: Client
let connections = 0
beforeAll(async () => {
  app = await startTestApp()
  alice = await app.register('alice')
  socket = alice.socket({ lazy: false })
  socket.on('connected', () => connections++)
})
afterAll(async () => {
  await socket.dispose()
  await app.dispose()
})

interface Result {
  readonly data?: Data
  readonly errors?: readonly { readonly message: string; readonly extensions?: Data }[]
}

/** The answer over the one WebSocket of this file; `error` and `next` alike. */
function overWebSocket(query: string, variables: object): Promise<Result> {
  return new Promise((resolve, reject) => {
    let result: Result = {}
    socket.subscribe<Data>(
      { query, variables: variables as Record<string, unknown> },
      {
        next: (next) => {
          result = next as Result
        },
        error: (errors) => (Array.isArray(errors) ? resolve({ errors }) : reject(errors)),
        complete: () => resolve(result),
      },
    )
  })
}

/** The answer, which must be the same over HTTP and over WebSocket. */
async function ask(query: string, variables: object = {}): Promise<Result> {
  const { data, errors } = await alice.send(query, variables)
  const result: Result = errors.length > 0 ? { data: data ?? undefined, errors } : { data }
  const other = await overWebSocket(query, variables)
  expect(other.errors).toEqual(result.errors)
  expect(other.data ?? undefined).toEqual(result.data ?? undefined)
  return result
}

const repeat = (count: number, text: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => text(i)).join(' ')

/** A document of exactly this many lexical tokens. */
function tokens(count: number): string {
  const root = (i: number, ids: number) => `n${i}: nodes(ids: [${repeat(ids, () => '""')}]) { id }`
  return `{ ${repeat(9, (i) => root(i, 87))} ${root(9, count - 2 - 9 * 99 - 12)} }`
}

function depth(count: number): string {
  const fields = Array.from({ length: count - 1 }, (_, i) => (i % 2 === 0 ? 'chat' : 'lastMessage'))
  return `{ ${fields.join(' { ').replace('chat', 'chat(id: "")')} { id ${'}'.repeat(count)}`
}

describe('a document within a limit is answered, one beyond it is refused', () => {
  test.each<[string, string, string, string]>([
    ['1,000 tokens', tokens(1000), tokens(1001), 'GRAPHQL_PARSE_FAILED'],
    ['a depth of 12', depth(12), depth(13), 'GRAPHQL_VALIDATION_FAILED'],
    [
      'a depth of 12 with fragments',
      `{ ...A } fragment A on Query { ...B } fragment B on Query ${depth(12)}`,
      `{ ...A } fragment A on Query { ... on Query { ...B } } fragment B on Query ${depth(13)}`,
      'GRAPHQL_VALIDATION_FAILED',
    ],
    [
      '500 fields',
      `{ viewer { ${repeat(499, () => 'email')} } }`,
      `{ viewer { ${repeat(500, () => 'email')} } }`,
      'GRAPHQL_VALIDATION_FAILED',
    ],
    [
      '500 fields, counted as often as their fragment is used',
      `{ viewer { ...A ...A ...A email } } fragment A on Viewer { ${repeat(166, () => 'email')} }`,
      `{ viewer { ...A ...A ...A email email } } fragment A on Viewer { ${repeat(166, () => 'email')} }`,
      'GRAPHQL_VALIDATION_FAILED',
    ],
    [
      '10 fields of the operation itself',
      `{ ${repeat(10, () => 'viewer { email }')} }`,
      `{ ${repeat(11, () => 'viewer { email }')} }`,
      'GRAPHQL_VALIDATION_FAILED',
    ],
    [
      '15 aliases',
      `{ viewer { ${repeat(15, (i) => `a${i}: email`)} } }`,
      `{ viewer { ${repeat(16, (i) => `a${i}: email`)} } }`,
      'GRAPHQL_VALIDATION_FAILED',
    ],
  ])('%s', async (_what, within, beyond, code) => {
    expect((await ask(within)).errors).toBeUndefined()
    const { data, errors } = await ask(beyond)
    expect([data, errors?.length, errors?.[0]?.extensions['code']]).toEqual([undefined, 1, code])
    expect(errors?.[0]?.message).toMatch(/limit of \d+|at most \d+|more that? 1000 tokens/)
  })

  test('32,000 characters, comments included', async () => {
    const commented = (length: number) => `{ __typename } #`.padEnd(length, 'x')
    expect((await ask(commented(32_000))).errors).toBeUndefined()
    const { errors } = await ask(commented(32_001))
    expect(errors).toMatchObject([{ extensions: { code: 'GRAPHQL_PARSE_FAILED' } }])
  })

  test('5 directives at one place', async () => {
    // More than two are wrong anyway: the limit is what spares the search for them.
    const withDirectives = (count: number) =>
      `{ viewer { email ${repeat(count, () => '@include(if: true)')} } }`
    const messages = async (count: number) =>
      (await ask(withDirectives(count))).errors?.map(({ message }) => message)
    expect(await messages(1)).toBeUndefined()
    expect((await messages(5))?.join()).not.toContain('directives in one place')
    expect((await messages(6))?.[0]).toContain('the limit of 5 directives in one place')
  })

  test('a cost of 10,000, told with the refusal', async () => {
    const operation = (fields: string) => `query ($m: Int!) {
      viewer { ${fields} chats(first: 100) { edges { node { messages(last: $m) { edges { node { id } } } } } } }
      users(search: "alice", first: 97) { edges { cursor } } }`
    expect((await ask(operation('email'), { m: 48 })).errors).toBeUndefined()
    for (const [fields, m, cost] of [
      ['email isEmailVerified', 48, 10_001],
      ['email', 49, 10_200],
      ['email', 100, 20_400],
    ] as const) {
      const { data, errors } = await ask(operation(fields), { m })
      expect(data).toBeUndefined()
      expect(errors).toMatchObject([{ extensions: { code: 'QUERY_TOO_EXPENSIVE', cost, limit: 10_000 } }])
    }
  })

  test('a subscription is held to them, too', async () => {
    const operation = (count: number) => `subscription { messageAdded { ${repeat(count, () => 'cursor')} } }`
    const live = alice.subscribe(operation(500))
    await live.ended
    expect(live.failure).toMatchObject([{ extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }])
    await live.stop()
  })
})

describe('a document that is made to keep the server busy is refused', () => {
  test.each<[string, string, string]>([
    ['10,000 fields deep', '{a'.repeat(10_000), 'GRAPHQL_PARSE_FAILED'],
    ['10,000 braces deep', `${'{'.repeat(10_000)}${'}'.repeat(10_000)}`, 'GRAPHQL_PARSE_FAILED'],
    ['10,000 lists deep', `{ user(username: ${'['.repeat(10_000)}`, 'GRAPHQL_PARSE_FAILED'],
    ['450 fields deep', `${'{viewer'.repeat(330)}${'}'.repeat(330)}`, 'GRAPHQL_VALIDATION_FAILED'],
    [
      '450 lists deep',
      `{ user(username: ${'['.repeat(450)}${']'.repeat(450)}) { id } }`,
      'GRAPHQL_VALIDATION_FAILED',
    ],
    [
      '300 objects deep',
      `{ user(username: ${'{a:'.repeat(240)}1${'}'.repeat(240)}) { id } }`,
      'GRAPHQL_VALIDATION_FAILED',
    ],
    ['300 inline fragments deep', `${'{...'.repeat(400)}{a`, 'GRAPHQL_PARSE_FAILED'],
    [
      'a variable of a type 400 lists deep',
      `query ($a: ${'['.repeat(400)}ID${']'.repeat(400)}) { viewer { email } }`,
      'GRAPHQL_VALIDATION_FAILED',
    ],
    ['a fragment within itself', '{ ...A } fragment A on Query { ...A }', 'GRAPHQL_VALIDATION_FAILED'],
    [
      'fragments within each other',
      '{ ...A } fragment A on Query { ...B } fragment B on Query { ...C } fragment C on Query { ...A }',
      'GRAPHQL_VALIDATION_FAILED',
    ],
    ['nothing', '', 'GRAPHQL_PARSE_FAILED'],
    ['a NUL', '{ viewer { email } }\0', 'GRAPHQL_PARSE_FAILED'],
    ['a comment alone', '# viewer', 'GRAPHQL_PARSE_FAILED'],
  ])('%s', async (_what, document, code) => {
    const { data, errors } = document === '' ? await alice.send(document) : await ask(document)
    expect([data ?? undefined, errors?.[0]?.extensions?.['code']]).toEqual([undefined, code])
  })

  /** Each fragment twice in the one before: 2^16 spreads to walk for whoever follows them all. */
  test.each(['...Unknown', '...F0', '... on Query { ...Unknown }'])(
    'fragments that double, down to %s',
    (bottom) => {
      const fragments = repeat(16, (i) => `fragment F${i} on Query { ...F${i + 1} ...F${i + 1} }`)
      const document = parse(`{ ...F0 } ${fragments} fragment F16 on Query { ${bottom} }`)
      const spreads = vi.spyOn(ValidationContext.prototype, 'getFragment')
      validate(createSchema(), document, [DocumentLimitsRule])
      expect(spreads.mock.calls.length).toBeLessThan(2000)
      spreads.mockRestore()
    },
  )

  test.each(['query', 'mutation', 'subscription'])(
    'fragments that double, down to a field, in a %s',
    async (root) => {
      const type = root[0]?.toUpperCase() + root.slice(1)
      const fragments = repeat(80, (i) => `fragment F${i} on ${type} { ...F${i + 1} ...F${i + 1} }`)
      const document = `${root} { ...F0 } ${fragments} fragment F80 on ${type} { __typename }`
      for (const client of [alice, app.anonymous]) {
        const { errors } = await client.send(document)
        expect(errors[0]?.extensions['code']).toBe('GRAPHQL_VALIDATION_FAILED')
      }
    },
  )

  test('fragments that double are walked once by the rule on subscriptions', () => {
    const fragments = repeat(2, (i) => `fragment F${i} on Subscription { ...F${i + 1} ...F${i + 1} }`)
    // Within the limits, which are checked first.
    const document = parse(
      `subscription { ...F0 } ${fragments} fragment F2 on Subscription { events @skip(if: true) { __typename } }`,
    )
    const errors = validateWithinLimits(createSchema(), document)
    expect(errors.map(({ message }) => message)).toEqual([
      '@skip is not allowed on the root field of a subscription. Remove it.',
    ])
  })

  test('at most three problems of a document are told', async () => {
    const { errors } = await ask('{ a b c d e f g h }')
    expect(errors).toHaveLength(3)
    expect(errors?.map(({ extensions }) => extensions?.['code'])).toEqual(
      Array.from({ length: 3 }, () => 'GRAPHQL_VALIDATION_FAILED'),
    )
  })
})

describe('variables that are made to keep the server busy are refused', () => {
  const deep = (count: number) => JSON.parse(`${'['.repeat(count)}${']'.repeat(count)}`)
  const Nodes = 'query ($ids: [ID!]!) { nodes(ids: $ids) { id } }'
  const User = 'query ($username: String!) { user(username: $username) { id } }'
  test.each<[string, string, object, string | null]>([
    ['a long text', User, { username: 'x'.repeat(60_000) }, null],
    ['lists 1,000 deep', Nodes, { ids: deep(1000) }, 'GRAPHQL_VALIDATION_FAILED'],
    ['a list where a text belongs', User, { username: deep(1000) }, 'GRAPHQL_VALIDATION_FAILED'],
    ['10,000 ids', Nodes, { ids: Array.from({ length: 10_000 }, () => 'x') }, 'QUERY_TOO_EXPENSIVE'],
    [
      '5,000 variables that nobody asked for',
      User,
      Object.fromEntries([['username', 'x'], ...Array.from({ length: 5000 }, (_, i) => [`v${i}`, i])]),
      null,
    ],
  ])('%s', async (_what, operation, variables, code) => {
    const { errors } = await ask(operation, variables)
    expect(errors?.[0]?.extensions?.['code'] ?? null).toBe(code)
  })
})

describe('variables that do not fit their types are told as validation is', () => {
  const Chats = 'query ($first: Int!) { viewer { chats(first: $first) { edges { node { id } } } } }'
  test.each<[string, object]>([
    ['text for a number', { first: 'x' }],
    ['a fraction for a whole number', { first: 1.5 }],
    ['a number beyond 32 bits', { first: 2 ** 31 }],
    ['null where it may not be', { first: null }],
    ['nothing where something must be', {}],
  ])('%s', async (_what, variables) => {
    const { data, errors } = await ask(Chats, variables)
    expect([data, errors?.map(({ extensions }) => extensions?.['code'])]).toEqual([
      undefined,
      ['GRAPHQL_VALIDATION_FAILED'],
    ])
    expect(errors?.[0]?.message).toContain('Variable "$first"')
  })
})

test('an operation that is not in the document is refused', async () => {
  const { data, errors } = await ask('query A { viewer { email } } query B { viewer { email } }')
  expect([data, errors?.[0]?.extensions?.['code']]).toEqual([undefined, 'OPERATION_RESOLUTION_FAILURE'])
})

test('the socket has lived through all of it', async () => {
  expect(await ask('{ viewer { user { id } } }')).toEqual({ data: { viewer: { user: { id: alice.id } } } })
  expect(connections).toBe(1)
  expect(app.logs).toEqual([])
})
