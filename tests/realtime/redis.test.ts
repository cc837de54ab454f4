import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { createDirectChat, sendMessage } from '../testkit/chats.ts'
import type { Collected } from '../testkit/collect.ts'
import { MessageAdded, SetTyping, TypingIn } from '../testkit/operations.ts'
import { createTestRedis, hasRedis, type TestRedis } from '../testkit/redis.ts'

vi.setConfig({ testTimeout: 60_000 })

describe.skipIf(!hasRedis)('live updates between processes with REDIS_URL', () => {
  let redis: TestRedis
  let here: TestApp
  let there: TestApp
  let alice: TestUser
  let chatId: string
  let typing: Collected
  let messages: Collected
  let said = 0

  beforeAll(async () => {
    redis = await createTestRedis()
    await redis.start()
    const config = { redisUrl: redis.url, logLevel: 'info' } as const
    here = await startTestApp({ config })
    there = await startTestApp({ config, database: here.database })
    alice = await here.register('alice')
    const bob = await here.register('bob')
    chatId = await createDirectChat(alice, bob.id)
    const elsewhere = there.client(bob.token)
    typing = elsewhere.subscribe(TypingIn, { chatId })
    messages = elsewhere.subscribe(MessageAdded, { chatId })
    await vi.waitFor(() => {
      expect(there.app.services.typing.size).toBe(1)
      expect(there.app.services.feed.stats.listeners).toBe(1)
    })
  })

  afterAll(async () => {
    await there?.dispose()
    await here?.dispose()
    await redis?.stop()
  })

  /** How long a sign of typing and a message take to the other process, in milliseconds. */
  async function timesOfBoth(): Promise<[number, number]> {
    const began = performance.now()
    const times: [number, number] = [0, 0]
    const isTyping = said++ % 2 === 0
    await Promise.all([
      alice.run(SetTyping, { input: { chatId, isTyping } }),
      typing.take(1).then(([event]) => {
        expect(event.typing.isTyping).toBe(isTyping)
        times[0] = performance.now() - began
      }),
      sendMessage(alice, chatId, `message ${said}`),
      messages.take(1).then(([event]) => {
        expect(event.messageAdded.message.text).toBe(`message ${said}`)
        times[1] = performance.now() - began
      }),
    ])
    return times
  }

  const lastWords = (app: TestApp) =>
    String(app.logs.findLast(({ msg }) => String(msg).includes('signals'))?.['msg'])

  async function untilBack(): Promise<void> {
    for (const app of [here, there]) {
      await vi.waitFor(() => expect(lastWords(app)).toContain('again'), { timeout: 10_000 })
    }
  }

  // A second of the outage's, one in which a sign of typing waits for its turn, and a busy machine's.
  const bound = 3_000

  test.each([
    ['is stopped', () => redis.stop(), () => redis.start()],
    ['is frozen', async () => redis.freeze(), async () => redis.thaw()],
  ])('typing and messages go on when Redis %s, and when it is back', async (_name, stop, start) => {
    for (const time of await timesOfBoth()) expect(time).toBeLessThan(bound)
    await stop()
    for (const time of await timesOfBoth()) expect(time).toBeLessThan(bound)
    expect(lastWords(here)).toContain('away')
    await start()
    await untilBack()
    for (const time of await timesOfBoth()) expect(time).toBeLessThan(bound)
    await timesOfBoth()
  })
})
