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
