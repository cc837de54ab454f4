import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { byHash, hashOf, openTransports, type Transports } from '../testkit/transports.ts'

let app: TestApp
let alice: TestUser
let as: Transports
beforeAll(async () => {
  app = await startTestApp()
  alice = await app.register('alice')
  as = openTransports(app.url, alice.token)
})
afterAll(async () => {
  as.dispose()
  await app.dispose()
})

let made = 0
/** A text that nobody has sent before. */
const newText = (fields = 'user { id }') => `query Viewer${++made} { viewer { ${fields} } }`

const ways = ['post', 'get', 'socket', 'stream'] as const

describe.each(ways)('the hash protocol by %s', (way) => {
  // A stream may begin at any cursor, so that its first event comes at once.
  const create = async () => {
    if (way !== 'stream') return { text: newText(), more: {}, data: { viewer: { user: { id: alice.id } } } }
    const { viewer } = await alice.run('{ viewer { eventCursor } }')
    const text = `subscription Live${++made}($after: String) { events(after: $after) { __typename } }`
    return {
      text,
      more: { variables: { after: viewer.eventCursor } },
      data: { events: { __typename: 'CaughtUp' } },
    }
  }

  test('an unknown hash is not found, a text with its hash is registered, and from then on the hash will do', async () => {
    const { text, more, data } = await create()
    const hash = hashOf(text)
    const { status, errors } = await as[way](byHash(hash, more))
    expect([null, 200]).toContain(status)
    expect(errors).toEqual([
      { message: 'PersistedQueryNotFound', extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } },
    ])
    expect(await as[way]({ query: text, ...byHash(hash, more) })).toMatchObject({ data, errors: [] })
    expect(await as[way](byHash(hash, more))).toMatchObject({ data, errors: [] })
    // Whichever way it came, it is known by every other one.
    if (way !== 'stream')
      for (const other of ways.slice(0, 3)) {
        expect(await as[other](byHash(hash))).toMatchObject({ data, errors: [] })
      }
  })

  test('a text that is not that of its hash is refused, and not kept', async () => {
    const { text, more } = await create()
    const hash = hashOf(`${text} `)
    const { status, errors } = await as[way]({ query: text, ...byHash(hash, more) })
    expect(errors).toEqual([
      { message: 'provided sha does not match query', extensions: { code: 'PERSISTED_QUERY_HASH_MISMATCH' } },
    ])
    if (way === 'post' || way === 'get') expect(status).toBe(400)
    expect((await as[way](byHash(hash, more))).errors[0]?.message).toBe('PersistedQueryNotFound')
  })
})

