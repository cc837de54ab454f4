import { expect, test, vi } from 'vitest'
import { createBoundedGate, createFairGate, createGate } from '../../src/core/gate.ts'

test('never more at a time than the gate is wide, whenever they come', async () => {
  const gate = createGate(2)
  let running = 0
  let most = 0
  const work = () =>
    gate(async () => {
      most = Math.max(most, ++running)
      await Promise.resolve()
      running--
    })
  const first = Array.from({ length: 5 }, work)
  // Comes in the very turn in which a place is given up.
  const slippers = first.map((each) => each.then(work))
  await Promise.all([...first, ...slippers])
  expect([most, running]).toEqual([2, 0])
})

test('a piece of work that fails gives its place up', async () => {
  const gate = createGate(1)
  await expect(gate(() => Promise.reject(new Error('no')))).rejects.toThrow('no')
  expect(await gate(async () => 'next')).toBe('next')
})

test('whoever finds the line full is sent away, and told when it will be worked off', async () => {
  const gate = createBoundedGate(2, 3)
  let open = () => {}
  const held = new Promise<void>((resolve) => {
    open = resolve
  })
  const inside = Array.from({ length: 5 }, () => gate.run(() => held))
  const refusal = await gate.run(async () => {}).catch((error) => error)
  expect(refusal).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: expect.any(Number) })
  await expect(gate.check()).rejects.toMatchObject({ code: 'RATE_LIMITED' })
  open()
  await Promise.all(inside)
  await gate.check()
  expect(await gate.run(async () => 'next')).toBe('next')
})

test('while others wait a rest follows each piece of work, as long as itself; its result does not wait', async () => {
  vi.useFakeTimers()
  const gate = createBoundedGate(1, 2)
  const log: string[] = []
  const work = (name: string) =>
    gate
      .run(async () => {
        log.push(`${name} begins`)
        await new Promise((resolve) => setTimeout(resolve, 100))
      })
      .then(() => log.push(`${name} is done`))
  const both = [work('first'), work('second')]
  await vi.advanceTimersByTimeAsync(100)
  expect(log).toEqual(['first begins', 'first is done'])
  await vi.advanceTimersByTimeAsync(99)
  expect(log).toHaveLength(2)
  await vi.advanceTimersByTimeAsync(101)
  await Promise.all(both)
  // Nobody waits any more.
  await Promise.all([work('third'), vi.advanceTimersByTimeAsync(100)])
  expect(log.slice(2)).toEqual(['second begins', 'second is done', 'third begins', 'third is done'])
  vi.useRealTimers()
})

test('the slower the work, the longer one is told to wait', async () => {
  const gate = createBoundedGate(1, 1)
  let now = 0
  vi.spyOn(performance, 'now').mockImplementation(() => now)
  for (let i = 0; i < 50; i++) {
    await gate.run(async () => {
      now += 30_000
    })
  }
  const inside = [1, 2].map(() => gate.run(() => Promise.resolve()))
  const refusal = await gate.check().catch((error) => error)
  expect(refusal.retryAfterMs).toBeGreaterThan(50_000)
  expect(refusal.retryAfterMs).toBeLessThan(60_000)
  await Promise.all(inside)
  vi.restoreAllMocks()
})

test('of each key one at a time, and a line of bounded length', async () => {
  const gate = createFairGate(2, 3)
  const done: string[] = []
  let open = () => {}
  const held = new Promise<void>((resolve) => {
    open = resolve
  })
  const greedy = ['a1', 'a2', 'a3'].map((name) =>
    gate('a', async () => {
      await held
      done.push(name)
    }),
  )
  await expect(gate('a', async () => {})).rejects.toMatchObject({ code: 'RATE_LIMITED' })
  // Somebody else is not behind them.
  await gate('b', async () => done.push('b'))
  expect(done).toEqual(['b'])
  open()
  await Promise.all(greedy)
  expect(done).toEqual(['b', 'a1', 'a2', 'a3'])
  await gate('a', async () => done.push('a4'))
  expect(done.at(-1)).toBe('a4')
})
