import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestApp, type TestApp, type TestUser, testPassword } from '../testkit/app.ts'
import type { Data } from '../testkit/client.ts'
import { Register, SearchUsers, UserByUsername } from '../testkit/operations.ts'

let app: TestApp
let viewer: TestUser
const people = [
  ['maria', 'María José Núñez'],
  ['maria_lopez', 'M. L.'],
  ['mariachi', 'The Band'],
  ['jose_p', 'José Pérez'],
  ['Percent_100', '100% cotton'],
  ['percentX100', '1000 cotton'],
  ['back_slash', 'C:\\temp'],
  ['fullwidth_one', 'ＡＢＣＤＥ'],
  ['strasse_9', 'Jörg Straße'],
] as const

beforeAll(async () => {
  app = await startTestApp()
  viewer = await app.register('viewer')
  for (const [username, displayName] of people) await register(username, displayName)
})
afterAll(() => app.dispose())

async function register(username: string, displayName: string): Promise<void> {
  const email = `${username.toLowerCase()}@private.example`
  const { register: payload } = await app.anonymous.run(Register, {
    input: { username, email, password: testPassword, displayName },
  })
  expect(payload.__typename).toBe('RegisterPayload')
}

async function search(text: string): Promise<string[]> {
  const { users } = await viewer.run(SearchUsers, { search: text })
  return users.edges.map(({ node }: Data) => node.username)
}

describe('a search finds', () => {
  test.each<[string, string, readonly string[]]>([
    ['the exact username first, then those it begins', 'maria', ['maria', 'maria_lopez', 'mariachi']],
    ['a username whatever its case', 'MARIA_LOPEZ', ['maria_lopez', 'maria', 'mariachi']],
    ['a username by its beginning', 'mariac', ['mariachi', 'maria']],
    ['a username behind an @', '@maria_lo', ['maria_lopez', 'maria']],
    ['a misspelled name', 'mariachy', ['mariachi']],
    ['a display name without its accents', 'maria jose', ['maria']],
    ['a display name with its accents', 'José Pér', ['jose_p']],
    ['accents that are spelled apart', 'Jose\u0301 Pe\u0301r', ['jose_p']],
    ['a word in a display name', 'nunez', ['maria']],
    ['letters of full width by plain ones', 'abcde', ['fullwidth_one']],
    ['a name with spaces around', '  mariachi  ', ['mariachi']],
  ])('%s', async (_what, text, best) => {
    expect((await search(text)).slice(0, best.length)).toEqual(best)
  })
})

test.each([
  '%',
  '_',
  '\\',
  '%%',
  '_____',
  '%a%',
  'm_r_a',
  'J%',
  "' OR ''='",
  '"',
  '--',
  '{}',
  '(',
  '*',
  '.*',
])('a sign that means something to a database finds nobody by itself: %s', async (text) => {
  expect(await search(text)).toEqual([])
})

test.each([
  ['100%', 'Percent_100'],
  ['percent_1', 'Percent_100'],
  ['C:\\', 'back_slash'],
])('a sign that stands in a name is found there: %s', async (text, best) => {
  expect((await search(text))[0]).toBe(best)
})

test.each(['@', '@@', '\u0301', '@\u0301', '\u200d'])(
  'a search in which no letter is left finds nobody: %j',
  async (text) => {
    expect(await search(text)).toEqual([])
  },
)

describe('an email finds its owner whole or not at all', () => {
  test.each<[string, readonly string[]]>([
    ['maria@private.example', ['maria']],
    ['MARIA@Private.Example', ['maria']],
    [' maria@private.example ', ['maria']],
    ['maria@private.exampl', []],
    ['maria@private', []],
    ['aria@private.example', []],
    ['maria@private.example%', []],
    ['%@private.example', []],
    ['_aria@private.example', []],
    ['@private.example', []],
    ['private.example', []],
  ])('%s', async (text, expected) => {
    expect(await search(text)).toEqual(expected)
  })
})

