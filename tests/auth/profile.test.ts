import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestApp, type TestApp, type TestUser, testPassword } from '../testkit/app.ts'
import type { Data } from '../testkit/client.ts'
import { Login, Register, SearchUsers, UpdateProfile, UserByUsername } from '../testkit/operations.ts'

let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
})
afterAll(() => app.dispose())

const unique = () => `new_${randomBytes(5).toString('hex')}`

async function update(user: TestUser, input: object): Promise<Data> {
  return (await user.run(UpdateProfile, { input })).updateProfile
}

async function profileOf(user: TestUser): Promise<Data> {
  return (await user.run('{ viewer { user { username displayName bio } } }')).viewer.user
}

/** How often the log speaks of a change to this profile. */
async function changesOf({ id }: TestUser): Promise<number> {
  const text = `SELECT count(*)::int AS count FROM events WHERE kind = 'USER_UPDATED' AND peers_of = $1 AND subject_id = $1`
  const rowId = Buffer.from(id, 'base64url').toString().split(':')[1]
  const rows = await app.app.database.query<{ count: number }>({ name: 'test_changes', text }, [rowId])
  return rows[0]?.count ?? 0
}

test('what is given changes, what is not stays', async () => {
  const alice = await app.register('alice')
  const username = unique()
  expect(await update(alice, { username })).toEqual({
    __typename: 'UpdateProfilePayload',
    viewer: { user: { id: alice.id, username, displayName: 'alice', bio: null } },
  })
  await update(alice, { displayName: '  Alice  of Oz ' })
  await update(alice, { bio: '  Reads.\nWrites. ' })
  const profile = { username, displayName: 'Alice  of Oz', bio: 'Reads.\nWrites.' }
  expect(await profileOf(alice)).toEqual(profile)
  await update(alice, { username: null, displayName: null })
  await update(alice, {})
  expect(await profileOf(alice)).toEqual(profile)
})

test.each([
  ['null', null],
  ['nothing', ''],
  ['white space', ' \n '],
  ['characters that show nothing', '\u200b\u2060'],
])('a bio is cleared by %s', async (_what, bio) => {
  const alice = await app.register('alice')
  await update(alice, { bio: 'Reads.' })
  expect(await update(alice, { bio })).toMatchObject({ viewer: { user: { bio: null } } })
})

test('the account is found and logged in to by its new name, and the old one is free', async () => {
  const alice = await app.register('alice')
  const username = unique()
  await update(alice, { username, displayName: `Zoë ${username}` })
  for (const search of [username, `zoe ${username}`]) {
    const { users } = await alice.run(SearchUsers, { search, first: 1 })
    expect(users.edges[0].node.id).toBe(alice.id)
  }
  expect((await alice.run(UserByUsername, { username: alice.username })).user).toBeNull()
  const login = async (identifier: string) =>
    (await app.anonymous.run(Login, { input: { identifier, password: testPassword } })).login
  expect(await login(username.toUpperCase())).toMatchObject({ viewer: { user: { id: alice.id } } })
  expect(await login(alice.username)).toMatchObject({ code: 'INVALID_CREDENTIALS' })
  const input = { username: alice.username, email: `${unique()}@example.com`, password: testPassword }
  expect((await app.anonymous.run(Register, { input })).register.__typename).toBe('RegisterPayload')
})

test("a username may change its case, and may not be another's whatever the case", async () => {
  const [alice, bob] = [await app.register('alice'), await app.register('bob')]
  const inCapitals = alice.username.toUpperCase()
  expect(await update(alice, { username: inCapitals })).toMatchObject({
    viewer: { user: { username: inCapitals } },
  })
  for (const username of [inCapitals, alice.username]) {
    expect(await update(bob, { username, bio: 'Nobody reads this.' })).toMatchObject({
      __typename: 'ConflictError',
      code: 'USERNAME_TAKEN',
    })
  }
  expect(await profileOf(bob)).toEqual({ username: bob.username, displayName: 'bob', bio: null })
  expect(await changesOf(bob)).toBe(0)
})

