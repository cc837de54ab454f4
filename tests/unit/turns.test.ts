import { expect, test } from 'vitest'
import { createTurns } from '../../src/core/turns.ts'

test('work with one key is done one after the other, whatever fails, and other keys do not wait', async () => {
  const inTurn = createTurns()
  const done: string[] = []
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const work =
    (name: string, fails = false) =>
    async () => {
      done.push(`${name} begins`)
      if (name === 'a1') await held
      done.push(`${name} ends`)
      if (fails) throw new Error(name)
      return name
    }
  const all = [inTurn('a', work('a1')), inTurn('a', work('a2', true)), inTurn('a', work('a3'))]
  const settled = Promise.allSettled(all)
  expect(await inTurn('b', work('b1'))).toBe('b1')
  release()
  expect((await settled).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(done).toEqual([
    'a1 begins',
    'b1 begins',
    'b1 ends',
    'a1 ends',
    'a2 begins',
    'a2 ends',
    'a3 begins',
    'a3 ends',
  ])
  expect(await inTurn('a', work('a4'))).toBe('a4')
})
