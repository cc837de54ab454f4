import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { toGlobalId, uuidv7 } from '../../src/core/ids.ts'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { createGroupChat, sendMessage } from '../testkit/chats.ts'
import type { Data } from '../testkit/client.ts'
import { CreateGroupChat, EditMessage } from '../testkit/operations.ts'
import { block, registerPair, unblock } from './blocking.ts'

let app: TestApp
let alice: TestUser
let bob: TestUser
let carol: TestUser
beforeAll(async () => {
  app = await startTestApp()
})
beforeEach(async () => {
  ;[alice, bob] = await registerPair(app)
  carol = await app.register('carol')
})
afterAll(() => app.dispose())

test('in a group the two go on reading and writing; the blocker can tell whose messages to hide', async () => {
  const chatId = await createGroupChat(carol, [alice.id, bob.id])
  await sendMessage(bob, chatId, 'from before')
  await block(alice, bob.id)
  const { id } = await sendMessage(bob, chatId, 'after the block')
  await bob.run(EditMessage, { input: { messageId: id, text: 'edited after the block' } })
  await sendMessage(alice, chatId, 'and an answer')
  const Read = `query ($id: ID!) { chat(id: $id) { unreadCount memberCount messages { edges { node {
    text author { username viewerHasBlocked } } } } members { edges { node { user { username viewerHasBlocked } } } } } }`
  const read = async (viewer: TestUser) => {
    const { chat } = await viewer.run(Read, { id: chatId })
    return {
      counts: [chat.memberCount, chat.unreadCount],
      messages: chat.messages.edges.map(({ node }: Data) => [node.text, node.author.viewerHasBlocked]),
      members: chat.members.edges.map(({ node }: Data) => [node.user.username, node.user.viewerHasBlocked]),
    }
  }
  const expected = (viewer: TestUser) => ({
    messages: [
      ['from before', viewer === alice],
      ['edited after the block', viewer === alice],
      ['and an answer', false],
    ],
    members: [carol, alice, bob].map((user) => [user.username, viewer === alice && user === bob]),
  })
  expect(await read(alice)).toEqual({ ...expected(alice), counts: [3, 2] })
  expect(await read(bob)).toEqual({ ...expected(bob), counts: [3, 1] })
  expect(await read(carol)).toEqual({ ...expected(carol), counts: [3, 3] })
})

test('neither side begins a group with the other: each is named by its place', async () => {
  await block(alice, bob.id)
  for (const [viewer, other] of [
    [alice, bob],
    [bob, alice],
  ] as const) {
    const memberIds = [carol.id, other.id, toGlobalId('User', uuidv7()), viewer.id, other.id]
    const { createGroupChat: payload } = await viewer.run(CreateGroupChat, {
      input: { title: 'A group', memberIds },
    })
    expect(payload.issues).toEqual([
      { path: ['memberIds', '1'], message: 'This user cannot be added.' },
      { path: ['memberIds', '2'], message: 'There is no such user.' },
      { path: ['memberIds', '4'], message: 'This user cannot be added.' },
    ])
    expect((await viewer.run('{ viewer { chats { edges { node { id } } } } }')).viewer.chats.edges).toEqual(
      [],
    )
  }
  await unblock(alice, bob.id)
  await sendMessage(bob, await createGroupChat(alice, [bob.id, carol.id]), 'hello')
})
