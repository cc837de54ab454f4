import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { createGroupChat, sendMessage } from '../testkit/chats.ts'
import type { Data } from '../testkit/client.ts'
import { ChatMessages, DeleteMessage } from '../testkit/operations.ts'

let app: TestApp
let alice: TestUser
/** A chat that the tests only read: one message more than the largest page. */
let standing: Model
beforeAll(async () => {
  app = await startTestApp()
  alice = await app.register('alice')
  standing = await createModel(101)
})
afterAll(() => app.dispose())

interface Args {
  readonly first?: number
  readonly last?: number
  /** Of the row at this index. */
  readonly after?: number
  readonly before?: number
}

/** What a client has: the edges of a chat, and a plain array to hold them against. */
interface Model {
  readonly chatId: string
  readonly edges: { cursor: string; node: { id: string; sequence: number; text: string | null } }[]
}

async function page(model: Model, { after, before, ...size }: Args): Promise<Data> {
  const cursorAt = (index: number | undefined) => (index === undefined ? null : model.edges[index]?.cursor)
  const args = { ...size, after: cursorAt(after), before: cursorAt(before) }
  const { edges, pageInfo } = (await alice.run(ChatMessages, { id: model.chatId, ...args })).chat.messages
  return { edges: edges.map(toEdge), pageInfo }
}

const toEdge = ({ cursor, node: { id, sequence, text } }: Data) => ({ cursor, node: { id, sequence, text } })

/** The Relay specification's words, with the server's reading of `hasNextPage` and `hasPreviousPage`. */
function expectedPage({ edges }: Model, { first, last, after, before }: Args): Data {
  const start = after === undefined ? 0 : after + 1
  const between = edges.slice(start, Math.max(start, before ?? edges.length))
  const limit = first ?? last ?? 50
  const backward = first === undefined
  const shown = backward ? between.slice(-limit) : between.slice(0, limit)
  const more = between.length > limit
  return {
    edges: shown,
    pageInfo: {
      hasNextPage: before !== undefined || (!backward && more),
      hasPreviousPage: after !== undefined || (backward && more),
      startCursor: shown[0]?.cursor ?? null,
      endCursor: shown.at(-1)?.cursor ?? null,
    },
  }
}

async function createModel(size: number): Promise<Model> {
  const model: Model = { chatId: await createGroupChat(alice), edges: [] }
  await Promise.all(Array.from({ length: size }, (_, i) => sendMessage(alice, model.chatId, `message ${i}`)))
  for (let after: string | null = null, more = size > 0; more; ) {
    const { messages }: Data = (await alice.run(ChatMessages, { id: model.chatId, first: 100, after })).chat
    model.edges.push(...messages.edges.map(toEdge))
    after = messages.pageInfo.endCursor
    more = messages.pageInfo.hasNextPage
  }
  expect(model.edges.map(({ node }) => node.sequence)).toEqual(Array.from({ length: size }, (_, i) => i + 1))
  return model
}

/** Sizes by preference at the edges, and cursors of rows that there are. */
function anyArgs(rows: number): fc.Arbitrary<Args> {
  const size = fc.oneof(fc.constantFrom(1, 2, 99, 100), fc.integer({ min: 1, max: 100 }))
  const index = fc.oneof(fc.constantFrom(0, rows - 1), fc.nat({ max: rows - 1 }))
  return fc
    .tuple(
      fc.oneof(fc.constant({}), fc.record({ first: size }), fc.record({ last: size })),
      fc.record({ after: index, before: index }, { requiredKeys: [] }),
    )
    .map(([limit, bounds]) => ({ ...limit, ...bounds }))
}

test('every page is the part of the list that its arguments say', async () => {
  await fc.assert(
    fc.asyncProperty(anyArgs(101), async (args) => {
      expect(await page(standing, args)).toEqual(expectedPage(standing, args))
    }),
    { numRuns: 100 },
  )
})

test('pages stay right while messages are sent and deleted between them', async () => {
  const step = fc.oneof(
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('send' as const), count: fc.integer({ min: 1, max: 3 }) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), at: fc.nat() }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('page' as const), args: anyArgs(1000) }) },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 20 }), async (steps) => {
      const model = await createModel(3)
      const at = (index: number) => index % model.edges.length
      for (const each of steps) {
        if (each.kind === 'send') {
          for (let i = 0; i < each.count; i++) await send(model)
        } else if (each.kind === 'delete') {
          await remove(model, at(each.at))
        } else {
          const { after, before, ...size } = each.args
          const args: Args = {
            ...size,
            ...(after !== undefined && { after: at(after) }),
            ...(before !== undefined && { before: at(before) }),
          }
          expect(await page(model, args)).toEqual(expectedPage(model, args))
        }
      }
    }),
    { numRuns: 20 },
  )
})

