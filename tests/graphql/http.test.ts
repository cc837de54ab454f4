import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { gzipSync } from 'node:zlib'
import { createClient } from 'graphql-ws'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import WebSocket from 'ws'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { createGroupChat } from '../testkit/chats.ts'
import { openStream } from '../testkit/event-stream.ts'
import { ChatMessages, Events } from '../testkit/operations.ts'

let app: TestApp
let alice: TestUser
beforeAll(async () => {
  app = await startTestApp({
    config: { corsOrigins: ['https://chat.example.com'], corsAllowedHeaders: ['x-tenant-id', 'baggage'] },
  })
  alice = await app.register('alice')
})
afterAll(() => app.dispose())

interface Exchange {
  readonly method?: string
  readonly path?: string
  readonly headers?: Record<string, string>
  readonly body?: string | Buffer
  /** Without a content-length, in pieces. */
  readonly chunked?: boolean
}

/** A request with nothing added to it: `fetch` would set headers of its own. */
function exchange({
  method = 'POST',
  path = '/graphql',
  headers = {},
  body,
  chunked = false,
}: Exchange): Promise<{
  status: number
  headers: IncomingHttpHeaders
  text: string
}> {
  return new Promise((resolve, reject) => {
    const length = body === undefined || chunked ? {} : { 'content-length': String(Buffer.byteLength(body)) }
    const request = httpRequest(`${app.url}${path}`, {
      method,
      headers: { ...headers, ...length },
      agent: false,
    })
    let answered = false
    // A server that refuses a body need not read it to its end.
    request.on('error', (error) => answered || reject(error))
    request.on('response', (response) => {
      answered = true
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }))
      response.on('error', reject)
    })
    if (body !== undefined && chunked) {
      for (let i = 0; i < body.length; i += 10_000) request.write(body.slice(i, i + 10_000))
    }
    request.end(chunked ? undefined : body)
  })
}

const json = { 'content-type': 'application/json' }
const media = 'application/graphql-response+json'
const login = () => ({ authorization: `Bearer ${alice.token}` })
const Who = '{ viewer { user { id } } }'
const viewerAnswer = () => ({ data: { viewer: { user: { id: alice.id } } } })
const query = (parameters: Record<string, string>) => `/graphql?${new URLSearchParams(parameters)}`

describe('GET', () => {
  test('answers a query, with variables and the name of an operation', async () => {
    const plain = await exchange({ method: 'GET', path: query({ query: Who }), headers: login() })
    expect([plain.status, JSON.parse(plain.text)]).toEqual([200, viewerAnswer()])
    const named = await exchange({
      method: 'GET',
      path: query({
        query: `query A { __typename } query B($more: Boolean!) { __typename viewer @include(if: $more) { user { id } } }`,
        variables: '{"more":true}',
        operationName: 'B',
      }),
      headers: login(),
    })
    expect(JSON.parse(named.text)).toEqual({ data: { __typename: 'Query', ...viewerAnswer().data } })
  })

  test('does nothing: a mutation is refused', async () => {
    const mutation = 'mutation { logout { success } }'
    const { status, headers } = await exchange({
      method: 'GET',
      path: query({ query: mutation }),
      headers: login(),
    })
    expect([status, headers.allow]).toEqual([405, 'POST'])
    expect((await alice.run(Who)).viewer.user.id).toBe(alice.id)
  })

  test('a query with variables that are no JSON is refused', async () => {
    const { status } = await exchange({
      method: 'GET',
      path: query({ query: Who, variables: '{' }),
      headers: login(),
    })
    expect(status).toBe(400)
  })
})

test.each(['PUT', 'PATCH', 'DELETE', 'HEAD', 'TRACE'])(
  '%s gets 405 with the allowed methods',
  async (method) => {
    for (const body of [JSON.stringify({ query: Who }), undefined]) {
      const { status, headers, text } = await exchange({
        method,
        path: query({ query: Who }),
        headers: { ...json, ...login(), accept: 'text/plain' },
        ...(body !== undefined && method !== 'HEAD' && { body }),
      })
      expect([status, headers.allow]).toEqual([405, 'GET, POST, OPTIONS'])
      expect(headers['content-type']).toBe('application/json; charset=utf-8')
      if (method === 'HEAD') expect(text).toBe('')
      else expect(JSON.parse(text)).toMatchObject({ errors: [{ extensions: { code: 'BAD_REQUEST' } }] })
    }
  },
)

