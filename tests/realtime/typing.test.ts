import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { uuidv7 } from '../../src/core/ids.ts'
import { changeAccountState } from '../../src/features/auth/account-state.ts'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { startAppProcess } from '../testkit/app-process.ts'
import { createDirectChat, createGroupChat } from '../testkit/chats.ts'
import { createTestClient, type TestClient } from '../testkit/client.ts'
import type { Collected } from '../testkit/collect.ts'
import { BlockUser, SetTyping, TypingIn, UnblockUser } from '../testkit/operations.ts'

const timings = { typingExpiryMs: 1_500 }

// Two processes' worth of Parley on one database.
let here: TestApp
let there: TestApp
beforeAll(async () => {
  here = await startTestApp({ timings })
  there = await startTestApp({ database: here.database, timings })
})
afterAll(async () => {
  await there.dispose()
  await here.dispose()
})

const elsewhere = (user: TestUser) => there.client(user.token)

async function registerAll<const Names extends readonly string[]>(...names: Names) {
  const users = await Promise.all(names.map((name) => here.register(name)))
  return users as { [I in keyof Names]: TestUser }
}

async function setTyping(client: TestClient, chatId: string, isTyping = true) {
  const { setTyping: payload } = await client.run(SetTyping, { input: { chatId, isTyping } })
  expect(payload.__typename).toBe('SetTypingPayload')
  return payload
}

const codeOf = (client: TestClient, chatId: string) =>
  client.codeOf(SetTyping, { input: { chatId, isTyping: true } })

/** Subscribes, and returns once what happens is seen. */
async function follow(app: TestApp, client: TestClient, chatId: string): Promise<Collected> {
  const { typing } = app.app.services
  const before = typing.size
  const live = client.subscribe(TypingIn, { chatId })
  await vi.waitFor(() => expect(typing.size).toBe(before + 1))
  return live
}

/** Who types, and whether, of the next events. */
async function take(live: Collected, count: number): Promise<[string, boolean][]> {
  return (await live.take(count)).map(({ typing }) => [typing.user.id, typing.isTyping])
}

const rowId = (globalId: string) => Buffer.from(globalId, 'base64url').toString().split(':')[1] ?? ''

async function leave(chatId: string, user: TestUser): Promise<void> {
  const { count } = await here.app.services.store.prisma.chatMember.deleteMany({
    where: { chatId: rowId(chatId), userId: rowId(user.id) },
  })
  expect(count).toBe(1)
}

test('the others are told in every process, with who, where and until when; oneself is not', async () => {
  const [alice, bob, carol] = await registerAll('alice', 'bob', 'carol')
  const chatId = await createGroupChat(alice, [bob.id, carol.id])
  const [own, near, far] = [
    await follow(here, alice, chatId),
    await follow(here, bob, chatId),
    await follow(there, elsewhere(carol), chatId),
  ]
  const before = Date.now()
  const set = await setTyping(alice, chatId)
  expect(set).toMatchObject({ isTyping: true, chat: { id: chatId } })
  for (const live of [near, far]) {
    const [event] = await live.take(1)
    expect(event.typing).toMatchObject({
      isTyping: true,
      chat: { id: chatId },
      user: { id: alice.id, username: alice.username },
    })
    for (const { expiresAt } of [event.typing, set]) {
      expect(Date.parse(expiresAt) - before).toBeGreaterThanOrEqual(timings.typingExpiryMs)
    }
  }
  const stopped = await setTyping(alice, chatId, false)
  expect(stopped).toMatchObject({ isTyping: false, expiresAt: null })
  for (const live of [near, far]) {
    const [event] = await live.take(1)
    expect(event.typing).toMatchObject({ isTyping: false, expiresAt: null, user: { id: alice.id } })
  }
  // Of her own there was nothing before this.
  await setTyping(elsewhere(carol), chatId)
  expect(await take(own, 1)).toEqual([[carol.id, true]])
  for (const live of [own, near, far]) await live.stop()
})

test('it expires by itself; said again it goes on', async () => {
  const [alice, bob] = await registerAll('alice', 'bob')
  const chatId = await createDirectChat(alice, bob.id)
  const live = await follow(there, elsewhere(bob), chatId)
  const began = Date.now()
  // Each said when the others have heard of the last: three seconds in all, twice as long as one lasts.
  for (let i = 0; i < 4; i++) {
    const renewed = live.take(1)
    await setTyping(alice, chatId)
    const [event] = await renewed
    expect(event.typing.isTyping).toBe(true)
  }
  const last = Date.now()
  expect(last - began).toBeGreaterThan(timings.typingExpiryMs)
  expect(await take(live, 1)).toEqual([[alice.id, false]])
  expect(Date.now() - last).toBeGreaterThan(timings.typingExpiryMs - 500)
  await live.stop()
})

