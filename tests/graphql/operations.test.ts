import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { createGroupChat, sendMessage } from '../testkit/chats.ts'
import type { Data } from '../testkit/client.ts'
import { eventually } from '../testkit/eventually.ts'
import { UpdateProfile } from '../testkit/operations.ts'
import { openTransports, type Parameters, type PlainAnswer, type Transports } from '../testkit/transports.ts'

let app: TestApp
let alice: TestUser
let chatId: string
let transports: Transports
beforeAll(async () => {
  app = await startTestApp()
  alice = await app.register('alice')
  chatId = await createGroupChat(alice)
  await createGroupChat(alice)
  await createGroupChat(alice)
  transports = openTransports(app.url, alice.token)
})
afterEach(() => vi.restoreAllMocks())
afterAll(async () => {
  transports.dispose()
  await app.dispose()
})

type Way = 'post' | 'get' | 'socket' | 'stream'
const ways: readonly Way[] = ['post', 'get', 'socket', 'stream']

/** The answers to a query over every transport, several times over each: a document means the same on every use. */
async function askEverywhere(parameters: Parameters): Promise<PlainAnswer[]> {
  const answers: PlainAnswer[] = []
  for (const way of ways) for (let i = 0; i < 4; i++) answers.push(await transports[way](parameters))
  return answers
}

async function dataEverywhere(query: string, more: Parameters = {}): Promise<Data> {
  const [first, ...rest] = await askEverywhere({ query, ...more })
  expect(first?.errors).toEqual([])
  for (const answer of rest) expect(answer).toMatchObject({ data: first?.data, errors: [] })
  return first?.data
}

describe('a document means the same on every use, over every transport', () => {
  test('the default of a variable that must not be null holds', async () => {
    const query = 'query ($n: Int! = 2) { viewer { chats(first: $n) { edges { cursor } } } }'
    expect((await dataEverywhere(query)).viewer.chats.edges).toHaveLength(2)
    expect((await dataEverywhere(query, { variables: { n: 1 } })).viewer.chats.edges).toHaveLength(1)
  })

  test('a fragment that is spread twice, once under a condition, keeps its fields', async () => {
    const query = 'query ($a: Boolean!) { viewer { ...F @skip(if: $a) ...F } } fragment F on Viewer { email }'
    for (const a of [true, false, true]) {
      expect(await dataEverywhere(query, { variables: { a } })).toEqual({ viewer: { email: alice.email } })
    }
  })

  test('operations of one document do not change each other', async () => {
    const query = `query A($x: Boolean!) { viewer { ...F @include(if: $x) __typename } } query B { viewer { ...F } }
      fragment F on Viewer { email }`
    const email = { viewer: { email: alice.email } }
    expect(await dataEverywhere(query, { operationName: 'B' })).toEqual(email)
    const without = await dataEverywhere(query, { operationName: 'A', variables: { x: false } })
    expect(without).toEqual({ viewer: { __typename: 'Viewer' } })
    expect(await dataEverywhere(query, { operationName: 'B' })).toEqual(email)
  })

  test.each(['constructor', 'toString', 'hasOwnProperty', '__proto__'])(
    'a variable and an alias may be called %s',
    async (name) => {
      const query = `query ($${name}: Int = 1) { ${name}: viewer { ${name}: chats(first: $${name}) { edges { cursor } } } }`
      for (const variables of [{}, JSON.parse(`{"${name}": 2}`)]) {
        const answer = await dataEverywhere(query, { variables })
        const viewer = Object.getOwnPropertyDescriptor(answer, name)?.value
        const chats = Object.getOwnPropertyDescriptor(viewer, name)?.value
        expect(chats.edges).toHaveLength(Object.hasOwn(variables, name) ? 2 : 1)
      }
    },
  )

  test('error locations are right in documents with CRLF', async () => {
    const query = 'query ($id: ID!) {\r\n  chat(id: $id) {\r\n    messages(first: 0) { edges { cursor } } } }'
    for (const answer of await askEverywhere({ query, variables: { id: chatId } })) {
      expect(answer.errors).toMatchObject([
        {
          locations: [{ line: 3, column: 5 }],
          path: ['chat', 'messages'],
          extensions: { code: 'VALIDATION_FAILED' },
        },
      ])
    }
  })

  test('a failing field of every item of a list is an error for each, once', async () => {
    const query =
      '{ viewer { chats(first: 3) { edges { node { members(first: 0) { edges { cursor } } } } } } }'
    for (const { errors } of await askEverywhere({ query })) {
      // The first nulls the viewer, which is where nothing below must not be null.
      expect(errors).toMatchObject([{ extensions: { code: 'VALIDATION_FAILED' } }])
    }
  })

  test('a failure in each nullable item of a list is reported once per item', async () => {
    const query =
      'query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Chat { messages(first: 0) { edges { cursor } } } } }'
    for (const { data, errors } of await askEverywhere({ query, variables: { ids: [chatId, chatId] } })) {
      expect(data).toEqual({ nodes: [null, null] })
      expect(errors).toMatchObject([0, 1].map((i) => ({ path: ['nodes', i, 'messages'] })))
    }
  })

  test('null for a variable that has a default, where null may not be, is an error with a code', async () => {
    const query = 'query ($more: Boolean = true) { viewer { email @include(if: $more) } }'
    for (const { errors } of await askEverywhere({ query, variables: { more: null } })) {
      expect(errors).toMatchObject([{ path: ['viewer'], extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }])
    }
  })
})

