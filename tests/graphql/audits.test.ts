import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { serverAudits } from 'graphql-http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'

/**
 * The audits of the GraphQL-over-HTTP specification, as its reference implementation publishes them: every one of them,
 * those that say SHOULD and MAY too. A new version of the package has to be looked at before it counts.
 */
const audited = { version: '1.23.1', count: 61 }

/** The audits whose document asks about the schema: where introspection is off, that is refused. */
const introspecting = ['2EA1', '28B9', 'D6D5', '6A70']

let development: TestApp
let production: TestApp
let open: TestApp
let alice: TestUser
beforeAll(async () => {
  development = await startTestApp()
  const { database } = development
  const config = { production: true, introspection: false, graphiql: false, corsOrigins: [] }
  production = await startTestApp({ database, config })
  open = await startTestApp({ database, config: { ...config, introspection: true } })
  alice = await development.register('alice')
})
afterAll(async () => {
  await open.dispose()
  await production.dispose()
  await development.dispose()
})

const auditsOf = (app: TestApp, headers: Record<string, string> = {}) =>
  serverAudits({
    url: `${app.url}/graphql`,
    fetchFn: (url: string, init?: RequestInit) =>
      fetch(url, { ...init, headers: { ...(init?.headers as Record<string, string>), ...headers } }),
  })

test('the audits are those of the version that is installed, each once', () => {
  const manifest = createRequire(import.meta.url).resolve('graphql-http/package.json')
  expect(JSON.parse(readFileSync(manifest, 'utf8')).version).toBe(audited.version)
  const ids = auditsOf(development).map(({ id }) => id)
  expect(ids).toHaveLength(audited.count)
  expect(new Set(ids).size).toBe(audited.count)
})

describe.each<[string, () => TestApp, string[]]>([
  ['in development', () => development, []],
  ['in production', () => production, introspecting],
  ['in production with introspection', () => open, []],
])('%s', (_mode, app, refused) => {
  test.each(['anonymous', 'logged in'])(`every audit passes but ${refused.length}, %s`, async (who) => {
    const audits = auditsOf(app(), who === 'anonymous' ? {} : { authorization: `Bearer ${alice.token}` })
    const results = []
    for (const audit of audits) results.push(await audit.fn())
    const failures = results.filter(({ status }) => status !== 'ok')
    expect(failures.map(({ id }) => id)).toEqual(refused)
    expect(results).toHaveLength(audited.count)
    // They fail for that reason, and in the way that the specification has for a document that is refused.
    for (const failure of failures) {
      if (failure.status === 'ok') throw new Error('It did not fail.')
      expect(await failure.response.clone().text()).toMatch(/introspection has been disabled|is not valid/)
    }
  })
})

/** What the two modes say, without the ids that are new each time. */
async function answers(body: object, headers: Record<string, string> = {}) {
  return Promise.all(
    [development, production].map(async ({ url }) => {
      const response = await fetch(`${url}/graphql`, {
        method: 'POST',
        headers: {
          accept: 'application/graphql-response+json',
          'content-type': 'application/json',
          ...headers,
        },
        body: JSON.stringify(body),
      })
      const names = ['content-type', 'access-control-allow-origin']
      return {
        status: response.status,
        headers: names.map((name) => response.headers.get(name)),
        body: await response.json(),
      }
    }),
  )
}

describe('production differs from development', () => {
  const authorization = () => ({ authorization: `Bearer ${alice.token}` })

  test.each<[string, object]>([
    ['an answer', { query: '{ __typename }' }],
    ['a login', { query: '{ viewer { user { username } } }' }],
    ['a document that cannot be parsed', { query: '{' }],
    ['a document that is not valid', { query: '{ viewer { nothingLikeIt } }' }],
    ['variables that do not fit', { query: 'query ($id: ID!) { chat(id: $id) { id } }', variables: {} }],
    ['parameters that do not fit', { query: 7 }],
  ])('not in %s', async (_what, body) => {
    const [one, other] = await answers(body, authorization())
    expect(other).toEqual(one)
  })

  test('in what it tells of its schema, and in nothing of the protocol', async () => {
    const messages = async (query: string, headers = {}) => {
      const both = await answers({ query }, headers)
      const [one, other] = both.map(({ status, headers }) => ({ status, headers }))
      const known = query.includes('__schema')
      if (!known) expect(other).toEqual(one)
      return both.map(({ body }) => (body as { errors?: { message: string }[] }).errors?.[0]?.message)
    }
    expect(await messages('{ __schema { queryType { name } } }', authorization())).toEqual([
      undefined,
      expect.stringContaining('introspection has been disabled'),
    ])
    // Suggestions.
    expect(await messages('{ viewer { emial } }', authorization())).toEqual([
      expect.stringContaining('Did you mean "email"?'),
      'Cannot query field "emial" on type "Viewer".',
    ])
    // An anonymous caller.
    expect(await messages('{ viewer { nonsense } }')).toEqual([
      'Cannot query field "nonsense" on type "Viewer".',
      'The document is not valid.',
    ])
  })

  test('in the pages that may talk to it', async () => {
    const [one, other] = await answers({ query: '{ __typename }' }, { origin: 'http://localhost:5173' })
    expect([one?.headers[1], other?.headers[1]]).toEqual(['http://localhost:5173', null])
  })
})
