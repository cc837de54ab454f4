import { expect, test } from 'vitest'
import { createFairGate, createGate } from '../../src/core/gate.ts'

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