describe('a compressed body', () => {
  const body = gzipSync(JSON.stringify({ query: Who }))

  test.each(['gzip', 'GZIP', 'x-gzip', 'br', 'deflate', 'identity, gzip', 'unheard-of'])(
    'is refused with what to do instead: %s',
    async (encoding) => {
      const { status, headers, text } = await exchange({
        headers: { ...json, ...login(), 'content-encoding': encoding },
        body,
      })
      expect([status, headers['accept-encoding']]).toEqual([415, 'identity'])
      expect(JSON.parse(text)).toEqual({
        errors: [
          {
            message:
              'Compressed request bodies are not supported. Send the body as it is, without Content-Encoding.',
            extensions: { code: 'UNSUPPORTED_MEDIA_TYPE' },
          },
        ],
      })
    },
  )

  test.each(['identity', 'Identity', ''])('Content-Encoding "%s" is accepted', async (encoding) => {
    const headers = { ...json, ...login(), 'content-encoding': encoding }
    const { status, text } = await exchange({ headers, body: JSON.stringify({ query: Who }) })
    expect([status, JSON.parse(text)]).toEqual([200, viewerAnswer()])
  })
})

describe('a body of another type is refused: a page of another site can send it without asking', () => {
  const form = new URLSearchParams({ query: 'mutation { logout { success } }' }).toString()
  const multipart = `--x\r\ncontent-disposition: form-data; name="operations"\r\n\r\n${JSON.stringify({ query: 'mutation { logout { success } }' })}\r\n--x--\r\n`
  test.each<[string, string | null, string]>([
    ['a form', 'application/x-www-form-urlencoded', form],
    ['a form with a charset', 'application/x-www-form-urlencoded; charset=utf-8', form],
    ['multipart', 'multipart/form-data; boundary=x', multipart],
    ['plain text', 'text/plain', JSON.stringify({ query: 'mutation { logout { success } }' })],
    ['plain text that mentions JSON', 'text/plain; application/json', JSON.stringify({ query: Who })],
    ['a bare document', 'application/graphql', 'mutation { logout { success } }'],
    ['no type', null, JSON.stringify({ query: 'mutation { logout { success } }' })],
  ])('%s', async (_what, type, body) => {
    const headers = { ...login(), ...(type !== null && { 'content-type': type }) }
    expect((await exchange({ headers, body })).status).toBe(415)
    expect((await alice.run(Who)).viewer.user.id).toBe(alice.id)
  })

  test.each([
    'application/json; charset=utf-8',
    'application/json ;charset=UTF-8',
    'Application/JSON',
    'application/graphql+json',
  ])('JSON is taken as %s', async (type) => {
    const headers = { ...login(), 'content-type': type }
    expect((await exchange({ headers, body: JSON.stringify({ query: Who }) })).status).toBe(200)
  })
})

test.each([
  '',
  '{',
  'null',
  '[]',
  '"{ viewer { email } }"',
  '{}',
  '{"query":1}',
  '{"query":null}',
  '\0',
  '{"query":"{ __typename }","variables":[]}',
])('a body that is no request is refused: %j', async (body) => {
  const { status, text } = await exchange({ headers: { ...json, accept: media }, body })
  expect(status).toBe(400)
  expect(JSON.parse(text)).toEqual({ errors: [expect.objectContaining({ message: expect.any(String) })] })
})

test('operations do not come in batches', async () => {
  const body = JSON.stringify([{ query: Who }, { query: Who }])
  const { status, text } = await exchange({ headers: { ...json, ...login(), accept: media }, body })
  expect(status).toBe(400)
  expect(text).not.toContain(alice.id)
})

