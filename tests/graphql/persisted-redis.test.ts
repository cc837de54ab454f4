import { createClient } from '@redis/client'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { startTestApp, type TestApp } from '../testkit/app.ts'
import { createTestRedis, hasRedis, type TestRedis } from '../testkit/redis.ts'
import { byHash, hashOf, openTransports } from '../testkit/transports.ts'

vi.setConfig({ testTimeout: 60_000 })

describe.skipIf(!hasRedis)('registered operations with REDIS_URL', () => {
  const disposables: (() => Promise<unknown>)[] = []
  afterEach(async () => {
    for (const dispose of disposables.splice(0).reverse()) await dispose()
  })

  async function startRedis(): Promise<TestRedis> {
    const redis = await createTestRedis()
    disposables.push(redis.stop)
    await redis.start()
    return redis
  }

  async function start(redis: TestRedis, beside?: TestApp): Promise<TestApp> {
    const app = await startTestApp({
      config: { redisUrl: redis.url, logLevel: 'info' },
      ...(beside && { database: beside.database }),
    })
    disposables.push(app.dispose)
    return app
  }

  async function withClient<Result>(
    redis: TestRedis,
    work: (client: ReturnType<typeof createClient>) => Promise<Result>,
  ): Promise<Result> {
    const client = createClient({ url: redis.url })
    await client.connect()
    try {
      return await work(client as never)
    } finally {
      client.destroy()
    }
  }

  let made = 0
  const newText = () => `query Open${++made} { viewer { email } }`
  const register = async (app: TestApp, query: string) => {
    const answer = await openTransports(app.url).post({ query, ...byHash(hashOf(query)) })
    expect(answer).toMatchObject({ data: { viewer: null }, errors: [] })
  }
  const messageOf = async (app: TestApp, text: string) => {
    const { status, data, errors } = await openTransports(app.url).post(byHash(hashOf(text)))
    expect(status).toBe(200)
    return errors[0]?.message ?? data
  }
  const found = { viewer: null }
  const linesOf = (app: TestApp) =>
    app.logs.map(({ msg }) => String(msg)).filter((msg) => /what operations|registered operations/.test(msg))

  test('what one process was sent another one knows, for a day', async () => {
    const redis = await startRedis()
    const here = await start(redis)
    const there = await start(redis, here)
    const text = newText()
    expect(await messageOf(there, text)).toBe('PersistedQueryNotFound')
    await register(here, text)
    // It goes there beside the answer, not before it.
    await expect.poll(() => messageOf(there, text)).toEqual(found)
    const seconds = await withClient(redis, (client) => client.ttl(`parley:operation:${hashOf(text)}`))
    expect(seconds).toBeGreaterThan(86_000)
    expect(seconds).toBeLessThanOrEqual(86_400)
    expect([...linesOf(here), ...linesOf(there)]).toEqual([])
  })

  test('what is not good is not there, and what is there and not the text of its hash is not run', async () => {
    const redis = await startRedis()
    const app = await start(redis)
    const [good, bad] = [newText(), '{ viewer { nothing } }']
    const { errors } = await openTransports(app.url).post({ query: bad, ...byHash(hashOf(bad)) })
    expect(errors[0]?.extensions['code']).toBe('GRAPHQL_VALIDATION_FAILED')
    await register(app, good)
    await withClient(redis, async (client) => {
      await expect.poll(() => client.keys('parley:operation:*')).toEqual([`parley:operation:${hashOf(good)}`])
      await client.set(`parley:operation:${hashOf('other')}`, good)
    })
    expect(await messageOf(app, 'other')).toBe('PersistedQueryNotFound')
  })

  test('a key that is no text of ours is nobody, and no outage', async () => {
    const redis = await startRedis()
    const app = await start(redis)
    const there = newText()
    const [list, large, invalid] = [newText(), `${newText()} #${'é'.repeat(8_000)}`, '{ viewer { nothing } }']
    const keyOf = (text: string) => `parley:operation:${hashOf(text)}`
    await withClient(redis, async (client) => {
      await client.lPush(keyOf(list), list)
      for (const text of [there, large, invalid]) await client.set(keyOf(text), text)
    })
    for (const text of [list, large]) expect(await messageOf(app, text)).toBe('PersistedQueryNotFound')
    expect(await messageOf(app, there)).toEqual(found)
    const { errors } = await openTransports(app.url).post(byHash(hashOf(invalid)))
    expect(errors[0]?.extensions['code']).toBe('GRAPHQL_VALIDATION_FAILED')
    await withClient(redis, (client) => client.del([there, invalid].map(keyOf)))
    // Kept here is what was good.
    expect(await messageOf(app, invalid)).toBe('PersistedQueryNotFound')
    expect(await messageOf(app, there)).toEqual(found)
    expect(app.logs.map(({ msg }) => msg)).toContain(
      'Redis refuses to keep, or to tell, a registered operation',
    )
    expect(linesOf(app)).toEqual([])
  })

  test('a text that is too large to be shared is known where it was sent', async () => {
    const redis = await startRedis()
    const app = await start(redis)
    const alice = await app.register('alice')
    const as = openTransports(app.url, alice.token)
    const [large, small] = [`${newText()} #${'x'.repeat(16_000)}`, newText()]
    for (const query of [large, small]) {
      expect((await as.post({ query, ...byHash(hashOf(query)) })).errors).toEqual([])
      expect((await as.post(byHash(hashOf(query)))).errors).toEqual([])
    }
    await withClient(redis, (client) =>
      expect.poll(() => client.keys('parley:operation:*')).toEqual([`parley:operation:${hashOf(small)}`]),
    )
  })

  test('while Redis is away each process knows its own, and nothing fails', async () => {
    const redis = await createTestRedis()
    disposables.push(redis.stop)
    const app = await start(redis)
    const first = newText()
    expect(await messageOf(app, first)).toBe('PersistedQueryNotFound')
    await register(app, first)
    expect(await messageOf(app, first)).toEqual(found)
    expect(linesOf(app)).toEqual([expect.stringContaining('away')])

    await redis.start()
    await expect
      .poll(
        async () => {
          await messageOf(app, newText())
          return linesOf(app).at(-1)
        },
        { timeout: 15_000 },
      )
      .toContain('again')
    const second = newText()
    await register(app, second)
    await withClient(redis, (client) =>
      expect.poll(() => client.exists(`parley:operation:${hashOf(second)}`)).toBe(1),
    )

    await redis.stop()
    const third = newText()
    for (const known of [first, second]) expect(await messageOf(app, known)).toEqual(found)
    expect(await messageOf(app, third)).toBe('PersistedQueryNotFound')
    await register(app, third)
    expect(await messageOf(app, third)).toEqual(found)
    expect(linesOf(app)).toHaveLength(3)
  })

  test('a Redis that says nothing holds up one request for a moment, and no other', async () => {
    const redis = await startRedis()
    const app = await start(redis)
    redis.freeze()
    disposables.push(async () => redis.thaw())
    const began = performance.now()
    expect(await messageOf(app, newText())).toBe('PersistedQueryNotFound')
    expect(performance.now() - began).toBeLessThan(1_000)
    await Promise.all(Array.from({ length: 50 }, () => messageOf(app, newText())))
    const text = newText()
    await register(app, text)
    expect(await messageOf(app, text)).toEqual(found)
    expect(performance.now() - began).toBeLessThan(3_000)
  })
})