test('it expires when the process that it was said to is killed', async () => {
  const [alice, bob] = await registerAll('alice', 'bob')
  const chatId = await createDirectChat(alice, bob.id)
  const live = await follow(here, bob, chatId)
  const other = await startAppProcess(here.database.url, timings)
  await setTyping(createTestClient(other.url, alice.token), chatId)
  expect(await take(live, 1)).toEqual([[alice.id, true]])
  await other.kill()
  expect(await take(live, 1)).toEqual([[alice.id, false]])
  await live.stop()
}, 60_000)

test('of many calls in a second, to whichever process, the first goes out and the last', async () => {
  const [alice, bob] = await registerAll('alice', 'bob')
  const [chatId, other] = [await createDirectChat(alice, bob.id), await createGroupChat(alice, [bob.id])]
  const live = await follow(here, bob, chatId)
  const aside = await follow(here, bob, other)
  const began = performance.now()
  for (let i = 0; i < 6; i++) await setTyping(i % 4 < 2 ? alice : elsewhere(alice), chatId, i % 2 === 0)
  const sent = performance.now() - began
  expect(sent).toBeLessThan(1_000)
  // Another chat has a second of its own.
  await setTyping(alice, other)
  expect(await take(aside, 1)).toEqual([[alice.id, true]])
  expect(await take(live, 2)).toEqual([
    [alice.id, true],
    [alice.id, false],
  ])
  expect(performance.now() - began).toBeGreaterThan(950)
  await setTyping(alice, chatId)
  expect(await take(live, 1)).toEqual([[alice.id, true]])
  await live.stop()
  await aside.stop()
})

describe('who may say it', () => {
  test('members; nobody else learns of the chat', async () => {
    const [alice, bob, stranger] = await registerAll('alice', 'bob', 'stranger')
    const chatId = await createGroupChat(alice, [bob.id])
    expect(await codeOf(here.anonymous, chatId)).toBe('UNAUTHENTICATED')
    expect(await codeOf(stranger, chatId)).toBe('NOT_FOUND')
    expect(await codeOf(stranger, 'nonsense')).toBe('NOT_FOUND')
    expect(await codeOf(bob, chatId)).toBeNull()
    await leave(chatId, bob)
    expect(await codeOf(bob, chatId)).toBe('NOT_FOUND')
    await changeAccountState(here.app.services.store, alice.username, 'disable')
    await vi.waitFor(async () => expect(await codeOf(alice, chatId)).toBe('UNAUTHENTICATED'))
  })

  test('in a direct chat neither side after a block, until it is taken back', async () => {
    const [alice, bob] = await registerAll('alice', 'bob')
    const chatId = await createDirectChat(alice, bob.id)
    await alice.run(BlockUser, { input: { userId: bob.id } })
    for (const each of [alice, bob]) expect(await codeOf(each, chatId)).toBe('FORBIDDEN')
    await alice.run(UnblockUser, { input: { userId: bob.id } })
    for (const each of [alice, bob]) expect(await codeOf(each, chatId)).toBeNull()
  })
})