test('null where an argument must not be null is an error of its field, also where the cost depends on it', async () => {
  const query =
    'query ($ids: [ID!] = ["x"], $skip: Boolean = false) { viewer { email } nodes(ids: $ids) @skip(if: $skip) { id } }'
  for (const answer of await askEverywhere({ query, variables: { ids: null } })) {
    expect(answer).toMatchObject({
      data: null,
      errors: [{ path: ['nodes'], extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }],
    })
  }
  const skipped = await dataEverywhere(query, { variables: { ids: null, skip: true } })
  expect(skipped).toEqual({ viewer: { email: alice.email } })
})

test('an absent variable leaves the field of an input absent, every time', async () => {
  const query = `mutation ($name: String, $bio: String) { updateProfile(input: { displayName: $name, bio: $bio }) {
    ... on UpdateProfilePayload { viewer { user { displayName bio } } } } }`
  await alice.run(UpdateProfile, { input: { bio: 'Here to stay.' } })
  for (const name of ['A', 'B', 'C', 'D']) {
    for (const way of ['post', 'socket'] as const) {
      const { data, errors } = await transports[way]({ query, variables: { name } })
      expect(errors).toEqual([])
      expect(data.updateProfile.viewer.user).toEqual({ displayName: name, bio: 'Here to stay.' })
    }
  }
})

test('the default of a variable of a custom scalar is coerced, every time', async () => {
  const query = `mutation ($chatId: ID!, $d: DateTime = "2098-01-01T00:00:00Z") { muteChat(input: { chatId: $chatId, until: $d }) {
    ... on MuteChatPayload { chat { viewerMembership { mutedUntil } } } } }`
  for (let i = 0; i < 4; i++) {
    const { muteChat } = await alice.run(query, { chatId })
    expect(muteChat.chat.viewerMembership.mutedUntil).toBe('2098-01-01T00:00:00.000Z')
  }
})

test('events are not lost to the default of a variable that must not be null', async () => {
  const query = `subscription ($id: ID!, $n: Int! = 2) { messageAdded(chatId: $id) {
    message { text } chat { messages(last: $n) { edges { cursor } } } } }`
  await sendMessage(alice, chatId, 'before')
  const live = alice.subscribe(query, { id: chatId })
  await live.started
  for (let i = 0; i < 4; i++) {
    await sendMessage(alice, chatId, `event ${i}`)
  }
  const events = await live.until((event) => event.messageAdded.message.text === 'event 3')
  expect(events).toHaveLength(4)
  expect(events.map(({ messageAdded }) => messageAdded.chat.messages.edges.length)).toEqual([2, 2, 2, 2])
  await live.stop()
})

