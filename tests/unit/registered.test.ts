import { expect, test } from 'vitest'
import { createRegistered, registeredLimits } from '../../src/graphql/persisted/registered.ts'

const user = (key: string) => ({ kind: 'users', key }) as const
const stranger = (key: string) => ({ kind: 'strangers', key }) as const

test.each(['users', 'strangers'] as const)(
  'of %s it keeps as many documents as it may, and the latest',
  (kind) => {
    const registered = createRegistered()
    const { documents } = registeredLimits[kind]
    for (let i = 0; i < documents; i++) registered.keep(`${i}`, 'text', { kind, key: 'x' })
    expect(registered.get('0')).toBe('text')
    registered.keep('more', 'text', { kind, key: 'x' })
    // The first was asked for just now.
    expect(['0', '1', '2', 'more'].map((hash) => registered.get(hash))).toEqual([
      'text',
      undefined,
      'text',
      'text',
    ])
  },
)

test.each(['users', 'strangers'] as const)('of %s it keeps as many bytes as it may', (kind) => {
  const registered = createRegistered()
  // Two bytes each.
  const half = 'é'.repeat(registeredLimits[kind].bytes / 4)
  registered.keep('a', half, { kind, key: 'x' })
  registered.keep('b', half, { kind, key: 'x' })
  expect(registered.get('a')).toBe(half)
  registered.keep('c', 'x', { kind, key: 'x' })
  expect(['a', 'b', 'c'].map((hash) => registered.get(hash)?.length)).toEqual([half.length, undefined, 1])
})

test('strangers push out nothing of what users have registered', () => {
  const registered = createRegistered()
  registered.keep('of a user', 'text', user('a'))
  for (let i = 0; i < 2_000; i++) registered.keep(`${i}`, 'text', stranger('x'))
  expect(registered.get('of a user')).toBe('text')
})

test('each registers 100 at once, and then one a minute', () => {
  let now = 5_000
  const registered = createRegistered(() => now)
  const { burst, intervalMs } = registeredLimits
  expect([burst, intervalMs]).toEqual([100, 60_000])
  for (let i = 0; i < burst; i++) expect(registered.admit(user('a'))).toBe(true)
  expect(registered.admit(user('a'))).toBe(false)
  expect(registered.admit(user('b'))).toBe(true)
  expect(registered.admit(stranger('a'))).toBe(true)
  now += intervalMs - 1
  expect(registered.admit(user('a'))).toBe(false)
  now += 1
  expect(registered.admit(user('a'))).toBe(true)
  expect(registered.admit(user('a'))).toBe(false)
})