describe('a body of 100,000 bytes is the largest', () => {
  const bodyOf = (bytes: number) => {
    const body = JSON.stringify({ query: '{ __typename }', variables: { pad: '' } })
    return body.replace('""', `"${'x'.repeat(bytes - body.length)}"`)
  }
  test.each([
    ['with its length', false],
    ['in pieces', true],
  ])('%s', async (_what, chunked) => {
    expect((await exchange({ headers: json, body: bodyOf(100_000), chunked })).status).toBe(200)
    for (const size of [100_001, 300_000]) {
      const { status, text } = await exchange({ headers: json, body: bodyOf(size), chunked })
      expect([status, JSON.parse(text).errors[0].extensions.code]).toEqual([413, 'REQUEST_TOO_LARGE'])
    }
  })

  test('counted in bytes, not in characters', async () => {
    const body = JSON.stringify({ query: '{ __typename }', variables: { pad: 'ö'.repeat(60_000) } })
    expect((await exchange({ headers: json, body })).status).toBe(413)
  })
})

describe('the status says what went wrong, by the media type of the answer', () => {
  const chats = 'query ($first: Int!) { viewer { chats(first: $first) { edges { cursor } } } }'
  test.each<[string, object, boolean, string | null, number, number]>([
    ['an answer', { query: Who }, true, null, 200, 200],
    ['a failing field', { query: chats, variables: { first: 0 } }, true, 'VALIDATION_FAILED', 200, 200],
    ['a syntax error', { query: '{' }, true, 'GRAPHQL_PARSE_FAILED', 200, 400],
    ['an unknown field', { query: '{ nothing }' }, true, 'GRAPHQL_VALIDATION_FAILED', 200, 400],
    [
      'variables that do not fit',
      { query: chats, variables: { first: 'x' } },
      true,
      'GRAPHQL_VALIDATION_FAILED',
      200,
      400,
    ],
    [
      'a cost beyond the limit',
      {
        query: `query ($first: Int!) { viewer { chats(first: $first) { edges { node { messages(last: 100) { edges { node { id } } } } } } } }`,
        variables: { first: 100 },
      },
      true,
      'QUERY_TOO_EXPENSIVE',
      200,
      400,
    ],
    ['an anonymous caller', { query: '{ chat(id: "x") { id } }' }, false, 'UNAUTHENTICATED', 200, 401],
  ])('%s', async (_what, body, loggedIn, code, asJson, asGraphql) => {
    const ask = async (accept?: string) => {
      const headers = { ...json, ...(loggedIn && login()), ...(accept !== undefined && { accept }) }
      const { status, headers: answered, text } = await exchange({ headers, body: JSON.stringify(body) })
      return {
        status,
        type: answered['content-type'],
        code: JSON.parse(text).errors?.[0].extensions.code ?? null,
      }
    }
    const ofType = (type: string, status: number) => ({ status, type: `${type}; charset=utf-8`, code })
    expect(await ask(media)).toEqual(ofType(media, asGraphql))
    expect(await ask(`${media}, application/json;q=0.9`)).toEqual(ofType(media, asGraphql))
    expect(await ask('application/json')).toEqual(ofType('application/json', asJson))
  })

  test.each([
    'image/png',
    'text/html',
    'application/json;q=0',
    '*/*;q=0.0',
    'application/*;q=0, text/html',
    'multipart/mixed',
    'application/json; charset=latin1',
    'nonsense',
  ])('an answer of type %s is refused, and nothing has run', async (accept) => {
    const headers = { ...json, ...login(), accept }
    const query = 'mutation { logout { success } }'
    const response = await exchange({ headers, body: JSON.stringify({ query }) })
    expect(response.status).toBe(406)
    expect(JSON.parse(response.text)).toMatchObject({
      errors: [{ extensions: { code: 'NOT_ACCEPTABLE' } }],
    })
    expect((await alice.run(Who)).viewer.user.id).toBe(alice.id)
  })

  test.each([
    ['', 'application/json'],
    ['application/json;q=', 'application/json'],
    ['*/*, application/json;q=0', media],
    ['application/*, application/json;q=0', media],
    [`${media}, application/json, text/html;q=0`, media],
    [`text/event-stream;q=0, */*`, 'application/json'],
    // The order of the header decides between equals, a weight above all, a type above a range.
    [`${media}, application/json`, media],
    [`application/json, ${media}`, 'application/json'],
    [`application/json;q=0.2, ${media};q=0.3`, media],
    [`${media};q=0.9, application/json`, 'application/json'],
    [`${media};q=0.1, */*;q=0.5`, 'application/json'],
    [`*/*;q=0.1, ${media};q=0.2`, media],
    [`*/*, ${media}`, media],
    [`application/*, application/json;q=0.5`, media],
    [`APPLICATION/GRAPHQL-RESPONSE+JSON ; Q=1, application/json ; Q=0.5`, media],
    ['text/event-stream;q=0.9, application/json', 'application/json'],
    ['text/event-stream, application/json;q=0.9', 'text/event-stream'],
    ['application/json, text/event-stream', 'application/json'],
    // What clients put beside a type.
    [`${media}; charset=utf-8, application/json; charset=utf-8`, media],
    ['application/json; charset=utf-8; odata="a, b"; q=0.5, text/html', 'application/json'],
    ['application/json; charset=latin1, application/graphql-response+json;q=0.1', media],
    [`multipart/mixed;deferSpec=20220824,${media},application/json;q=0.9`, media],
    [`${media}, application/graphql+json, application/json, text/event-stream, multipart/mixed`, media],
  ])('of "%s" it is %s', async (accept, type) => {
    const { status, headers } = await exchange({
      headers: { ...json, ...login(), accept },
      body: JSON.stringify({ query: Who }),
    })
    expect([status, headers['content-type']?.replace('; charset=utf-8', '')]).toEqual([200, type])
  })
})

