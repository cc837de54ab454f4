import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { createDirectChat, createGroupChat, sendMessage } from '../testkit/chats.ts'
import type { Data } from '../testkit/client.ts'
import { DeleteMessage, EditMessage, EventCursor, Events, MessageAdded } from '../testkit/operations.ts'

// Two processes' worth of Parley on one database: each has a pool, a tailer and a bell of its own.
let here: TestApp
let there: TestApp
beforeAll(async () => {
  here = await startTestApp()
  there = await startTestApp({ database: here.database })
})
afterAll(async () => {
  await there.dispose()
  await here.dispose()
})

const elsewhere = (user: TestUser) => there.client(user.token)

async function cursorOf(user: TestUser): Promise<string> {
  return (await user.run(EventCursor)).viewer.eventCursor
}

test('what happens in one process reaches subscribers of the other', async () => {
  const [alice, bob] = [await here.register('alice'), await here.register('bob')]
  const live = elsewhere(bob).subscribe(Events, { after: await cursorOf(bob) })
  const chatId = await createDirectChat(alice, bob.id)
  const message = await sendMessage(alice, chatId, 'over there')
  const events = (await live.take(3)).map(({ events: event }) => event)
  expect(new Set(events.map((event) => event.__typename))).toEqual(
    new Set(['CaughtUp', 'ChatCreated', 'MessageAdded']),
  )
  expect(events.find((event) => event.__typename === 'MessageAdded').message.id).toBe(message.id)
  await live.stop()
})

test('readers that are cut and resume anywhere see each event once, in order', async () => {
  const writers = await Promise.all(['ann', 'ben', 'cleo'].map((name) => here.register(name)))
  const reader = await here.register('reader')
  const start = await cursorOf(reader)
  const chats = await Promise.all(
    writers.map((writer) => createGroupChat(writer, [reader.id, ...writers.map((w) => w.id)])),
  )

  const rounds = 40
  const writing = Promise.all(
    writers.map(async (writer, index) => {
      const client = index % 2 === 0 ? writer : elsewhere(writer)
      for (let round = 0; round < rounds; round++) {
        const chatId = chats[(index + round) % chats.length] as string
        const message = await sendMessage(client, chatId, `${index}/${round}`)
        if (round % 4 === 1)
          await client.run(EditMessage, { input: { messageId: message.id, text: 'edited' } })
        if (round % 8 === 3) await client.run(DeleteMessage, { input: { messageId: message.id } })
      }
    }),
  )

  const seen: Data[] = []
  const expected = writers.length * (rounds + rounds / 4 + rounds / 8) + chats.length
  for (let cut = 0; seen.length < expected; cut++) {
    const after = seen.at(-1)?.cursor ?? start
    const live = (cut % 2 === 0 ? reader : elsewhere(reader)).subscribe(Events, { after })
    const want = Math.min(5 + ((cut * 7) % 30), expected - seen.length)
    let got = 0
    while (got < want) {
      const [{ events: event }] = await live.take(1)
      if (event.__typename === 'CaughtUp') continue
      seen.push(event)
      got++
    }
    await live.stop()
  }
  await writing

  expect(new Set(seen.map((event) => event.cursor)).size).toBe(expected)
  for (const chatId of chats) {
    const sequences = seen
      .filter((event) => event.__typename === 'MessageAdded' && event.chat.id === chatId)
      .map((event) => event.message.sequence)
    expect(sequences).toEqual(sequences.map((_, i) => i + 1))
  }
  // The whole log in pages, as a polling client reads it, is the same story.
  expect(await poll(reader, start)).toEqual(seen.map((event) => event.cursor))
})

async function poll(user: TestUser, start: string): Promise<string[]> {
  const cursors: string[] = []
  for (let after = start, more = true; more; ) {
    const { viewer } = await user.run(
      `query Poll($after: String!) { viewer { events(after: $after, first: 7) {
        edges { cursor node { cursor } } pageInfo { hasNextPage endCursor } } } }`,
      { after },
    )
    const { edges, pageInfo } = viewer.events
    expect(edges.map((edge: Data) => edge.cursor)).toEqual(edges.map((edge: Data) => edge.node.cursor))
    cursors.push(...edges.map((edge: Data) => edge.cursor))
    after = pageInfo.endCursor
    more = pageInfo.hasNextPage
  }
  return cursors
}