describe('a request', () => {
  test('an empty operationName counts as absent in every transport', async () => {
    const answer = { viewer: { email: alice.email } }
    expect(await dataEverywhere('{ viewer { email } }', { operationName: '' })).toEqual(answer)
    const several = 'query A { viewer { email } } query B { viewer { id } }'
    for (const { errors } of await askEverywhere({ query: several, operationName: '' })) {
      expect(errors).toMatchObject([{ extensions: { code: 'OPERATION_RESOLUTION_FAILURE' } }])
    }
  })

  test('unknown request keys are ignored in every transport', async () => {
    const more = { operationId: 'x', clientMutationId: 7, id: 'beside a query this is no id of a document' }
    expect(await dataEverywhere('{ viewer { email } }', more)).toEqual({ viewer: { email: alice.email } })
  })

  test('may begin with a byte-order mark', async () => {
    const body = `\uFEFF${JSON.stringify({ query: '{ viewer { email } }' })}`
    for (const more of [{}, { duplex: 'half' as const }]) {
      const response = await fetch(`${app.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${alice.token}` },
        // A stream is sent in chunks.
        body: 'duplex' in more ? new Blob([body]).stream() : body,
        ...more,
      })
      expect(await response.json()).toEqual({ data: { viewer: { email: alice.email } } })
    }
  })

  test.each<[string, Parameters]>([
    ['a query', { query: 7 }],
    ['variables', { query: '{ viewer { email } }', variables: 'text' }],
    ['variables in a list', { query: '{ viewer { email } }', variables: [] }],
    ['an operation name', { query: '{ viewer { email } }', operationName: 7 }],
  ])('with %s of another type is refused', async (_what, parameters) => {
    const { status, errors } = await transports.post(parameters)
    expect([status, errors[0]?.extensions['code']]).toEqual([400, 'BAD_REQUEST'])
  })
})

/** A subscription on the socket of `transports`, which must live through what else happens there. */
async function follow() {
  const raw = await transports.raw()
  const id = `live ${++followed}`
  const heard: Data[] = []
  raw.socket.on('message', (data) => {
    const message = JSON.parse(String(data))
    if (message.id === id) heard.push(message)
  })
  const query = 'subscription ($id: ID!) { messageAdded(chatId: $id) { message { text } } }'
  raw.send({ type: 'subscribe', id, payload: { query, variables: { id: chatId } } })
  const ask = () => transports.socket({ query: '{ viewer { email } }' })
  return {
    async goesOn() {
      expect((await ask()).data.viewer.email).toBe(alice.email)
      const text = `still there? ${id}`
      await sendMessage(alice, chatId, text)
      await eventually(() => {
        expect(heard).toMatchObject([
          { type: 'next', payload: { data: { messageAdded: { message: { text } } } } },
        ])
      })
      raw.send({ type: 'complete', id })
    },
  }
}
let followed = 0

describe('on a socket', () => {
  test.each([
    'subscription S($x: Boolean!) { events @skip(if: $x) { __typename } }',
    'subscription S($x: Boolean!) { ...F @include(if: $x) } fragment F on Subscription { events { __typename } }',
    'subscription S($x: Boolean!) { ... on Subscription { ... @include(if: $x) { events { __typename } } } }',
    'subscription S { events @include(if: true) { __typename } }',
  ])('a condition on the root field of a subscription is refused, and others live: %s', async (query) => {
    const live = await follow()
    for (const x of [true, false]) {
      const { errors } = await transports.socket({ query, variables: query.includes('$x') ? { x } : {} })
      expect(errors).toMatchObject([
        { message: expect.stringContaining('root field'), extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } },
      ])
    }
    await live.goesOn()
  })

  test.each(['{ viewer { email } }', 'subscription { events { __typename } }'])(
    'what is thrown before %s starts is its error alone',
    async (query) => {
      const { cursors } = app.app.services.feed
      vi.spyOn(cursors, 'encode').mockImplementationOnce(() => {
        throw new TypeError('thrown on purpose')
      })
      const { errors } = await transports.socket({ query })
      expect(errors).toMatchObject([{ extensions: { code: 'INTERNAL_SERVER_ERROR' } }])
      expect(JSON.stringify(errors)).not.toContain('on purpose')
      expect((await transports.socket({ query: '{ viewer { email } }' })).data.viewer.email).toBe(alice.email)
    },
  )
})