test('no answer has an email in it', async () => {
  for (const text of ['maria', 'maria@private.example', 'cotton', 'private']) {
    const answer = await viewer.send(SearchUsers, { search: text })
    // The cursors, too: they carry the position in the clear.
    const cursors = (answer.data.users.edges as Data[]).map(({ cursor }) => Buffer.from(cursor, 'base64url'))
    expect(JSON.stringify([answer.data, cursors.map(String)])).not.toMatch(/private|@/)
  }
  expect(JSON.stringify(await viewer.run(UserByUsername, { username: 'maria' }))).not.toMatch(/private|@/)
})

test.each(['', '   ', 'x'.repeat(121), 'a\0b', 'a\ud800'])(
  'a search out of its limits is refused',
  async (text) => {
    expect(await viewer.codeOf(SearchUsers, { search: text })).toBe('VALIDATION_FAILED')
  },
)

test('a search of 120 characters is answered', async () => {
  expect(await search('x'.repeat(120))).toEqual([])
})

describe('pages of a search', () => {
  const names = Array.from({ length: 64 }, (_, i) => `crowd_${String(i).padStart(2, '0')}`)
  const text = 'crowd'
  beforeAll(() => Promise.all(names.map((name) => register(name, name))))

  async function pages(step: 'first' | 'last', size: number): Promise<string[][]> {
    const result: string[][] = []
    let cursor: string | null = null
    for (let more = true; more; ) {
      const where: object = step === 'first' ? { after: cursor } : { before: cursor }
      const { users }: Data = await viewer.run(SearchUsers, { search: text, [step]: size, ...where })
      result.push(users.edges.map(({ node }: Data) => node.username))
      more = step === 'first' ? users.pageInfo.hasNextPage : users.pageInfo.hasPreviousPage
      cursor = step === 'first' ? users.pageInfo.endCursor : users.pageInfo.startCursor
    }
    return result
  }

  test('hold every match once, in one order, forward and backward', async () => {
    const [whole] = await pages('first', 100)
    expect([...(whole ?? [])].sort()).toEqual(names)
    for (const size of [7, 20, 64]) {
      expect((await pages('first', size)).flat()).toEqual(whole)
      expect((await pages('last', size)).reverse().flat()).toEqual(whole)
    }
  })

  test('are of 20 unless asked otherwise', async () => {
    expect(await search(text)).toHaveLength(20)
  })

  test('take only cursors of a search', async () => {
    for (const after of ['', 'garbage', 'bXww', Buffer.from('u|1|x').toString('base64url')]) {
      expect(await viewer.codeOf(SearchUsers, { search: text, after })).toBe('VALIDATION_FAILED')
    }
  })
})

describe('user(username:)', () => {
  test.each(['maria', 'MARIA', 'mArIa'])('finds an account whatever the case: %s', async (username) => {
    const { user } = await viewer.run(UserByUsername, { username })
    expect(user).toMatchObject({
      username: 'maria',
      displayName: 'María José Núñez',
      kind: 'HUMAN',
      isViewer: false,
    })
  })

  test.each([
    '',
    'mari',
    'maria ',
    'maria%',
    'ma_ia',
    'maria@private.example',
    'maria\0',
    '\ud800',
    'x'.repeat(5000),
  ])('is null for what is no username: %j', async (username) => {
    expect(await viewer.run(UserByUsername, { username })).toEqual({ user: null })
  })

  test('tells who the viewer is', async () => {
    const { user } = await viewer.run(UserByUsername, { username: viewer.username })
    expect(user).toMatchObject({ id: viewer.id, isViewer: true })
  })
})

test('addresses cannot be tried one after the other: thirty, then one a minute', async () => {
  const limited = await startTestApp({ config: { rateLimits: true } })
  const alice = await limited.register('alice')
  const search = (text: string) => alice.send(SearchUsers, { search: text })
  for (let i = 0; i < 30; i++) expect((await search(`nobody${i}@example.com`)).errors).toEqual([])
  const { errors } = await search(alice.email)
  expect(errors[0]?.extensions).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: expect.any(Number) })
  expect(Number(errors[0]?.extensions['retryAfterMs'])).toBeGreaterThan(50_000)
  expect((await search('alice')).errors).toEqual([])
  const bob = await limited.register('bob')
  expect((await bob.run(SearchUsers, { search: alice.email })).users.edges).toHaveLength(1)
  await limited.dispose()
})