test('old state and events make the new state', async () => {
  const [alice, bob] = [await here.register('alice'), await here.register('bob')]
  const chatId = await createDirectChat(alice, bob.id)
  const State = `query State($id: ID!) { viewer { eventCursor } chat(id: $id) { messages(last: 100) {
    edges { node { id sequence text editedAt } } } } }`
  const read = async () => {
    const { viewer, chat } = await bob.run(State, { id: chatId })
    const nodes: Data[] = chat.messages.edges.map((edge: Data) => edge.node)
    return { cursor: viewer.eventCursor, messages: new Map(nodes.map((node) => [node.id, node])) }
  }
  const busy = (async () => {
    for (let i = 0; i < 60; i++) {
      const message = await sendMessage(i % 2 ? alice : bob, chatId, `message ${i}`)
      const writer = i % 2 ? alice : bob
      if (i % 3 === 0)
        await writer.run(EditMessage, { input: { messageId: message.id, text: `edited ${i}` } })
      if (i % 5 === 0) await writer.run(DeleteMessage, { input: { messageId: message.id } })
    }
  })()
  await sendMessage(alice, chatId, 'before the snapshot')
  const { cursor, messages } = await read()
  await busy
  const last = await sendMessage(alice, chatId, 'the last')

  const live = bob.subscribe(Events, { after: cursor })
  for (const { events: event } of await live.until(({ events }) => events.message?.id === last.id)) {
    if (event.message !== undefined) messages.set(event.message.id, event.message)
  }
  expect([...messages.values()].sort((a, b) => a.sequence - b.sequence)).toEqual([
    ...(await read()).messages.values(),
  ])
  await live.stop()
})

test('a cursor of another database, or of none, is refused, never answered with silence', async () => {
  const other = await startTestApp()
  const [stranger, bob] = [await other.register(), await here.register('bob')]
  const foreign = (await stranger.run(EventCursor)).viewer.eventCursor
  const ahead = Buffer.from(await cursorOf(bob), 'base64url')
    .toString()
    .replace(/\d+$/, '99999999')
  for (const after of [foreign, 'nonsense', '', Buffer.from(ahead).toString('base64url')]) {
    const live = bob.subscribe(MessageAdded, { after })
    await live.ended
    expect(live.failure).toMatchObject([{ extensions: { code: 'CURSOR_EXPIRED' } }])
    await live.stop()
    const answer = await bob.send(
      'query P($after: String!) { viewer { events(after: $after) { edges { cursor } } } }',
      {
        after,
      },
    )
    expect(answer.errors).toMatchObject([{ extensions: { code: 'CURSOR_EXPIRED' } }])
  }
  await other.dispose()
})

test('a new chat is followed from its first message on', async () => {
  const [alice, bob] = [await here.register('alice'), await here.register('bob')]
  const live = bob.subscribe(MessageAdded, { after: await cursorOf(bob) })
  await live.started
  const chats = [await createDirectChat(alice, bob.id), await createGroupChat(alice, [bob.id])]
  for (const chatId of chats) await sendMessage(elsewhere(alice), chatId, 'first')
  const events = await live.take(2)
  expect(events.map(({ messageAdded }) => messageAdded.chat.id)).toEqual(chats)
  await live.stop()
})

test('one chat only is followed when one is asked for, and strangers follow nothing', async () => {
  const [alice, bob, eve] = await Promise.all(['alice', 'bob', 'eve'].map((name) => here.register(name)))
  if (!alice || !bob || !eve) throw new Error('Nobody registered.')
  const [one, two] = [await createDirectChat(alice, bob.id), await createGroupChat(alice, [bob.id])]
  const after = await cursorOf(bob)
  const only = bob.subscribe(MessageAdded, { chatId: one, after })
  const all = eve.subscribe(MessageAdded, { after: await cursorOf(eve) })
  await sendMessage(alice, two, 'elsewhere')
  const sent = await sendMessage(alice, one, 'here')
  expect((await only.take(1))[0].messageAdded.message.id).toBe(sent.id)
  const own = await createGroupChat(eve)
  await sendMessage(eve, own, 'to myself')
  expect((await all.take(1))[0].messageAdded.chat.id).toBe(own)
  const refused = eve.subscribe(MessageAdded, { chatId: one })
  await refused.ended
  expect(refused.failure).toMatchObject([{ extensions: { code: 'NOT_FOUND' } }])
  await Promise.all([only.stop(), all.stop(), refused.stop()])
})