describe('by hash', () => {
  test('a GET has an operation name and variables, and the retry of urql says that it missed', async () => {
    const text = `query A { viewer { email } } query B($with: Boolean!) { viewer { email @include(if: $with) user { id } } }`
    const parameters = { operationName: 'B', variables: { with: false } }
    const retry = {
      ...parameters,
      query: text,
      extensions: { persistedQuery: { version: 1, sha256Hash: hashOf(text), miss: true } },
    }
    const data = { viewer: { user: { id: alice.id } } }
    expect(await as.get(retry)).toMatchObject({ status: 200, data })
    expect(await as.get(byHash(hashOf(text), parameters))).toMatchObject({ status: 200, data })
    const { errors } = await as.get(byHash(hashOf(text), { operationName: 'C' }))
    expect(errors[0]?.extensions['code']).toBe('OPERATION_RESOLUTION_FAILURE')
  })

  test('what says that a document is missing is kept by no cache', async () => {
    const { headers } = await as.get(byHash(hashOf(newText())))
    expect(headers.get('cache-control')).toBe('no-store')
  })

  test('no cache that people share gives the answer of one to another', async () => {
    const text = newText()
    await as.post({ query: text, ...byHash(hashOf(text)) })
    for (const answer of [
      await as.get(byHash(hashOf(text))),
      await as.get({ query: text }),
      await as.get({ query: '{ viewer { nothing } }' }),
      await as.post({ query: text }),
    ]) {
      expect(answer.headers.get('cache-control')).toBe('private, no-cache')
      expect(answer.headers.get('vary')).toBe('Origin, Authorization, Accept')
    }
    const missing = await as.get(byHash(hashOf(newText())))
    expect(missing.headers.get('cache-control')).toBe('no-store')
  })

  test('a mutation by GET stays refused, and nothing of it is done', async () => {
    const text = 'mutation { updateProfile(input: { displayName: "By GET" }) { __typename } }'
    expect(await as.get({ query: text, ...byHash(hashOf(text)) })).toMatchObject({ status: 405 })
    expect((await as.get(byHash(hashOf(text)))).errors[0]?.message).toBe('PersistedQueryNotFound')
    await as.post({
      query: text.replace('By GET', 'By POST'),
      ...byHash(hashOf(text.replace('By GET', 'By POST'))),
    })
    const refused = await as.get(byHash(hashOf(text.replace('By GET', 'By POST'))))
    expect(refused).toMatchObject({ status: 405, errors: [{ extensions: { code: 'BAD_REQUEST' } }] })
    expect(await alice.run('{ viewer { user { displayName } } }')).toEqual({
      viewer: { user: { displayName: 'By POST' } },
    })
  })

  test.each([
    ['does not parse', '{ viewer {', 'GRAPHQL_PARSE_FAILED'],
    ['is not valid', '{ viewer { nothing } }', 'GRAPHQL_VALIDATION_FAILED'],
    [
      'is too deep',
      `{ ${'chat(id: "") { lastMessage { '.repeat(7)} id ${'} }'.repeat(7)} }`,
      'GRAPHQL_VALIDATION_FAILED',
    ],
    ['has too many tokens', `{ ${'__typename '.repeat(1_001)} }`, 'GRAPHQL_PARSE_FAILED'],
    ['has too many characters', `{ viewer { email } } #${'x'.repeat(32_000)}`, 'GRAPHQL_PARSE_FAILED'],
  ])('a document that %s is refused as ever, and not kept', async (_what, text, code) => {
    for (const way of ['post', 'socket'] as const) {
      const { errors } = await as[way]({ query: text, ...byHash(hashOf(text)) })
      expect(errors[0]?.extensions['code']).toBe(code)
      expect((await as[way](byHash(hashOf(text)))).errors[0]?.message).toBe('PersistedQueryNotFound')
    }
  })

  test('what a stranger may not run is not kept, and what they may is', async () => {
    const strangers = openTransports(app.url)
    const open = newText()
    const closed = `query Nobody${++made} { users(search: "alice") { edges { cursor } } }`
    for (const way of ['post', 'get', 'socket'] as const) {
      const refused = await strangers[way]({ query: closed, ...byHash(hashOf(closed)) })
      expect(refused.errors[0]?.extensions['code']).toBe('UNAUTHENTICATED')
      expect((await strangers[way](byHash(hashOf(closed)))).errors[0]?.message).toBe('PersistedQueryNotFound')
      expect(await strangers[way]({ query: open, ...byHash(hashOf(open)) })).toMatchObject({
        data: { viewer: null },
      })
    }
    expect(await as.post(byHash(hashOf(open)))).toMatchObject({
      data: { viewer: { user: { id: alice.id } } },
    })
    expect((await as.post({ query: closed, ...byHash(hashOf(closed)) })).errors).toEqual([])
    // Known now, and still none of theirs.
    const { errors } = await strangers.post(byHash(hashOf(closed)))
    expect(errors[0]?.extensions['code']).toBe('UNAUTHENTICATED')
    strangers.dispose()
  })

  test('a document is kept although its variables do not fit, or make it too expensive', async () => {
    const text = `query Many${++made}($ids: [ID!]!) { nodes(ids: $ids) { id } }`
    const wrong = await as.post({ query: text, ...byHash(hashOf(text), { variables: { ids: 5.5 } }) })
    expect(wrong.errors[0]?.extensions['code']).toBe('GRAPHQL_VALIDATION_FAILED')
    expect(await as.post(byHash(hashOf(text), { variables: { ids: [] } }))).toMatchObject({
      data: { nodes: [] },
    })
    const ids = Array.from({ length: 10_000 }, () => 'x')
    const { errors } = await as.post(byHash(hashOf(text), { variables: { ids } }))
    expect(errors[0]?.extensions['code']).toBe('QUERY_TOO_EXPENSIVE')
  })

  test('a user registers 100 at once; what comes beyond is answered, and not kept', async () => {
    const bob = await app.register('bob')
    const asBob = openTransports(app.url, bob.token)
    const texts = Array.from({ length: 101 }, () => newText())
    for (const query of texts) {
      expect((await asBob.post({ query, ...byHash(hashOf(query)) })).errors).toEqual([])
    }
    const [last = '', beyond = ''] = texts.slice(-2)
    expect((await asBob.post(byHash(hashOf(last)))).errors).toEqual([])
    expect((await asBob.post(byHash(hashOf(beyond)))).errors[0]?.message).toBe('PersistedQueryNotFound')
    // It is nobody else's matter.
    expect((await as.post({ query: beyond, ...byHash(hashOf(beyond)) })).errors).toEqual([])
    expect((await asBob.post(byHash(hashOf(beyond)))).errors).toEqual([])
  })

  test('it costs the statements that its text costs', async () => {
    const text = newText('chats(first: 5) { edges { node { id unreadCount } } }')
    await as.post({ query: text, ...byHash(hashOf(text)) })
    const byText = await app.statements(() => as.post({ query: text }))
    const named = await app.statements(() => as.post(byHash(hashOf(text))))
    expect(named.statements).toEqual(byText.statements)
    expect(named.result.data).toEqual(byText.result.data)
  })
})