describe('a page of another origin', () => {
  const ask = (origin: string, method = 'POST') =>
    exchange({
      method,
      headers: {
        ...json,
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization',
      },
      ...(method === 'POST' && { body: JSON.stringify({ query: '{ __typename }' }) }),
    })

  test('that is listed may read answers', async () => {
    const { status, headers } = await ask('https://chat.example.com')
    expect([status, headers['access-control-allow-origin'], headers.vary]).toEqual([
      200,
      'https://chat.example.com',
      expect.stringMatching(/Origin/i),
    ])
    expect(headers['access-control-expose-headers']).toBe(
      'x-request-id, retry-after, allow, content-disposition',
    )
    expect(headers).not.toHaveProperty('access-control-allow-credentials')
  })

  test('that is listed is let through by the preflight', async () => {
    const { status, headers } = await ask('https://chat.example.com', 'OPTIONS')
    expect([status, headers['access-control-allow-origin']]).toEqual([204, 'https://chat.example.com'])
    expect(headers['access-control-allow-methods']).toContain('POST')
    expect(headers['access-control-allow-headers']?.split(', ')).toEqual([
      'authorization',
      'content-type',
      'accept',
      'last-event-id',
      'x-request-id',
      'apollo-require-preflight',
      'apollographql-client-name',
      'apollographql-client-version',
      'traceparent',
      'tracestate',
      'baggage',
      'x-tenant-id',
    ])
  })

  test('can read `allow` and `x-request-id`', async () => {
    const { status, headers } = await ask('https://chat.example.com', 'DELETE')
    expect([status, headers['access-control-allow-origin']]).toEqual([405, 'https://chat.example.com'])
    for (const name of ['allow', 'x-request-id']) {
      expect(headers['access-control-expose-headers']).toContain(name)
      expect(headers).toHaveProperty(name)
    }
  })

  test.each([
    'https://evil.example.com',
    'http://chat.example.com',
    'https://chat.example.com:444',
    'https://chat.example.com.evil.com',
    'https://CHAT.example.com',
    'http://localhost:3000',
    'null',
    '*',
    '',
  ])('that is not listed may not: %j', async (origin) => {
    for (const method of ['POST', 'OPTIONS']) {
      const { headers } = await ask(origin, method)
      expect(headers).not.toHaveProperty('access-control-allow-origin')
      expect(headers.vary).toMatch(/Origin/i)
    }
  })

  test('the headers are on refusals, too, so that a page can read them', async () => {
    const headers = { ...json, origin: 'https://chat.example.com' }
    for (const body of ['{', 'x'.repeat(100_001), JSON.stringify({ query: '{ nothing }' })]) {
      expect((await exchange({ headers, body })).headers['access-control-allow-origin']).toBe(
        'https://chat.example.com',
      )
    }
  })
})

describe('paths', () => {
  test.each([
    ['GET', '/nothing', 404],
    ['POST', '/', 404],
    ['GET', '/graphql/x', 404],
    ['GET', '/graphql//', 404],
    ['GET', '//graphql', 404],
    ['GET', '/health/live', 200],
    ['GET', '/health/ready', 200],
  ])('%s %s is %i', async (method, path, expected) => {
    const { status, headers } = await exchange({ method, path })
    expect([status, headers['x-content-type-options']]).toEqual([expected, 'nosniff'])
  })
})

