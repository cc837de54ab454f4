import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { createGroupChat, sendMessage } from '../testkit/chats.ts'
import type { Data, TestClient } from '../testkit/client.ts'
import { DeleteMessage, EditMessage, SendMessage } from '../testkit/operations.ts'

let app: TestApp
let alice: TestUser
let bob: TestUser
let chatId: string
beforeAll(async () => {
  app = await startTestApp()
  ;[alice, bob] = [await app.register('alice'), await app.register('bob')]
  chatId = await createGroupChat(alice, [bob.id])
})
afterAll(() => app.dispose())

const Replied = `query ($id: ID!) { node(id: $id) { ... on Message { text
  replyTo { id text deletedAt author { id } replyTo { id } } } } }`
const Revisions = `query ($id: ID!, $first: Int, $after: String, $last: Int) { node(id: $id) { ... on Message {
  text editedAt createdAt revisions(first: $first, after: $after, last: $last) {
    edges { cursor node { text createdAt } } pageInfo { hasNextPage hasPreviousPage endCursor } } } } }`

let sends = 0
async function reply(client: TestClient, input: object): Promise<Data> {
  const clientMessageId = `reply${++sends}`
  return (await client.run(SendMessage, { input: { chatId, clientMessageId, text: 'yes', ...input } }))
    .sendMessage
}

async function edit(client: TestClient, messageId: string, text: string): Promise<Data> {
  return (await client.run(EditMessage, { input: { messageId, text } })).editMessage
}

async function revisionsOf(client: TestClient, id: string, page = {}): Promise<Data> {
  return (await client.run(Revisions, { id, ...page })).node.revisions
}

test('a message answers one of its chat, and shows it as it is now', async () => {
  const question = await sendMessage(alice, chatId, 'Is it?')
  const { message } = await reply(bob, { replyToId: question.id })
  const again = (await reply(alice, { replyToId: message.id })).message
  expect((await alice.run(Replied, { id: again.id })).node.replyTo).toMatchObject({
    id: message.id,
    replyTo: { id: question.id },
  })
  await edit(alice, question.id, 'Is it really?')
  expect((await bob.run(Replied, { id: message.id })).node.replyTo).toMatchObject({
    text: 'Is it really?',
    author: { id: alice.id },
  })
  await alice.run(DeleteMessage, { input: { messageId: question.id } })
  const { replyTo } = (await bob.run(Replied, { id: message.id })).node
  expect(replyTo).toMatchObject({ id: question.id, text: null })
  expect(replyTo.deletedAt).not.toBeNull()
  expect((await alice.run(Replied, { id: question.id })).node.replyTo).toBeNull()
  // A tombstone can be answered: whoever answers may not have seen the deletion yet.
  expect(await reply(bob, { replyToId: question.id })).toMatchObject({ __typename: 'SendMessagePayload' })
})

test('what it answers is part of what a retry repeats', async () => {
  const question = await sendMessage(alice, chatId, 'Is it?')
  const other = await sendMessage(alice, chatId, 'Or not?')
  const first = await reply(bob, { clientMessageId: 'retried', replyToId: question.id })
  const again = await reply(bob, { clientMessageId: 'retried', replyToId: question.id })
  expect(again).toMatchObject({ deduplicated: true, message: { id: first.message.id } })
  for (const replyToId of [other.id, null]) {
    expect(await reply(bob, { clientMessageId: 'retried', replyToId })).toMatchObject({
      code: 'IDEMPOTENCY_KEY_REUSED',
    })
  }
})

test('what is not in the chat cannot be answered', async () => {
  const elsewhere = await sendMessage(alice, await createGroupChat(alice, [bob.id]), 'elsewhere')
  const hidden = await sendMessage(alice, await createGroupChat(alice), 'hidden')
  for (const replyToId of [elsewhere.id, hidden.id, chatId, 'nothing', '']) {
    expect(await reply(bob, { replyToId })).toMatchObject({
      code: 'VALIDATION_FAILED',
      issues: [{ path: ['replyToId'] }],
    })
  }
})

test('an edited message keeps the texts that it had', async () => {
  const { id } = await sendMessage(alice, chatId, 'one')
  expect((await revisionsOf(bob, id)).edges).toEqual([])
  await edit(alice, id, 'two')
  await edit(alice, id, 'two')
  await edit(alice, id, 'three')
  const { node } = await bob.run(Revisions, { id })
  expect(node.text).toBe('three')
  expect(node.revisions.edges.map((edge: Data) => edge.node.text)).toEqual(['one', 'two'])
  expect(node.revisions.edges[0].node.createdAt).toBe(node.createdAt)
  const first = await revisionsOf(bob, id, { first: 1 })
  expect(first).toMatchObject({ edges: [{ node: { text: 'one' } }], pageInfo: { hasNextPage: true } })
  const next = await revisionsOf(bob, id, { first: 1, after: first.pageInfo.endCursor })
  expect(next).toMatchObject({ edges: [{ node: { text: 'two' } }], pageInfo: { hasNextPage: false } })
  expect((await revisionsOf(bob, id, { last: 1 })).edges[0].node.text).toBe('two')
})

test('of edits at once each keeps the text that it replaced', async () => {
  const { id } = await sendMessage(alice, chatId, 'at first')
  const texts = Array.from({ length: 12 }, (_, i) => `edit ${i}`)
  await Promise.all(texts.map((text) => edit(alice, id, text)))
  const { node } = await bob.run(Revisions, { id, first: 100 })
  const all = [...node.revisions.edges.map((edge: Data) => edge.node.text), node.text]
  expect(all[0]).toBe('at first')
  expect(all.toSorted()).toEqual(['at first', ...texts].toSorted())
})

test('a deletion takes the earlier texts along, whatever edits come at once', async () => {
  const { id } = await sendMessage(alice, chatId, 'secret one')
  await edit(alice, id, 'secret two')
  await Promise.all([
    ...Array.from({ length: 8 }, (_, i) => edit(alice, id, `secret ${i}`)),
    alice.run(DeleteMessage, { input: { messageId: id } }),
  ])
  expect((await revisionsOf(bob, id)).edges).toEqual([])
  const left = await app.app.services.store.prisma.messageRevision.count({
    where: { text: { startsWith: 'secret' } },
  })
  expect(left).toBe(0)
})