async function send(model: Model): Promise<void> {
  const { id, text, sequence } = await sendMessage(alice, model.chatId, `message ${model.edges.length}`)
  const { edges } = (await alice.run(ChatMessages, { id: model.chatId, last: 1 })).chat.messages
  model.edges.push({ cursor: edges[0].cursor, node: { id, sequence, text } })
}

async function remove(model: Model, index: number): Promise<void> {
  const edge = model.edges[index]
  if (edge === undefined) return
  await alice.run(DeleteMessage, { input: { messageId: edge.node.id } })
  edge.node.text = null
}

test.each([1, 7, 50, 100])(
  'scrolling by %i, forward and backward, shows every message once',
  async (size) => {
    const model = await createModel(101)
    const all = model.edges.map(({ node }) => node.sequence)
    const forward: number[] = []
    for (
      let args: Args = { first: size }, more = true;
      more;
      args = { first: size, after: forward.length - 1 }
    ) {
      const { edges, pageInfo } = await page(standing, args)
      forward.push(...edges.map(({ node }: Data) => node.sequence))
      more = pageInfo.hasNextPage
    }
    expect(forward).toEqual(all)
    const backward: number[] = []
    for (
      let args: Args = { last: size }, more = true;
      more;
      args = { last: size, before: 101 - backward.length }
    ) {
      const { edges, pageInfo } = await page(standing, args)
      backward.unshift(...edges.map(({ node }: Data) => node.sequence))
      more = pageInfo.hasPreviousPage
    }
    expect(backward).toEqual(all)
  },
)

test('an empty chat has an empty page, whatever is asked', async () => {
  const id = await createGroupChat(alice)
  for (const args of [{}, { first: 1 }, { last: 100 }]) {
    expect((await alice.run(ChatMessages, { id, ...args })).chat.messages).toEqual({
      edges: [],
      pageInfo: { hasNextPage: false, hasPreviousPage: false, startCursor: null, endCursor: null },
    })
  }
})

describe('what is no page is refused', () => {
  const cursorOf = (...parts: (string | number)[]) => Buffer.from(parts.join('|')).toString('base64url')
  const uuid = '01900000-0000-7000-8000-000000000000'
  test.each<[string, object]>([
    ['first: 0', { first: 0 }],
    ['first: -1', { first: -1 }],
    ['first: 101', { first: 101 }],
    ['first: the largest integer', { first: 2_147_483_647 }],
    ['last: 0', { last: 0 }],
    ['last: -1', { last: -1 }],
    ['last: 101', { last: 101 }],
    ['first with last', { first: 1, last: 1 }],
    ['an empty cursor', { after: '' }],
    ['garbage', { before: '!!!' }],
    ['a cursor of chats', { after: cursorOf('c', 1, uuid) }],
    ['a cursor of members', { before: cursorOf('cm', uuid) }],
    ['a cursor of users', { after: cursorOf('u', 1, uuid) }],
    ['a cursor of an event', { after: cursorOf('e', 'x', 1) }],
    ['a global id', { after: Buffer.from(`Message:${uuid}`).toString('base64url') }],
    ['a cursor without its number', { after: cursorOf('m') }],
    ['a cursor with an empty number', { after: cursorOf('m', '') }],
    ['a cursor with a fraction', { after: cursorOf('m', '1.5') }],
    ['a cursor with words', { after: cursorOf('m', '1 OR 1=1') }],
    ['a cursor with one part more', { after: cursorOf('m', 1, 1) }],
    ['a number that the database does not have', { before: cursorOf('m', 2_147_483_648) }],
    ['a number without end', { before: cursorOf('m', '9'.repeat(400)) }],
  ])('%s', async (_what, args) => {
    const id = await createGroupChat(alice)
    const { data, errors } = await alice.send(ChatMessages, { id, ...args })
    expect([data, errors[0]?.extensions['code'], errors[0]?.path]).toEqual([
      { chat: null },
      'VALIDATION_FAILED',
      ['chat', 'messages'],
    ])
  })

  test('null is as good as nothing', async () => {
    const id = await createGroupChat(alice)
    const args = { first: null, after: null, last: null, before: null }
    expect((await alice.run(ChatMessages, { id, ...args })).chat.messages.edges).toEqual([])
  })
})
