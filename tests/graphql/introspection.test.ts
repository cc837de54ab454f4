import { buildClientSchema, getIntrospectionQuery, type IntrospectionOptions, printSchema } from 'graphql'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createSchema, printSdl } from '../../src/graphql/schema.ts'
import { startTestApp, type TestApp } from '../testkit/app.ts'
import type { Data, TestClient } from '../testkit/client.ts'

let open: TestApp
let closed: TestApp
beforeAll(async () => {
  open = await startTestApp()
  closed = await startTestApp({
    database: open.database,
    config: { production: true, introspection: false, graphiql: false },
  })
})
afterAll(async () => {
  await closed.dispose()
  await open.dispose()
})

const everyOption: IntrospectionOptions = {
  descriptions: true,
  specifiedByUrl: true,
  directiveIsRepeatable: true,
  schemaDescription: true,
  inputValueDeprecation: true,
  oneOf: true,
}
const queries: [string, string][] = [
  ['as graphql asks', getIntrospectionQuery()],
  ['with every option', getIntrospectionQuery(everyOption)],
]

describe('where introspection is on', () => {
  test.each(queries)('the schema is told to everyone, %s', async (_what, query) => {
    const alice = await open.register('alice')
    // Where a scalar is specified is told to those who ask for it.
    const sdl = printSdl(createSchema()).trimEnd()
    const printed = query.includes('specifiedByURL') ? sdl : sdl.replaceAll(/ @specifiedBy\(.*\)/g, '')
    for (const client of [open.anonymous, alice]) {
      // With a plan that is new, and with one that is not.
      for (let i = 0; i < 4; i++) {
        expect(printSchema(buildClientSchema(await client.run(query)))).toBe(printed)
      }
    }
  })

  test('it comes over a WebSocket, too', async () => {
    const live = open.anonymous.subscribe(getIntrospectionQuery(everyOption))
    const [data] = await live.take(1)
    expect(data.__schema.queryType.name).toBe('Query')
    await live.stop()
  })

  test('it is held to limits of its own', async () => {
    const types = 'types { fields { type { fields { type { fields { name } } } } } }'
    expect(await open.anonymous.codeOf(`{ __schema { ${types} } }`)).toBe('GRAPHQL_VALIDATION_FAILED')
    const many = Array.from({ length: 900 }, () => 'name').join(' ')
    expect(await open.anonymous.codeOf(`{ __type(name: "User") { ${many} } }`)).toBe(
      'GRAPHQL_VALIDATION_FAILED',
    )
  })
})

describe('where introspection is off', () => {
  test.each([
    ...queries,
    ['in small', '{ __schema { queryType { name } } }'],
    ['by a type', '{ __type(name: "User") { name fields { name } } }'],
    ['behind another name', '{ viewer: __type(name: "User") { name } }'],
    ['in a fragment', '{ ...A } fragment A on Query { ... on Query { __schema { queryType { name } } } }'],
  ])('it is refused to everyone, %s', async (_what, query) => {
    const alice = closed.client((await open.register('alice')).token)
    for (const client of [closed.anonymous, alice]) {
      const { data, errors } = await client.send(query)
      expect(data).toBeUndefined()
      expect(errors[0]?.extensions['code']).toBe('GRAPHQL_VALIDATION_FAILED')
      expect(errors[0]?.message).toContain('introspection')
    }
  })

  test('__typename is part of every answer still', async () => {
    expect(await closed.anonymous.run('{ __typename }')).toEqual({ __typename: 'Query' })
  })
})

describe('a misspelled name', () => {
  const misspelled: [string, string, object][] = [
    ['of a field', '{ viewer { emial } }', {}],
    ['of a root field', '{ viewr { email } }', {}],
    ['of an argument', '{ user(usernam: "x") { id } }', {}],
    ['of a type', '{ viewer { ... on Viwer { email } } }', {}],
    ['of the type of a variable', 'query ($a: Strin) { viewer { email } }', {}],
    ['of a directive', '{ viewer { email @inclde(if: true) } }', {}],
    ['of an input field', 'mutation { login(input: { identifer: "x", password: "x" }) { __typename } }', {}],
    [
      'of an enum value',
      'mutation { sendMessage(input: { chatId: "x", clientMessageId: "x", text: "x", sender: USR }) { __typename } }',
      {},
    ],
    [
      'of an input field in a variable',
      'mutation ($input: LoginInput!) { login(input: $input) { __typename } }',
      { input: { identifer: 'x', identifier: 'x', password: 'x' } },
    ],
    [
      'of an enum value in a variable',
      'mutation ($sender: MessageSender) { sendMessage(input: { chatId: "x", clientMessageId: "x", text: "x", sender: $sender }) { __typename } }',
      { sender: 'USR' },
    ],
  ]

  const messagesTo = async (client: TestClient, query: string, variables: object): Promise<string[][]> => {
    const answers: Data[] = []
    for (let i = 0; i < 4; i++) answers.push(await client.send(query, variables))
    return answers.map(({ errors }) => errors.map(({ message }: { message: string }) => message))
  }

  test.each(misspelled)(
    '%s is not put right for strangers to the schema',
    async (_what, query, variables) => {
      const alice = closed.client((await open.register('alice')).token)
      for (const messages of await messagesTo(alice, query, variables)) {
        expect(messages.length).toBeGreaterThan(0)
        expect(messages.join()).not.toContain('Did you mean')
      }
    },
  )

  test('is put right where the schema is open', async () => {
    const alice = await open.register('alice')
    for (const messages of await messagesTo(alice, '{ viewer { emial } }', {})) {
      expect(messages[0]).toContain('Did you mean "email"?')
    }
  })
})

test('where introspection is off, an anonymous caller is not told what is wrong with a document', async () => {
  const probes = [
    '{ viewer { nonsense } }',
    '{ viewer { chats { edges { node { nonsense } } } } }',
    '{ __typename } fragment X on Chat { nonsense }',
    'mutation { login(input: { nonsense: 1 }) { __typename } }',
  ]
  const answers = await Promise.all(probes.map((probe) => closed.anonymous.send(probe)))
  for (const { errors, status } of answers) {
    expect(status).toBe(400)
    expect(errors).toEqual([
      { message: 'The document is not valid.', extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } },
    ])
  }
  expect((await closed.anonymous.run('{ viewer { email } }')).viewer).toBeNull()
})
