import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { startTestApp, type TestApp } from '../testkit/app.ts'
import { Login } from '../testkit/operations.ts'
import { createTestRedis, hasRedis, type TestRedis } from '../testkit/redis.ts'

vi.setConfig({ testTimeout: 60_000 })

describe.skipIf(!hasRedis)('limits with REDIS_URL', () => {
  const redises: TestRedis[] = []
  let redis: TestRedis
  beforeEach(async () => {
    redis = await createTestRedis()
    redises.push(redis)
  })
  afterAll(async () => {
    for (const each of redises) await each.stop()
  })

  const start = (options: { beside?: TestApp } = {}) =>
    startTestApp({
      config: { rateLimits: true, redisUrl: redis.url, logLevel: 'info' },
      ...(options.beside && { database: options.beside.database }),
    })

  let made = 0
  const newName = () => `nobody_${++made}`
  const login = (app: TestApp, identifier: string) =>
    app.anonymous.codeOf(Login, { input: { identifier, password: 'Wrong1Password' } })
  const countRows = (app: TestApp) => app.app.database.prisma.rateLimit.count()
  const linesOf = (app: TestApp) =>
    app.logs.map(({ msg }) => String(msg)).filter((msg) => msg.includes('rate limits'))

  test('processes share them there, and nothing is written to Postgres', async () => {
    await redis.start()
    const here = await start()
    const there = await start({ beside: here })
    const name = newName()
    for (let i = 0; i < 10; i++) expect(await login(i % 2 ? here : there, name)).toBe('INVALID_CREDENTIALS')
    expect(await login(here, name)).toBe('RATE_LIMITED')
    expect(await login(there, name)).toBe('RATE_LIMITED')
    expect(await countRows(here)).toBe(0)
    expect(await redis.values()).toHaveLength(3)
    expect([...linesOf(here), ...linesOf(there)]).toEqual([])
    await there.dispose()
    await here.dispose()
  })

  test('Postgres counts while Redis is away, and Redis again once it is back', async () => {
    const app = await start()
    const name = newName()
    for (let i = 0; i < 10; i++) expect(await login(app, name)).toBe('INVALID_CREDENTIALS')
    expect(await login(app, name)).toBe('RATE_LIMITED')
    expect(await countRows(app)).toBe(3)
    expect(linesOf(app)).toEqual([expect.stringContaining('away')])
    await redis.start()
    while (linesOf(app).length === 1) await login(app, newName())
    expect(linesOf(app).at(-1)).toContain('again')
    expect(await redis.values()).not.toEqual([])
    await redis.stop()
    expect(await login(app, newName())).toBe('INVALID_CREDENTIALS')
    expect(linesOf(app)).toHaveLength(3)
    await app.dispose()
  })

  test('a Redis that says nothing holds up one call for a moment, and no other', async () => {
    await redis.start()
    const app = await start()
    const take = (name: string) =>
      app.app.services.auth.limits.take([
        { rule: { name: 'test', burst: 1, intervalMs: 1_000 }, subject: name },
      ])
    await take(newName())
    redis.freeze()
    const began = performance.now()
    await take(newName())
    expect(performance.now() - began).toBeLessThan(1_000)
    await Promise.all(Array.from({ length: 100 }, () => take(newName())))
    expect(performance.now() - began).toBeLessThan(2_000)
    expect(linesOf(app)).toEqual([expect.stringContaining('away')])
    redis.thaw()
    while (linesOf(app).length === 1) await take(newName())
    expect(linesOf(app).at(-1)).toContain('again')
    await app.dispose()
  })
})
