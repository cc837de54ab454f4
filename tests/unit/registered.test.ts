import { expect, test } from 'vitest'
import { createRegistered, registeredLimits, sharedLimits } from '../../src/graphql/persisted/registered.ts'

const user = (key: string) => ({ kind: 'users', key }) as const
const stranger = (key: string) => ({ kind: 'strangers', key }) as const

/** Somebody else each time, so that nobody's budget is in the way. */
let others = 0
const another = (kind: 'users' | 'strangers') => ({ kind, key: `${++others}` })

test.each(['users', 'strangers'] as const)(
  'of %s it keeps as many documents as it may, and the latest',
  (kind) => {
    const registered = createRegistered()
    const { documents } = registeredLimits[kind]
    for (let i = 0; i < documents; i++) registered.keep(`${i}`, 'text', another(kind))
    expect(registered.get('0')).toBe('text')
    registered.keep('more', 'text', another(kind))
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
  const { bytes, textBytes } = registeredLimits[kind]
  // Two bytes each.
  const text = 'é'.repeat(textBytes / 2)
  const fitting = Math.floor(bytes / textBytes)
  for (let i = 0; i < fitting; i++) expect(registered.keep(`${i}`, text, another(kind))).toBe(true)
  expect(registered.get('0')).toBe(text)
  registered.keep('more', text, another(kind))
  expect(['0', '1', 'more'].map((hash) => registered.get(hash)?.length)).toEqual([
    text.length,
    undefined,
    text.length,
  ])
  expect(registered.keep('longer', `${text}x`, another(kind))).toBe(false)
  expect(registered.get('longer')).toBeUndefined()
})

test('strangers push out nothing of what users have registered', () => {
  const registered = createRegistered()
  registered.keep('of a user', 'text', user('a'))
  for (let i = 0; i < 2_000; i++) registered.keep(`${i}`, 'text', another('strangers'))
  expect(registered.get('of a user')).toBe('text')
})

test('a few networks push out nothing of what another one has registered', () => {
  const registered = createRegistered()
  const large = 'x'.repeat(registeredLimits.strangers.textBytes)
  registered.keep('mine', 'text', stranger('me'))
  for (let network = 0; network < 19; network++) {
    for (let i = 0; i < 500; i++) registered.keep(`${network} ${i}`, large, stranger(`${network}`))
  }
  expect(registered.get('mine')).toBe('text')
})

test.each([
  ['user', user, 100],
  ['network of strangers', stranger, 10],
] as const)('each %s registers so many at once, and then one a minute', (_who, who, burst) => {
  let now = 5_000
  const registered = createRegistered(() => now)
  let made = 0
  const keep = (key: string) => registered.keep(`${++made}`, 'text', who(key))
  for (let i = 0; i < burst; i++) expect(keep('a')).toBe(true)
  expect(keep('a')).toBe(false)
  expect(registered.get(`${made}`)).toBeUndefined()
  expect(keep('b')).toBe(true)
  expect(registered.keep('x', 'text', who === user ? stranger('a') : user('a'))).toBe(true)
  now += 60_000 - 1
  expect(keep('a')).toBe(false)
  now += 1
  expect(keep('a')).toBe(true)
  expect(keep('a')).toBe(false)
})

test('what goes to Redis is bounded, over all who register', () => {
  let now = 5_000
  const registered = createRegistered(() => now)
  const large = 'é'.repeat(sharedLimits.textBytes / 2)
  expect(registered.admitToShared(`${large}x`, another('users'))).toBe(false)
  for (const kind of ['strangers', 'users'] as const) {
    const { burst, intervalMs } = sharedLimits[kind]
    for (let i = 0; i < burst; i++) expect(registered.admitToShared(large, another(kind))).toBe(true)
    expect(registered.admitToShared('text', another(kind))).toBe(false)
    now += intervalMs
    expect(registered.admitToShared('text', another(kind))).toBe(true)
    expect(registered.admitToShared('text', another(kind))).toBe(false)
  }
})
