import { availableParallelism } from 'node:os'
import { expect, test } from 'vitest'
import { parseConfig } from '../../src/config.ts'

const read = (env: Record<string, string>) => () => parseConfig(env)

test.each([
  [{}, 0],
  [{ TRUST_PROXY: 'off' }, 0],
  [{ TRUST_PROXY: 'on' }, 1],
  [{ TRUST_PROXY: '3' }, 3],
])('%j trusts %i proxies', (env, trustedProxies) => {
  expect(parseConfig(env)).toMatchObject({ trustedProxies, rateLimits: true, redisUrl: null })
})

test('what cannot be meant is refused with every problem', () => {
  const env = { TRUST_PROXY: '10', REDIS_URL: 'http://redis', RATE_LIMITS: 'no' }
  expect(read(env)).toThrow(/3 problems.*RATE_LIMITS.*TRUST_PROXY.*REDIS_URL/s)
  for (const TRUST_PROXY of ['yes', '0', '-1', '1.5']) expect(read({ TRUST_PROXY })).toThrow('TRUST_PROXY')
  expect(parseConfig({ REDIS_URL: 'rediss://:secret@redis:6380/1' }).redisUrl).toContain('redis:6380')
})

test.each([
  ['WORKERS', 'workers', '1', '64', ['0', '65', 'all', '1.5', '-1', '01']],
  ['DATABASE_POOL_SIZE', 'databasePoolSize', '2', '200', ['1', '201', 'auto']],
] as const)('%s has its bounds', (name, field, least, most, refused) => {
  expect(parseConfig({ [name]: least })[field]).toBe(Number(least))
  expect(parseConfig({ [name]: most })[field]).toBe(Number(most))
  for (const value of refused) expect(read({ [name]: value })).toThrow(name)
})

test('PERSISTED_OPERATIONS=only takes introspection and GraphiQL away, and refuses whoever wants them', () => {
  expect(parseConfig({})).toMatchObject({
    persistedOperations: 'allow',
    persistedOperationsDir: null,
    introspection: true,
    graphiql: true,
  })
  const only = { PERSISTED_OPERATIONS: 'only', PERSISTED_OPERATIONS_DIR: '/manifests' }
  expect(parseConfig({ ...only, GRAPHIQL: 'off' })).toMatchObject({
    persistedOperations: 'only',
    persistedOperationsDir: '/manifests',
    introspection: false,
    graphiql: false,
  })
  expect(read({ ...only, GRAPHIQL: 'on', INTROSPECTION: 'on' })).toThrow(
    /2 problems.*INTROSPECTION.*GRAPHIQL/s,
  )
  expect(parseConfig({ PERSISTED_OPERATIONS: 'off', GRAPHIQL: 'on' }).graphiql).toBe(true)
  expect(read({ PERSISTED_OPERATIONS: 'on' })).toThrow('PERSISTED_OPERATIONS must be allow, only or off')
})

test('WORKERS=auto is one for each core that this process may use', () => {
  expect(parseConfig({ WORKERS: 'auto' }).workers).toBe(Math.min(availableParallelism(), 64))
  expect(parseConfig({}).workers).toBe(1)
})

test('CORS_ALLOWED_HEADERS is a list of header names', () => {
  expect(parseConfig({}).corsAllowedHeaders).toEqual([])
  const names = parseConfig({ CORS_ALLOWED_HEADERS: 'X-Tenant-Id, x_trace,,' }).corsAllowedHeaders
  expect(names).toEqual(['x-tenant-id', 'x_trace'])
  for (const value of ['*', 'x-tenant id', 'x-tenant:', 'ü', 'x-a\r\nset-cookie', 'x-good, "bad"']) {
    expect(read({ CORS_ALLOWED_HEADERS: value })).toThrow(
      /CORS_ALLOWED_HEADERS has ".*", which is not a header name/,
    )
  }
})