describe('who hears it', () => {
  test('nobody who is not in the chat: the subscription does not begin', async () => {
    const [alice, stranger] = await registerAll('alice', 'stranger')
    const chatId = await createGroupChat(alice)
    for (const [client, id, code] of [
      [here.anonymous, chatId, 'UNAUTHENTICATED'],
      [stranger, chatId, 'NOT_FOUND'],
      [stranger, 'nonsense', 'NOT_FOUND'],
    ] as const) {
      const live = client.subscribe(TypingIn, { chatId: id })
      await live.ended
      expect(live.failure).toMatchObject([{ extensions: { code } }])
      await live.stop()
    }
  })

  test('nobody after they left, though the subscription goes on', async () => {
    const [alice, bob, carol] = await registerAll('alice', 'bob', 'carol')
    const chatId = await createGroupChat(alice, [bob.id, carol.id])
    const [gone, member] = [
      await follow(there, elsewhere(bob), chatId),
      await follow(there, elsewhere(carol), chatId),
    ]
    await setTyping(alice, chatId)
    expect(await take(gone, 1)).toEqual([[alice.id, true]])
    await leave(chatId, bob)
    await setTyping(alice, chatId, false)
    expect(await take(member, 2)).toEqual([
      [alice.id, true],
      [alice.id, false],
    ])
    await here.app.services.store.prisma.chatMember.create({
      data: { id: uuidv7(), chatId: rowId(chatId), userId: rowId(bob.id) },
    })
    await setTyping(carol, chatId)
    expect(await take(gone, 1)).toEqual([[carol.id, true]])
    await gone.stop()
    await member.stop()
  })

  test('nobody of whom they have blocked, or who has blocked them, in groups either', async () => {
    const [alice, bob, carol] = await registerAll('alice', 'bob', 'carol')
    const chatId = await createGroupChat(alice, [bob.id, carol.id])
    const toAlice = await follow(here, alice, chatId)
    const toBob = await follow(there, elsewhere(bob), chatId)
    await alice.run(BlockUser, { input: { userId: bob.id } })
    for (const each of [alice, bob]) await setTyping(each, chatId)
    // In each process the last to be told of, and so the first that either hears.
    await setTyping(carol, chatId)
    expect(await take(toAlice, 1)).toEqual([[carol.id, true]])
    expect(await take(toBob, 1)).toEqual([[carol.id, true]])
    await alice.run(UnblockUser, { input: { userId: bob.id } })
    await setTyping(bob, chatId, false)
    expect(await toAlice.until(({ typing }) => typing.user.id === bob.id)).not.toHaveLength(0)
    await setTyping(alice, chatId, false)
    expect(await toBob.until(({ typing }) => typing.user.id === alice.id)).not.toHaveLength(0)
    await toAlice.stop()
    await toBob.stop()
  })
})

test('of every chat, as far as one is in it at that moment', async () => {
  const [alice, bob, carol] = await registerAll('alice', 'bob', 'carol')
  const [one, two] = [await createGroupChat(alice, [bob.id]), await createDirectChat(alice, carol.id)]
  const others = await createGroupChat(bob, [carol.id])
  const { typing } = here.app.services
  const before = typing.size
  const live = alice.subscribe(TypingIn)
  await vi.waitFor(() => expect(typing.size).toBe(before + 1))
  await setTyping(bob, others)
  await setTyping(bob, one)
  await setTyping(elsewhere(carol), two)
  const told = (await live.take(2)).map((event) => [event.typing.chat.id, event.typing.user.id])
  expect(told).toEqual(
    expect.arrayContaining([
      [one, bob.id],
      [two, carol.id],
    ]),
  )
  await live.stop()
  await vi.waitFor(() => expect(typing.size).toBe(before))
})

test('however many look on, telling them is one statement in each process', async () => {
  const people = await registerAll('alice', 'bob', 'carol', 'dave', 'eve')
  const [alice, ...others] = people
  const chatId = await createGroupChat(
    alice,
    others.map(({ id }) => id),
  )
  const lives = await Promise.all(others.map((user) => user.subscribe(TypingIn, { chatId })))
  await vi.waitFor(() => expect(here.app.services.typing.size).toBe(others.length))
  const statements: string[] = []
  here.app.control.onStatement = (sql) => {
    if (sql.includes('typist_id')) statements.push(sql)
  }
  await setTyping(alice, chatId)
  for (const live of lives) await live.take(1)
  here.app.control.onStatement = null
  expect(statements).toHaveLength(1)
  for (const live of lives) await live.stop()
})

test('it comes over server-sent events, too, and ends with the session; what it held is freed', async () => {
  const [alice, bob] = await registerAll('alice', 'bob')
  const chatId = await createDirectChat(alice, bob.id)
  const { typing } = here.app.services
  await vi.waitFor(() => expect(typing.size).toBe(0))
  const response = await fetch(`${here.url}/graphql`, {
    method: 'POST',
    headers: {
      accept: 'text/event-stream',
      'content-type': 'application/json',
      authorization: `Bearer ${bob.token}`,
    },
    body: JSON.stringify({ query: TypingIn, variables: { chatId } }),
  })
  await vi.waitFor(() => expect(typing.size).toBe(1))
  await setTyping(alice, chatId)
  let text = ''
  let leaving: Promise<unknown> | null = null
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    text += Buffer.from(chunk).toString()
    // From here on it is for the server to end it.
    if (text.includes('"isTyping":true')) leaving ??= bob.run('mutation { logout { success } }')
  }
  await leaving
  expect(text).toMatch(/"errors":.*UNAUTHENTICATED/)
  expect(typing.size).toBe(0)

  const socket = await follow(here, alice, chatId)
  await socket.stop()
  await vi.waitFor(() => expect(typing.size).toBe(0))
})
