import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { createDirectChat, sendMessage } from '../testkit/chats.ts'
import type { Data, TestClient } from '../testkit/client.ts'
import {
  ChatMessages,
  DeleteMessage,
  EditMessage,
  MarkChatRead,
  SendMessage,
  ViewerChats,
} from '../testkit/operations.ts'
import { block, createObstacle, direct, refusal, registerPair, rowId, unblock } from './blocking.ts'

let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
})
afterAll(() => app.dispose())

let count = 0
const newKey = () => `key ${++count}`

async function send(author: TestClient, chatId: string, text = 'hello', key = newKey()): Promise<Data> {
  return (await author.run(SendMessage, { input: { chatId, text, clientMessageId: key } })).sendMessage
}

async function edit(author: TestClient, messageId: string, text: string): Promise<Data> {
  return (await author.run(EditMessage, { input: { messageId, text } })).editMessage
}

async function messagesOf(viewer: TestClient, chatId: string): Promise<Data[]> {
  const { chat } = await viewer.run(ChatMessages, { id: chatId, last: 100 })
  return chat.messages.edges.map(({ node }: Data) => node)
}

async function chatsOf(viewer: TestClient): Promise<string[]> {
  const { viewer: payload } = await viewer.run(ViewerChats)
  return payload.chats.edges.map(({ node }: Data) => node.id)
}

/** Whether each of the two can write to the other. */
async function writable(alice: TestClient, bob: TestClient, chatId: string): Promise<boolean[]> {
  const payloads = [await send(alice, chatId), await send(bob, chatId)]
  for (const payload of payloads) if (payload.message === undefined) expect(payload).toEqual(refusal)
  return payloads.map((payload) => payload.message !== undefined)
}

describe('where there is no chat yet', () => {
  test('neither side begins one, and both are told the same', async () => {
    const [alice, bob] = await registerPair(app)
    await block(alice, bob.id)
    expect(await direct(alice, bob.id)).toEqual(refusal)
    expect(await direct(bob, alice.id)).toEqual(refusal)
    expect([await chatsOf(alice), await chatsOf(bob)]).toEqual([[], []])
    await unblock(alice, bob.id)
    expect(await direct(bob, alice.id)).toMatchObject({ created: true })
  })

  test('others are out of it', async () => {
    const [alice, bob] = await registerPair(app)
    const carol = await app.register('carol')
    await block(alice, bob.id)
    expect(await direct(carol, bob.id)).toMatchObject({ created: true })
    expect(await direct(alice, carol.id)).toMatchObject({ created: true })
    const chatId = await createDirectChat(carol, alice.id)
    expect(await writable(carol, alice, chatId)).toEqual([true, true])
  })
})

describe('in a chat that stands', () => {
  let alice: TestUser
  let bob: TestUser
  let chatId: string
  let hers: Data
  let his: Data
  const key = 'sent before the block'
  beforeAll(async () => {
    ;[alice, bob] = await registerPair(app)
    chatId = await createDirectChat(alice, bob.id)
    hers = await sendMessage(alice, chatId, 'hers')
    ;({ message: his } = await send(bob, chatId, 'his', key))
    await block(alice, bob.id)
  })

  test('neither side sends or edits, and both are told the same', async () => {
    const before = await messagesOf(alice, chatId)
    for (const [viewer, own] of [
      [alice, hers],
      [bob, his],
    ] as const) {
      expect(await send(viewer, chatId)).toEqual(refusal)
      expect(await edit(viewer, own.id, 'edited')).toEqual(refusal)
    }
    expect(await messagesOf(bob, chatId)).toEqual(
      before.map((message) => ({ ...message, clientMessageId: message.id === his.id ? key : null })),
    )
  })

  test('both sides still have it', async () => {
    for (const [viewer, other] of [
      [alice, bob],
      [bob, alice],
    ] as const) {
      expect(await chatsOf(viewer)).toEqual([chatId])
      expect(await direct(viewer, other.id)).toMatchObject({ created: false, chat: { id: chatId } })
      const { chat } = await viewer.run(
        'query ($id: ID!) { chat(id: $id) { otherUser { id } messages { edges { node { text viewerCanEdit } } } } }',
        { id: chatId },
      )
      expect(chat.otherUser.id).toBe(other.id)
      expect(chat.messages.edges.map(({ node }: Data) => node)).toEqual([
        { text: 'hers', viewerCanEdit: viewer === alice },
        { text: 'his', viewerCanEdit: viewer === bob },
      ])
    }
  })

  test('both sides mark it as read', async () => {
    for (const viewer of [alice, bob]) {
      const { markChatRead } = await viewer.run(MarkChatRead, { input: { chatId, sequence: 2 } })
      expect(markChatRead.chat).toMatchObject({ unreadCount: 0, viewerMembership: { lastReadSequence: 2 } })
    }
  })

  test('the retry of a send that went in before returns the original; with other content it is a conflict', async () => {
    expect(await send(bob, chatId, 'his', key)).toMatchObject({ deduplicated: true, message: { id: his.id } })
    expect(await send(bob, chatId, 'not his', key)).toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' })
  })

  test('the retry of an edit that went in before returns the message', async () => {
    expect(await edit(bob, his.id, 'his')).toMatchObject({ message: { id: his.id, text: 'his' } })
  })

  test('what was refused for other reasons still is', async () => {
    const eve = await app.register('eve')
    expect(await send(eve, chatId)).toMatchObject({ code: 'NOT_FOUND' })
    expect(await edit(eve, his.id, 'x')).toMatchObject({ code: 'NOT_FOUND' })
    expect(await edit(alice, his.id, 'x')).toMatchObject({
      code: 'FORBIDDEN',
      reason: 'Only its author can edit a message.',
    })
    expect(await send(bob, chatId, ' ')).toMatchObject({ code: 'VALIDATION_FAILED' })
  })

  test('a send that was refused leaves its id free, and uses up no number', async () => {
    const again = newKey()
    expect(await send(bob, chatId, 'patience', again)).toEqual(refusal)
    await unblock(alice, bob.id)
    expect(await send(bob, chatId, 'patience', again)).toMatchObject({
      deduplicated: false,
      message: { sequence: 3 },
    })
    expect(await edit(bob, his.id, 'his, edited')).toMatchObject({ message: { text: 'his, edited' } })
    expect(await writable(alice, bob, chatId)).toEqual([true, true])
    await block(alice, bob.id)
  })

  test('both sides delete what is theirs', async () => {
    for (const [viewer, own] of [
      [alice, hers],
      [bob, his],
    ] as const) {
      const { deleteMessage } = await viewer.run(DeleteMessage, { input: { messageId: own.id } })
      expect(deleteMessage).toMatchObject({ deletedMessageId: own.id, message: { text: null } })
      expect(await edit(viewer, own.id, 'x')).toMatchObject({ code: 'CONFLICT' })
    }
  })
})