describe('bad input is refused in words of its own', () => {
  const hash = hashOf('{ viewer { email } }')
  test.each<[string, Record<string, unknown>, string]>([
    ['a documentId that is a number', { documentId: 5 }, 'BAD_REQUEST'],
    ['a documentId that is an object', { documentId: { id: hash } }, 'BAD_REQUEST'],
    ['a documentId that is a list', { documentId: [hash] }, 'BAD_REQUEST'],
    ['an empty documentId', { documentId: '' }, 'BAD_REQUEST'],
    ['a doc_id that is a truth', { doc_id: true }, 'BAD_REQUEST'],
    ['a documentId beside a text', { documentId: hash, query: '{ viewer { email } }' }, 'BAD_REQUEST'],
    ['a doc_id beside a text', { doc_id: 'x', query: '{ viewer { email } }' }, 'BAD_REQUEST'],
    ['a persistedQuery that is a text', { extensions: { persistedQuery: hash } }, 'BAD_REQUEST'],
    ['a persistedQuery that is a list', { extensions: { persistedQuery: [hash] } }, 'BAD_REQUEST'],
    ['no version', { extensions: { persistedQuery: { sha256Hash: hash } } }, 'BAD_REQUEST'],
    ['version 2', { extensions: { persistedQuery: { version: 2, sha256Hash: hash } } }, 'BAD_REQUEST'],
    ['version "1"', { extensions: { persistedQuery: { version: '1', sha256Hash: hash } } }, 'BAD_REQUEST'],
    ['no hash', { extensions: { persistedQuery: { version: 1 } } }, 'BAD_REQUEST'],
    ['an empty hash', byHash(''), 'BAD_REQUEST'],
    ['a hash that is a number', byHash(1), 'BAD_REQUEST'],
    ['a hash that is too short', byHash(hash.slice(1)), 'PERSISTED_QUERY_NOT_FOUND'],
    ['a hash in capitals', byHash(hash.toUpperCase()), 'PERSISTED_QUERY_NOT_FOUND'],
    ['a hash of 50,000 letters', byHash('f'.repeat(50_000)), 'PERSISTED_QUERY_NOT_FOUND'],
    ['an id that objects have', { documentId: '__proto__' }, 'PERSISTED_QUERY_NOT_FOUND'],
    [
      'a short hash with its text',
      { query: '{ viewer { email } }', ...byHash(hash.slice(1)) },
      'PERSISTED_QUERY_HASH_MISMATCH',
    ],
    [
      'a hash in capitals with its text',
      { query: '{ viewer { email } }', ...byHash(hash.toUpperCase()) },
      'PERSISTED_QUERY_HASH_MISMATCH',
    ],
  ])('%s', async (_what, parameters, code) => {
    const answers = [await as.post(parameters), await as.socket(parameters)]
    for (const { data, errors } of answers) {
      expect([data, errors.map(({ extensions }) => extensions['code'])]).toEqual([undefined, [code]])
    }
    const isProtocol = code === 'PERSISTED_QUERY_NOT_FOUND' && parameters['documentId'] === undefined
    expect(answers[0]?.status).toBe(isProtocol ? 200 : 400)
    // As application/json, too, but for what is no mistake of the request's.
    const { status } = await as.post(parameters, { accept: 'application/json' })
    expect(status).toBe(code === 'PERSISTED_QUERY_NOT_FOUND' ? 200 : 400)
  })

  test.each([[[]], ['x'], [5]])('extensions that are %j', async (extensions) => {
    const parameters = { query: '{ viewer { email } }', extensions }
    for (const way of ['post', 'get'] as const) {
      expect(await as[way](parameters)).toMatchObject({
        status: 400,
        errors: [{ extensions: { code: 'BAD_REQUEST' } }],
      })
    }
  })

  test('a text that is none', async () => {
    for (const query of [5, {}, ['{ viewer { email } }']]) {
      const answer = await as.post({ query, ...byHash(hash) })
      expect(answer).toMatchObject({ status: 400, errors: [{ extensions: { code: 'BAD_REQUEST' } }] })
    }
  })

  test('neither a text nor an id', async () => {
    for (const way of ['post', 'get'] as const) {
      expect(await as[way]({ variables: {} })).toMatchObject({
        status: 400,
        errors: [{ extensions: { code: 'BAD_REQUEST' } }],
      })
    }
    const lonely = openTransports(app.url, alice.token)
    await expect(lonely.socket({ variables: {} })).rejects.toThrow('4400')
  })

  test('a list of requests', async () => {
    expect(await as.post([byHash(hash)] as never)).toMatchObject({ status: 400 })
  })

  test('none of it ends the socket, or is a failure of ours', () => {
    expect(app.logs).toEqual([])
  })
})

test('what comes of it is counted', async () => {
  const read = async (): Promise<Record<string, number>> => {
    const text = await (await fetch(`${app.url}/metrics`)).text()
    return Object.fromEntries(
      [...text.matchAll(/^parley_persisted_operations_total\{outcome="(\w+)"\} (\d+)$/gm)].map(
        ([, outcome, count]) => [outcome, Number(count)],
      ),
    )
  }
  const before = await read()
  const text = newText()
  await as.post(byHash(hashOf(text)))
  await as.post({ query: text, ...byHash(hashOf(text)) })
  await as.socket(byHash(hashOf(text)))
  await as.get(byHash(hashOf(text)))
  await as.post({ query: `${text} `, ...byHash(hashOf(text)) })
  const after = await read()
  const grown = Object.fromEntries(Object.entries(after).map(([key, n]) => [key, n - (before[key] ?? 0)]))
  expect(grown).toEqual({ miss: 1, registered: 1, hit: 2, refused: 1 })
})
