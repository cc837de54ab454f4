import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toGlobalId, uuidv7 } from '../../src/core/ids.ts'
import { startTestApp, type TestApp, type TestUser, testPassword } from '../testkit/app.ts'
import { createGroupChat } from '../testkit/chats.ts'
import type { Data, TestClient } from '../testkit/client.ts'
import { block, createObstacle, registerPair, rowId, unblock } from './blocking.ts'

let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
})
afterAll(() => app.dispose())

const BlockedUsers = `query BlockedUsers($first: Int, $after: String, $last: Int, $before: String) { viewer {
  blockedUsers(first: $first, after: $after, last: $last, before: $before) {
    edges { cursor node { id username viewerHasBlocked } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }`

async function pageOf(viewer: TestClient, page: object = {}): Promise<{ ids: string[]; pageInfo: Data }> {
  const { edges, pageInfo } = (await viewer.run(BlockedUsers, page)).viewer.blockedUsers
  return { ids: edges.map(({ node }: Data) => node.id), pageInfo }
}

async function hasBlocked(viewer: TestClient, id: string): Promise<boolean> {
  const { node } = await viewer.run(
    'query ($id: ID!) { node(id: $id) { ... on User { viewerHasBlocked } } }',
    { id },
  )
  return node.viewerHasBlocked
}

test('a block is on the list of the blocker, and nowhere on the side of the blocked', async () => {
  const [alice, bob] = await registerPair(app)
  expect(await block(alice, bob.id)).toEqual({
    __typename: 'BlockUserPayload',
    user: { id: bob.id, viewerHasBlocked: true },
  })
  expect((await pageOf(alice)).ids).toEqual([bob.id])
  expect((await pageOf(bob)).ids).toEqual([])
  expect(await hasBlocked(alice, bob.id)).toBe(true)
  expect(await hasBlocked(bob, alice.id)).toBe(false)
  expect(await hasBlocked(alice, alice.id)).toBe(false)
  expect(await unblock(alice, bob.id)).toEqual({
    __typename: 'UnblockUserPayload',
    user: { id: bob.id, viewerHasBlocked: false },
  })
  expect((await pageOf(alice)).ids).toEqual([])
  expect(await hasBlocked(alice, bob.id)).toBe(false)
})

test('blocking again changes nothing, nor does unblocking whom one has not blocked', async () => {
  const [alice, bob] = await registerPair(app)
  const carol = await app.register('carol')
  const unblocked = await unblock(alice, bob.id)
  expect(unblocked.user).toEqual({ id: bob.id, viewerHasBlocked: false })
  await block(alice, bob.id)
  await block(alice, carol.id)
  expect(await block(alice, bob.id)).toEqual(await block(alice, bob.id))
  // It is still the older one.
  expect((await pageOf(alice)).ids).toEqual([carol.id, bob.id])
  await unblock(alice, bob.id)
  expect(await unblock(alice, bob.id)).toEqual(unblocked)
  expect((await pageOf(alice)).ids).toEqual([carol.id])
})

test('of ten calls at once one blocks', async () => {
  const [alice, bob] = await registerPair(app)
  const payloads = await Promise.all(Array.from({ length: 10 }, () => block(alice, bob.id)))
  for (const { user } of payloads) expect(user).toEqual({ id: bob.id, viewerHasBlocked: true })
  expect((await pageOf(alice)).ids).toEqual([bob.id])
})

describe.each([
  ['blockUser', block],
  ['unblockUser', unblock],
] as const)('%s', (_name, change) => {
  test('refuses oneself', async () => {
    const alice = await app.register('alice')
    expect(await change(alice, alice.id)).toMatchObject({
      __typename: 'ValidationError',
      issues: [{ path: ['userId'] }],
    })
  })

  test('finds nothing but users, and answers for whatever else alike', async () => {
    const [alice, bob] = await registerPair(app)
    const { viewer } = await bob.run('{ viewer { id sessions { edges { node { id } } } } }')
    const chatId = await createGroupChat(bob, [alice.id])
    const ids = [
      toGlobalId('User', uuidv7()),
      viewer.id,
      viewer.sessions.edges[0].node.id,
      chatId,
      toGlobalId('Message', rowId(bob.id)),
      rowId(bob.id),
      'garbage',
      '',
      '\0',
    ]
    for (const id of ids) {
      expect(await change(alice, id)).toEqual({
        __typename: 'NotFoundError',
        code: 'NOT_FOUND',
        reason: 'There is no such user.',
      })
    }
    expect((await pageOf(alice)).ids).toEqual([])
  })

  test('is for those who are logged in', async () => {
    const alice = await app.register('alice')
    const ask = `mutation { ${_name}(input: { userId: "${alice.id}" }) { __typename } }`
    expect(await app.anonymous.codeOf(ask)).toBe('UNAUTHENTICATED')
  })
})