test('of ten who take a name at once, one of them by registration, one gets it', async () => {
  const people = await Promise.all(Array.from({ length: 9 }, () => app.register()))
  const name = unique()
  const input = { username: name, email: `${name}@example.com`, password: testPassword }
  const payloads = await Promise.all([
    ...people.map((user, i) => update(user, { username: i % 2 === 0 ? name : name.toUpperCase() })),
    app.anonymous.run(Register, { input }).then((data) => data.register),
  ])
  const outcomes = payloads.map((payload) => payload.code ?? 'it is theirs').sort()
  expect(outcomes).toEqual([...Array.from({ length: 9 }, () => 'USERNAME_TAKEN'), 'it is theirs'])
  const changes = await Promise.all(people.map(changesOf))
  const taken = people.filter((_, i) => payloads[i]?.code === undefined)
  expect(changes).toEqual(people.map((user) => (taken.includes(user) ? 1 : 0)))
})

test('changes of different fields at once all happen, and the log tells of each', async () => {
  const alice = await app.register('alice')
  const username = unique()
  await Promise.all([
    update(alice, { username }),
    update(alice, { displayName: 'Alice' }),
    update(alice, { bio: 'Reads.' }),
  ])
  expect(await profileOf(alice)).toEqual({ username, displayName: 'Alice', bio: 'Reads.' })
  expect(await changesOf(alice)).toBe(3)
})

test('what changes nothing is no event, also of ten at once', async () => {
  const alice = await app.register('alice')
  await update(alice, {})
  await update(alice, { username: alice.username, displayName: ' alice ', bio: ' ' })
  expect(await changesOf(alice)).toBe(0)
  await Promise.all(Array.from({ length: 10 }, () => update(alice, { bio: 'Reads.' })))
  expect(await changesOf(alice)).toBe(1)
})

const usernameOf = (length: number) => unique().padEnd(length, 'x').slice(0, length)

describe('at the edge of a rule it still passes', () => {
  test.each<[string, () => object]>([
    ['a username of 3', () => ({ username: randomBytes(2).toString('hex').slice(0, 3) })],
    ['a username of 80', () => ({ username: usernameOf(80) })],
    ['a display name of 1', () => ({ displayName: 'Z' })],
    ['a display name of 80', () => ({ displayName: '😀'.repeat(80) })],
    ['a bio of 1', () => ({ bio: 'x' })],
    ['a bio of 500', () => ({ bio: '😀'.repeat(500) })],
    ['a bio of 500 within white space', () => ({ bio: `\n\t ${'x'.repeat(500)} \r\n` })],
    ['a bio of several lines', () => ({ bio: 'one\n\ntwo' })],
  ])('%s', async (_what, change) => {
    const payload = await update(await app.register('alice'), change())
    expect(payload.__typename).toBe('UpdateProfilePayload')
    const [[field, value] = []] = Object.entries(change())
    if (field !== 'username') expect(payload.viewer.user[field ?? '']).toBe(value.trim())
  })
})

describe('what breaks a rule is refused at its place, and changes nothing', () => {
  test.each<[string, Record<string, string>]>([
    ['a username of 2', { username: 'ab' }],
    ['a username of 81', { username: usernameOf(81) }],
    ['a hyphen in the username', { username: 'ab-cd' }],
    ['an @ in the username', { username: 'ab@cd' }],
    ['a NUL in the username', { username: 'abc\0' }],
    ['an empty display name', { displayName: '' }],
    ['a blank display name', { displayName: ' \u200b\u2060 ' }],
    ['a display name of 81', { displayName: 'z'.repeat(81) }],
    ['a line break in the display name', { displayName: 'a\nb' }],
    ['a bio of 501', { bio: 'x'.repeat(501) }],
    ['a tab in the bio', { bio: 'a\tb' }],
    ['a control character in the bio', { bio: 'a\u001bb' }],
    ['a NUL in the bio', { bio: 'a\0b' }],
    ['half a surrogate pair in the bio', { bio: 'a\udfff' }],
  ])('%s', async (_what, change) => {
    const alice = await app.register('alice')
    const payload = await update(alice, change)
    expect(payload).toMatchObject({ __typename: 'ValidationError', code: 'VALIDATION_FAILED' })
    expect(payload.issues).toEqual([{ path: Object.keys(change), message: expect.stringMatching(/\w+\.$/) }])
    expect(await profileOf(alice)).toEqual({ username: alice.username, displayName: 'alice', bio: null })
    expect(await changesOf(alice)).toBe(0)
  })
})

test('every problem is reported at once, and the good part is not written', async () => {
  const alice = await app.register('alice')
  const payload = await update(alice, { username: 'a!', displayName: '', bio: 'Reads.' })
  expect(payload.issues.map(({ path }: Data) => path.join('.'))).toEqual([
    'username',
    'username',
    'displayName',
  ])
  expect((await profileOf(alice)).bio).toBeNull()
})