describe('/graphql/', () => {
  test('serves queries and mutations', async () => {
    const posted = await exchange({
      path: '/graphql/',
      headers: { ...json, ...login() },
      body: JSON.stringify({ query: Who }),
    })
    expect([posted.status, JSON.parse(posted.text)]).toEqual([200, viewerAnswer()])
    const path = `/graphql/?${new URLSearchParams({ query: Who })}`
    const got = await exchange({ method: 'GET', path, headers: login() })
    expect([got.status, JSON.parse(got.text)]).toEqual([200, viewerAnswer()])
  })

  test('serves refusals and preflights', async () => {
    expect((await exchange({ path: '/graphql/', body: '{}' })).status).toBe(415)
    expect((await exchange({ path: '/graphql/', method: 'PUT' })).status).toBe(405)
    expect((await exchange({ path: '/graphql/', method: 'OPTIONS' })).status).toBe(204)
  })

  test('serves event streams', async () => {
    const stream = await openStream(`${app.url}/graphql/`, { token: alice.token, query: Events })
    await stream.until(({ data }) => data.data.events.__typename === 'CaughtUp')
    stream.leave()
  })

  test('serves WebSockets', async () => {
    const url = `${app.url.replace('http', 'ws')}/graphql/`
    const client = createClient({ url, webSocketImpl: WebSocket, retryAttempts: 0 })
    const { value } = await client.iterate({ query: '{ __typename }' }).next()
    expect(value).toEqual({ data: { __typename: 'Query' } })
    await client.dispose()
  })

  test('serves GraphiQL to a browser', async () => {
    const { status, text } = await exchange({
      method: 'GET',
      path: '/graphql/',
      headers: { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' },
    })
    expect([status, text.includes('<title>GraphiQL')]).toEqual([200, true])
  })
})

describe('a request id', () => {
  const ask = async (id?: string) =>
    (
      await exchange({
        headers: { ...json, ...(id !== undefined && { 'x-request-id': id }) },
        body: '{"query":"{ __typename }"}',
      })
    ).headers['x-request-id']

  test('is in every answer', async () => {
    expect(await ask()).toMatch(/^[0-9a-f-]{36}$/)
    expect(await ask()).not.toBe(await ask())
  })

  test('is the one of the caller where that is a plain one', async () => {
    expect(await ask('trace-4711_a')).toBe('trace-4711_a')
    for (const other of ['x'.repeat(65), 'a b', '<script>', ''])
      expect(await ask(other)).toMatch(/^[0-9a-f-]{36}$/)
  })
})

test('a failure of the server tells its request id and nothing else; the log tells the rest', async () => {
  const broken = await startTestApp()
  try {
    const bob = await broken.register('bob')
    const id = await createGroupChat(bob)
    await broken.app.database.query({ name: 'test_break', text: 'DROP TABLE messages CASCADE' }, [])
    // With a plan that is new, and with one that is not.
    for (let i = 0; i < 4; i++) {
      const { status, data, errors, headers } = await bob.send(ChatMessages, { id })
      const requestId = headers.get('x-request-id')
      expect({ status, data }).toEqual({ status: 200, data: { chat: null } })
      expect(errors).toEqual([
        {
          message: 'Something went wrong on the server. The request id helps to find it in the log.',
          locations: [expect.anything()],
          path: ['chat', 'messages'],
          extensions: { code: 'INTERNAL_SERVER_ERROR', requestId },
        },
      ])
      const entry = broken.logs.find((line) => line['requestId'] === requestId)
      expect(JSON.stringify(entry?.['err'])).toContain('messages')
    }
    const live = bob.subscribe(ChatMessages, { id })
    const [answer] = await live.take(1)
    expect(answer.errors[0].extensions).toEqual({
      code: 'INTERNAL_SERVER_ERROR',
      requestId: expect.any(String),
    })
    expect(JSON.stringify(answer)).not.toMatch(/relation|does not exist|SELECT/)
    await live.stop()
  } finally {
    await broken.dispose()
  }
})
