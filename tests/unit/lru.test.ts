import { expect, test } from 'vitest'
import { createLru } from '../../src/core/lru.ts'

test('drops what was not asked for the longest', () => {
  const lru = createLru<number>(2)
  lru.set('a', 1)
  lru.set('b', 2)
  expect(lru.get('a')).toBe(1)
  lru.set('c', 3)
  expect(['a', 'b', 'c'].map((key) => lru.get(key))).toEqual([1, undefined, 3])
})

test('holds what it may weigh, to the last, and no more', () => {
  const lru = createLru<string>({ entries: 10, weight: 6, weigh: (text) => text.length })
  const held = () => ['a', 'b', 'c', 'd'].filter((key) => lru.get(key) !== undefined)
  lru.set('a', '12')
  lru.set('b', '34')
  lru.set('c', '56')
  expect(held()).toEqual(['a', 'b', 'c'])
  // What takes the place of another weighs for itself alone.
  lru.set('c', '65')
  expect(held()).toEqual(['a', 'b', 'c'])
  lru.set('d', '7')
  expect(held()).toEqual(['b', 'c', 'd'])
  lru.set('a', '12345')
  expect(held()).toEqual(['a', 'd'])
  lru.set('b', '1234567')
  expect(held()).toEqual([])
})