test('an account that is erased at the same moment is not found', async () => {
  const [alice, bob] = await registerPair(app)
  const obstacle = await createObstacle(app)
  await obstacle.query('DELETE FROM users WHERE id = $1', [rowId(bob.id)])
  const blocking = block(alice, bob.id)
  await obstacle.untilWaiting(1)
  await obstacle.end()
  expect(await blocking).toMatchObject({ code: 'NOT_FOUND' })
  expect((await pageOf(alice)).ids).toEqual([])
})

test('an account that is erased later leaves the list', async () => {
  const [alice, bob] = await registerPair(app)
  await block(alice, bob.id)
  await block(bob, alice.id)
  await app.app.services.store.prisma.user.delete({ where: { id: rowId(bob.id) } })
  expect((await pageOf(alice)).ids).toEqual([])
})

test('the answer to a login can show the own account and the list', async () => {
  const [alice, bob] = await registerPair(app)
  await block(alice, bob.id)
  const { login } = await app.anonymous.run(
    `mutation ($input: LoginInput!) { login(input: $input) { ... on LoginPayload {
      viewer { user { id viewerHasBlocked } blockedUsers { edges { node { id } } } } } } }`,
    { input: { identifier: alice.username, password: testPassword } },
  )
  expect(login.viewer).toEqual({
    user: { id: alice.id, viewerHasBlocked: false },
    blockedUsers: { edges: [{ node: { id: bob.id } }] },
  })
})

describe('pages of the list', () => {
  const size = 23
  let alice: TestUser
  let blocked: string[]
  beforeAll(async () => {
    alice = await app.register('alice')
    const users = await Promise.all(Array.from({ length: size }, () => app.register('blocked')))
    for (const { id } of users) await block(alice, id)
    blocked = users.map(({ id }) => id).reverse()
  })

  test('are of 20 unless asked otherwise', async () => {
    const { ids, pageInfo } = await pageOf(alice)
    expect(ids).toEqual(blocked.slice(0, 20))
    expect(pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: false })
  })

  test.each([1, 5, 22, 23, 24, 100])(
    'of %i hold everyone once, the newest block first, both ways',
    async (limit) => {
      for (const way of ['first', 'last'] as const) {
        const pages: string[][] = []
        for (let cursor: string | null = null, more = true; more; ) {
          const where: object = way === 'first' ? { after: cursor } : { before: cursor }
          const { ids, pageInfo }: { ids: string[]; pageInfo: Data } = await pageOf(alice, {
            [way]: limit,
            ...where,
          })
          pages.push(ids)
          more = way === 'first' ? pageInfo.hasNextPage : pageInfo.hasPreviousPage
          cursor = way === 'first' ? pageInfo.endCursor : pageInfo.startCursor
        }
        expect(pages.length).toBe(Math.ceil(size / limit))
        expect((way === 'first' ? pages : pages.reverse()).flat()).toEqual(blocked)
      }
    },
  )

  test('go on where someone was unblocked meanwhile', async () => {
    const { pageInfo } = await pageOf(alice, { first: 3 })
    await unblock(alice, blocked[2] ?? '')
    expect((await pageOf(alice, { first: 2, after: pageInfo.endCursor })).ids).toEqual(blocked.slice(3, 5))
    expect((await pageOf(alice, { last: 5, before: pageInfo.endCursor })).ids).toEqual(blocked.slice(0, 2))
  })

  test('take only cursors of this list, and sizes from 1 to 100', async () => {
    const { viewer } = await alice.run('{ viewer { sessions { edges { cursor } } } }')
    for (const after of ['', 'garbage', viewer.sessions.edges[0].cursor]) {
      expect(await alice.codeOf(BlockedUsers, { after })).toBe('VALIDATION_FAILED')
    }
    for (const page of [{ first: 0 }, { first: 101 }, { last: 101 }, { first: 1, last: 1 }]) {
      expect(await alice.codeOf(BlockedUsers, page)).toBe('VALIDATION_FAILED')
    }
  })
})