test('two blocks of each other have both to be taken back', async () => {
  const [alice, bob] = await registerPair(app)
  const chatId = await createDirectChat(alice, bob.id)
  await block(alice, bob.id)
  await block(bob, alice.id)
  expect(await writable(alice, bob, chatId)).toEqual([false, false])
  await unblock(alice, bob.id)
  expect(await writable(alice, bob, chatId)).toEqual([false, false])
  // Not his to take back.
  await unblock(alice, bob.id)
  expect(await writable(alice, bob, chatId)).toEqual([false, false])
  await unblock(bob, alice.id)
  expect(await writable(alice, bob, chatId)).toEqual([true, true])
})

test('the blocked side cannot take the block back', async () => {
  const [alice, bob] = await registerPair(app)
  const chatId = await createDirectChat(alice, bob.id)
  await block(alice, bob.id)
  await unblock(bob, alice.id)
  expect(await writable(alice, bob, chatId)).toEqual([false, false])
})

describe('at the same moment', () => {
  test('once a block has been answered, nothing gets in any more', async () => {
    const [alice, bob] = await registerPair(app)
    const chatId = await createDirectChat(alice, bob.id)
    const { id } = await sendMessage(bob, chatId, 'edit 0')
    for (let round = 0; round < 8; round++) {
      let blocked = false
      const writers = [alice, bob, bob].map(async (author, writer) => {
        const payloads: Data[] = []
        while (!blocked) {
          payloads.push(await (writer === 2 ? edit(bob, id, `edit ${++count}`) : send(author, chatId)))
        }
        return payloads
      })
      const answered = (async () => {
        await send(alice, chatId)
        await block(alice, bob.id)
        const left = await messagesOf(alice, chatId)
        blocked = true
        return left
      })()
      const [left, ...payloads] = await Promise.all([answered, ...writers])
      expect(await messagesOf(alice, chatId)).toEqual(left)
      for (const payload of payloads.flat()) if (payload.code !== undefined) expect(payload).toEqual(refusal)
      await unblock(alice, bob.id)
    }
  })

  test('a send or an edit that is under way when a block comes goes in before it', async () => {
    const [alice, bob] = await registerPair(app)
    const chatId = await createDirectChat(alice, bob.id)
    const { id } = await sendMessage(bob, chatId, 'as it was')
    const obstacle = await createObstacle(app)
    // Both have the chat when they come to what the obstacle holds.
    await obstacle.query('SELECT 1 FROM messages WHERE id = $1 FOR UPDATE', [rowId(id)])
    const editing = edit(bob, id, 'in time')
    await obstacle.untilWaiting(1)
    const blocking = block(alice, bob.id)
    await obstacle.untilWaiting(2)
    const sending = send(bob, chatId, 'too late')
    await obstacle.untilWaiting(3)
    await obstacle.end()
    expect(await editing).toMatchObject({ message: { text: 'in time' } })
    expect((await blocking).user.viewerHasBlocked).toBe(true)
    expect(await sending).toEqual(refusal)
  })

  test('an edit that waits for a block is refused', async () => {
    const [alice, bob] = await registerPair(app)
    const chatId = await createDirectChat(alice, bob.id)
    const { id } = await sendMessage(bob, chatId, 'as it was')
    const obstacle = await createObstacle(app)
    await obstacle.query('SELECT 1 FROM chats WHERE id = $1 FOR UPDATE', [rowId(chatId)])
    const blocking = block(alice, bob.id)
    await obstacle.untilWaiting(1)
    const editing = edit(bob, id, 'too late')
    await obstacle.untilWaiting(2)
    await obstacle.end()
    await blocking
    expect(await editing).toEqual(refusal)
    expect((await messagesOf(alice, chatId)).map(({ text }) => text)).toEqual(['as it was'])
  })

  test('edits of one message at once all go in', async () => {
    const [alice, bob] = await registerPair(app)
    const { id } = await sendMessage(bob, await createDirectChat(alice, bob.id), 'as it was')
    const payloads = await Promise.all(Array.from({ length: 20 }, (_, i) => edit(bob, id, `edit ${i % 7}`)))
    for (const payload of payloads) expect(payload.message?.id).toBe(id)
  })

  /** All of them wait for the pair; who came first goes first. */
  async function inTurn(
    [one, other]: readonly [TestUser, TestUser],
    ...calls: readonly (() => Promise<Data>)[]
  ): Promise<Data[]> {
    const pair = [rowId(one.id), rowId(other.id)].sort().join(':')
    const obstacle = await createObstacle(app)
    await obstacle.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`pair:${pair}`])
    const underWay: Promise<Data>[] = []
    for (const call of calls) {
      underWay.push(call())
      await obstacle.untilWaiting(underWay.length)
    }
    await obstacle.end()
    return Promise.all(underWay)
  }

  test('a chat that is made just before a block refuses', async () => {
    for (const maker of [0, 1] as const) {
      const pair = await registerPair(app)
      const [alice, bob] = pair
      const [made, blocked] = await inTurn(
        pair,
        () => (maker === 0 ? direct(alice, bob.id) : direct(bob, alice.id)),
        () => block(alice, bob.id),
      )
      expect([made.created, blocked.user.viewerHasBlocked]).toEqual([true, true])
      expect(await writable(alice, bob, made.chat.id)).toEqual([false, false])
    }
  })

  test('a chat that is made just after a block is none', async () => {
    for (const maker of [0, 1] as const) {
      const pair = await registerPair(app)
      const [alice, bob] = pair
      const [, made] = await inTurn(
        pair,
        () => block(alice, bob.id),
        () => (maker === 0 ? direct(alice, bob.id) : direct(bob, alice.id)),
      )
      expect(made).toEqual(refusal)
      expect([await chatsOf(alice), await chatsOf(bob)]).toEqual([[], []])
    }
  })

  test('a chat that the other side made meanwhile is given, though a block came between', async () => {
    const pair = await registerPair(app)
    const [alice, bob] = pair
    const [made, , found] = await inTurn(
      pair,
      () => direct(alice, bob.id),
      () => block(alice, bob.id),
      () => direct(bob, alice.id),
    )
    expect([made.created, found.created]).toEqual([true, false])
    expect(found.chat.id).toBe(made.chat.id)
  })

  test('chats and blocks from both sides leave no chat, or one that refuses', async () => {
    for (let round = 0; round < 6; round++) {
      const [alice, bob] = await registerPair(app)
      const [one, other] = await Promise.all([
        direct(alice, bob.id),
        direct(bob, alice.id),
        block(round % 2 ? alice : bob, round % 2 ? bob.id : alice.id),
      ])
      const chats = await chatsOf(alice)
      expect(await chatsOf(bob)).toEqual(chats)
      for (const payload of [one, other]) {
        if (payload.chat === undefined) expect(payload).toEqual(refusal)
        else expect([payload.chat.id]).toEqual(chats)
      }
      for (const chatId of chats) expect(await writable(alice, bob, chatId)).toEqual([false, false])
    }
  })

  test('blocking and unblocking from both sides leave a chat that is open if neither blocks', async () => {
    const [alice, bob] = await registerPair(app)
    const chatId = await createDirectChat(alice, bob.id)
    const Has = 'query ($id: ID!) { node(id: $id) { ... on User { viewerHasBlocked } } }'
    for (let round = 0; round < 12; round++) {
      await Promise.all([
        block(alice, bob.id),
        unblock(alice, bob.id),
        block(bob, alice.id),
        unblock(bob, alice.id),
      ])
      const [hers, his] = [await alice.run(Has, { id: bob.id }), await bob.run(Has, { id: alice.id })]
      const open = !hers.node.viewerHasBlocked && !his.node.viewerHasBlocked
      expect(await writable(alice, bob, chatId)).toEqual([open, open])
    }
  })
})
