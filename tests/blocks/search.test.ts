import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestApp, type TestApp, type TestUser, testPassword } from '../testkit/app.ts'
import type { Data, TestClient } from '../testkit/client.ts'
import { NodeById, Register, SearchUsers, UserByUsername } from '../testkit/operations.ts'
import { block, unblock } from './blocking.ts'

let app: TestApp
let alice: TestUser
let bob: TestUser
let carol: TestUser
beforeAll(async () => {
  app = await startTestApp()
  alice = await register('alice_liddell', 'Álice Liddell')
  bob = await register('bob_dodgson', 'Bob Dódgson')
  carol = await app.register('carol')
})
afterAll(() => app.dispose())

async function register(username: string, displayName: string): Promise<TestUser> {
  const email = `${username}@private.example`
  const { register: payload } = await app.anonymous.run(Register, {
    input: { username, email, password: testPassword, displayName },
  })
  const { accessToken: token, refreshToken } = payload.tokens
  return { ...app.client(token), id: payload.viewer.user.id, username, email, token, refreshToken }
}

async function search(viewer: TestClient, text: string): Promise<string[]> {
  const { users } = await viewer.run(SearchUsers, { search: text })
  return users.edges.map(({ node }: Data) => node.id)
}

describe.each<[string, text: (user: 'alice' | 'bob') => string]>([
  ['the username', (user) => (user === 'alice' ? 'alice_liddell' : 'bob_dodgson')],
  ['the beginning of the username', (user) => (user === 'alice' ? '@alice_l' : '@bob_d')],
  ['the display name without its accents', (user) => (user === 'alice' ? 'alice liddell' : 'bob dodgson')],
  ['a word of the display name', (user) => (user === 'alice' ? 'liddell' : 'dodgson')],
  ['a misspelled name', (user) => (user === 'alice' ? 'alise_lidell' : 'bob_dodgeson')],
  ['the email', (user) => `${user === 'alice' ? 'alice_liddell' : 'bob_dodgson'}@PRIVATE.example`],
])('a search by %s', (_what, text) => {
  test('finds neither side for the other, and both for everyone else', async () => {
    const seen = async () => ({
      byAlice: (await search(alice, text('bob'))).includes(bob.id),
      byBob: (await search(bob, text('alice'))).includes(alice.id),
      byCarol: [
        (await search(carol, text('alice'))).includes(alice.id),
        (await search(carol, text('bob'))).includes(bob.id),
      ],
      // Nobody is out of reach of themselves.
      own: [
        (await search(alice, text('alice'))).includes(alice.id),
        (await search(bob, text('bob'))).includes(bob.id),
      ],
    })
    const always = { byCarol: [true, true], own: [true, true] }
    expect(await seen()).toEqual({ byAlice: true, byBob: true, ...always })
    await block(alice, bob.id)
    expect(await seen()).toEqual({ byAlice: false, byBob: false, ...always })
    await block(bob, alice.id)
    await unblock(alice, bob.id)
    expect(await seen()).toEqual({ byAlice: false, byBob: false, ...always })
    await unblock(bob, alice.id)
    expect(await seen()).toEqual({ byAlice: true, byBob: true, ...always })
  })
})

test('pages are full, and say what follows, without those who are left out', async () => {
  const crowd = await Promise.all(Array.from({ length: 9 }, () => app.register('crowd')))
  const all = await search(alice, 'crowd')
  const blocked = [1, 2, 5, 8].map((place) => crowd.find(({ id }) => id === all[place]) as TestUser)
  for (const [i, user] of blocked.entries()) {
    if (i % 2 === 0) await block(alice, user.id)
    else await block(user, alice.id)
  }
  const left = all.filter((id) => blocked.every((user) => user.id !== id))
  expect(left).toHaveLength(5)
  for (const way of ['first', 'last'] as const) {
    const pages: string[][] = []
    for (let cursor: string | null = null, more = true; more; ) {
      const where: object = way === 'first' ? { after: cursor } : { before: cursor }
      const { users }: Data = await alice.run(SearchUsers, { search: 'crowd', [way]: 2, ...where })
      pages.push(users.edges.map(({ node }: Data) => node.id))
      more = way === 'first' ? users.pageInfo.hasNextPage : users.pageInfo.hasPreviousPage
      cursor = way === 'first' ? users.pageInfo.endCursor : users.pageInfo.startCursor
    }
    expect(pages.map(({ length }) => length)).toEqual([2, 2, 1])
    expect((way === 'first' ? pages : pages.reverse()).flat()).toEqual(left)
  }
})

test('whoever knows the name or the id still finds the account: groups show it anyway', async () => {
  await block(alice, bob.id)
  for (const [viewer, other] of [
    [alice, bob],
    [bob, alice],
  ] as const) {
    const { user } = await viewer.run(UserByUsername, { username: other.username })
    expect(user.id).toBe(other.id)
    expect((await viewer.run(NodeById, { id: other.id })).node.id).toBe(other.id)
  }
  await unblock(alice, bob.id)
})
