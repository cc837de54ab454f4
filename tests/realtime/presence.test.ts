import { once } from 'node:events'
import type { Client } from 'graphql-ws'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import WebSocket from 'ws'
import { toGlobalId, uuidv7 } from '../../src/core/ids.ts'
import { changeAccountState } from '../../src/features/auth/account-state.ts'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { startAppProcess } from '../testkit/app-process.ts'
import { createDirectChat, createGroupChat } from '../testkit/chats.ts'
import { createTestClient, type Data, type TestClient } from '../testkit/client.ts'
import type { Collected } from '../testkit/collect.ts'
import { BlockUser, PresenceOf, UnblockUser } from '../testkit/operations.ts'

const timings = { graceMs: 500, beatMs: 500, deadMs: 3_000 }

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

const online = { status: 'ONLINE', lastSeenAt: null }
const neverSeen = { status: 'OFFLINE', lastSeenAt: null }
const offline = { status: 'OFFLINE', lastSeenAt: expect.any(String) }

async function registerAll<const Names extends readonly string[]>(...names: Names) {
  const users = await Promise.all(names.map((name) => here.register(name)))
  return users as { [I in keyof Names]: TestUser }
}

const elsewhere = (user: TestUser) => there.client(user.token)

/** Opens a WebSocket that is let in. */
async function connect(client: TestClient): Promise<Client> {
  const socket = client.socket({ lazy: false })
  await new Promise((resolve) => socket.on('connected', resolve))
  return socket
}

/** What somebody's own subscription says of others, as `user: status`. */
const watch = (client: TestClient, ...users: readonly { id: string }[]) =>
  client.subscribe(PresenceOf, { userIds: users.map(({ id }) => id) })

/** The presence of the one user that is watched, in the next event. */
async function next(live: Collected): Promise<Data> {
  const [event] = await live.take(1)
  expect(event.presence.user.presence).toEqual(event.presence.presence)
  return event.presence.presence
}

async function presenceOf(client: TestClient, user: { id: string }): Promise<Data> {
  const query = 'query ($id: ID!) { node(id: $id) { ... on User { presence { status lastSeenAt } } } }'
  return (await client.run(query, { id: user.id })).node.presence
}

const rowId = (globalId: string) => Buffer.from(globalId, 'base64url').toString().split(':')[1] ?? ''
const prisma = () => here.app.services.store.prisma

/** Lets two users share a chat. */
const befriend = (one: TestUser, other: TestUser) => createDirectChat(one, other.id)

test('somebody is online while a connection of theirs is open, in whichever process, and seen when it closed', async () => {
  const [alice, bob] = await registerAll('alice', 'bob')
  const chatId = await befriend(alice, bob)
  const inChat = async (client: TestClient) => {
    const query = 'query ($id: ID!) { chat(id: $id) { otherUser { id presence { status lastSeenAt } } } }'
    return (await client.run(query, { id: chatId })).chat.otherUser.presence
  }
  expect(await inChat(bob)).toEqual(neverSeen)
  const socket = await connect(elsewhere(alice))
  for (const client of [bob, elsewhere(bob)])
    await vi.waitFor(async () => expect(await inChat(client)).toEqual(online))
  const before = Date.now()
  await socket.dispose()
  const after = Date.now()
  await vi.waitFor(async () => expect(await inChat(bob)).toEqual(offline))
  const seenAt = Date.parse((await inChat(bob)).lastSeenAt)
  // When it closed, not when that was noticed; the two may be a few milliseconds apart.
  expect(seenAt).toBeGreaterThan(before - 100)
  expect(seenAt).toBeLessThan(after + 300)
  // By requests alone nobody is online.
  expect(await presenceOf(alice, alice)).toEqual({ ...offline, lastSeenAt: new Date(seenAt).toISOString() })
})

test('a subscription begins with the present state of each who may be known of, and goes on with changes', async () => {
  const [alice, bob, carol, stranger] = await registerAll('alice', 'bob', 'carol', 'stranger')
  await createGroupChat(alice, [bob.id, carol.id])
  const [bobs, strangers] = [await connect(elsewhere(bob)), await connect(stranger)]
  await vi.waitFor(async () => expect(await presenceOf(alice, bob)).toEqual(online))
  const live = watch(alice, bob, carol, stranger, bob)
  const first = await live.take(2)
  expect(Object.fromEntries(first.map(({ presence }) => [presence.user.id, presence.presence]))).toEqual({
    [bob.id]: online,
    [carol.id]: neverSeen,
  })
  await strangers.dispose()
  const carols = await connect(carol)
  expect((await live.take(1))[0].presence).toMatchObject({ user: { id: carol.id }, presence: online })
  await bobs.dispose()
  expect((await live.take(1))[0].presence).toMatchObject({ user: { id: bob.id }, presence: offline })
  await carols.dispose()
  await live.stop()
})

test('of two connections one is enough; a short absence does not show, in another process either', async () => {
  const [alice, bob, marker] = await registerAll('alice', 'bob', 'marker')
  await createGroupChat(alice, [bob.id, marker.id])
  const live = watch(alice, bob)
  expect(await next(live)).toEqual(neverSeen)
  const [phone, laptop] = [await connect(bob), await connect(elsewhere(bob))]
  expect(await next(live)).toEqual(online)
  await phone.dispose()
  // Whoever comes after a while longer than the grace shows that nothing of bob's was to come.
  const waits = watch(alice, marker)
  await waits.take(1)
  const other = await connect(marker)
  await waits.take(1)
  await other.dispose()
  expect(await next(waits)).toEqual(offline)
  await laptop.dispose()
  const back = await connect(bob)
  const again = await connect(marker)
  expect(await next(waits)).toEqual(online)
  await again.dispose()
  expect(await next(waits)).toEqual(offline)
  expect(live.events).toHaveLength(2)
  await back.dispose()
  expect(await next(live)).toEqual(offline)
  await live.stop()
  await waits.stop()
})

describe('who may know', () => {
  test('oneself, and whoever shares a chat, while it stands', async () => {
    const [alice, bob, stranger] = await registerAll('alice', 'bob', 'stranger')
    const socket = await connect(alice)
    await vi.waitFor(async () => expect(await presenceOf(alice, alice)).toEqual(online))
    expect(await presenceOf(stranger, alice)).toEqual(neverSeen)
    const [left, gone] = [await createGroupChat(alice, [bob.id]), await createGroupChat(alice, [bob.id])]
    expect(await presenceOf(bob, alice)).toEqual(online)
    await prisma().chatMember.deleteMany({ where: { chatId: rowId(left), userId: rowId(bob.id) } })
    expect(await presenceOf(bob, alice)).toEqual(online)
    await prisma().chat.updateMany({ where: { id: rowId(gone) }, data: { deletedAt: new Date() } })
    expect(await presenceOf(bob, alice)).toEqual(neverSeen)
    await socket.dispose()
    await vi.waitFor(async () => expect(await presenceOf(alice, alice)).toEqual(offline))
    for (const each of [bob, stranger]) expect(await presenceOf(each, alice)).toEqual(neverSeen)
  })

  test('neither of two after a block, whoever blocked; both again when it is taken back', async () => {
    const [alice, bob] = await registerAll('alice', 'bob')
    await befriend(alice, bob)
    const [ofBob, ofAlice] = [watch(alice, bob), watch(elsewhere(bob), alice)]
    for (const live of [ofBob, ofAlice])
      await live.until(({ presence }) => presence.presence.status === 'ONLINE')
    await alice.run(BlockUser, { input: { userId: bob.id } })
    for (const live of [ofBob, ofAlice]) expect(await next(live)).toEqual(neverSeen)
    expect(await presenceOf(alice, bob)).toEqual(neverSeen)
    expect(await presenceOf(bob, alice)).toEqual(neverSeen)
    await alice.run(UnblockUser, { input: { userId: bob.id } })
    for (const live of [ofBob, ofAlice]) expect(await next(live)).toEqual(online)
    await ofBob.stop()
    await ofAlice.stop()
  })

  test('of somebody who went out of sight nothing more is told', async () => {
    const [alice, bob, carol] = await registerAll('alice', 'bob', 'carol')
    const chatId = await createGroupChat(alice, [bob.id, carol.id])
    const live = watch(alice, bob, carol)
    await live.take(2)
    await prisma().chatMember.deleteMany({ where: { chatId: rowId(chatId), userId: rowId(bob.id) } })
    const [bobs, carols] = [await connect(bob), await connect(carol)]
    expect((await live.take(1))[0].presence).toMatchObject({ user: { id: carol.id }, presence: online })
    await bobs.dispose()
    await vi.waitFor(async () => expect(await presenceOf(bob, bob)).toEqual(offline))
    await carols.dispose()
    expect((await live.take(1))[0].presence).toMatchObject({ user: { id: carol.id }, presence: offline })
    await live.stop()
  })

  test('a new chat shows people to each other', async () => {
    const [alice, bob] = await registerAll('alice', 'bob')
    const live = watch(bob, alice, bob)
    // First oneself, and of her nothing.
    await live.until(({ presence }) => presence.user.id === bob.id && presence.presence.status === 'ONLINE')
    await befriend(alice, bob)
    const [event] = await live.take(1)
    expect(event.presence).toMatchObject({ user: { id: alice.id }, presence: neverSeen })
    await live.stop()
  })

  test('a new group shows to each other also those who did not make it', async () => {
    const [alice, bob, carol] = await registerAll('alice', 'bob', 'carol')
    const socket = await connect(carol)
    await vi.waitFor(async () => expect(await presenceOf(carol, carol)).toEqual(online))
    const live = watch(elsewhere(bob), carol, bob)
    await live.until(({ presence }) => presence.user.id === bob.id && presence.presence.status === 'ONLINE')
    await createGroupChat(alice, [bob.id, carol.id])
    const [event] = await live.take(1)
    expect(event.presence).toMatchObject({ user: { id: carol.id }, presence: online })
    await live.stop()
    await socket.dispose()
  })

  test('nobody of an account that is disabled or erased', async () => {
    const [alice, bob, carol] = await registerAll('alice', 'bob', 'carol')
    await createGroupChat(alice, [bob.id, carol.id])
    const sockets = [await connect(bob), await connect(carol)]
    const live = watch(alice, bob)
    await live.until(({ presence }) => presence.presence.status === 'ONLINE')
    await changeAccountState(here.app.services.store, bob.username, 'disable')
    expect(await presenceOf(alice, bob)).toEqual(neverSeen)
    expect(await next(live)).toEqual(neverSeen)
    const deletion = `mutation ($input: DeleteAccountInput!) { deleteAccount(input: $input) { __typename } }`
    await carol.run(deletion, { input: { password: 'Password123', messages: 'KEEP_ANONYMOUS' } })
    for (const table of ['online_users', 'last_seen']) {
      const rows = await prisma().$queryRawUnsafe(
        `SELECT 1 FROM ${table} WHERE user_id = $1::uuid`,
        rowId(carol.id),
      )
      expect(rows).toEqual([])
    }
    for (const socket of sockets) await socket.dispose()
    await live.stop()
  })
})

test('of many changes in a second the last state comes, and one event a second at the most', async () => {
  const quick = await startTestApp({ database: here.database, timings: { ...timings, graceMs: 1 } })
  const [alice, bob] = await registerAll('alice', 'bob')
  await befriend(alice, bob)
  const live = watch(quick.client(alice.token), bob)
  expect(await next(live)).toEqual(neverSeen)
  const began = performance.now()
  for (let i = 0; i < 10; i++) {
    const socket = await connect(quick.client(bob.token))
    await vi.waitFor(async () => expect(await presenceOf(alice, bob)).toEqual(online))
    await socket.dispose()
    await vi.waitFor(async () => expect(await presenceOf(alice, bob)).toEqual(offline))
  }
  const { lastSeenAt } = await presenceOf(alice, bob)
  const events = await live.until(({ presence }) => presence.presence.lastSeenAt === lastSeenAt)
  const seconds = (performance.now() - began) / 1_000
  expect(events.length).toBeLessThanOrEqual(Math.floor(seconds) + 1)
  await live.stop()
  await quick.dispose()
})

describe('a subscription takes 1 to 100 ids', () => {
  const codeOf = async (client: TestClient, userIds: readonly string[]) => {
    const live = client.subscribe(PresenceOf, { userIds })
    await Promise.race([live.ended, live.take(1).catch(() => null)])
    await live.stop()
    const [error] = (live.failure ?? []) as { extensions: Data }[]
    return error?.extensions.code ?? null
  }

  test('at the edges', async () => {
    const [alice] = await registerAll('alice')
    const foreign = (count: number) => Array.from({ length: count }, () => toGlobalId('User', uuidv7()))
    expect(await codeOf(here.anonymous, [alice.id])).toBe('UNAUTHENTICATED')
    expect(await codeOf(alice, [])).toBe('VALIDATION_FAILED')
    expect(await codeOf(alice, [alice.id])).toBeNull()
    expect(await codeOf(alice, [alice.id, ...foreign(99)])).toBeNull()
    expect(await codeOf(alice, [alice.id, ...foreign(100)])).toBe('VALIDATION_FAILED')
    expect(
      await codeOf(
        alice,
        Array.from({ length: 101 }, () => alice.id),
      ),
    ).toBe('VALIDATION_FAILED')
    expect(await codeOf(alice, ['', 'nonsense', toGlobalId('Chat', rowId(alice.id)), alice.id])).toBeNull()
  })
})

test('whoever was connected to a process that is killed goes offline within its time', async () => {
  const [alice, bob] = await registerAll('alice', 'bob')
  await befriend(alice, bob)
  const other = await startAppProcess(here.database.url, timings)
  const live = watch(alice, bob)
  expect(await next(live)).toEqual(neverSeen)
  await connect(createTestClient(other.url, bob.token))
  expect(await next(live)).toEqual(online)
  const killed = Date.now()
  await other.kill()
  const last = await next(live)
  expect(last).toEqual(offline)
  expect(Date.now() - killed).toBeLessThan(timings.deadMs + 2 * timings.beatMs + 1_000)
  // When the process was last heard of.
  expect(Math.abs(Date.parse(last.lastSeenAt) - killed)).toBeLessThan(2 * timings.beatMs)
  await live.stop()
}, 60_000)

test('a server that stops takes its people off at once', async () => {
  const slow = { ...timings, graceMs: 60_000 }
  const stopping = await startTestApp({ database: here.database, timings: slow })
  const [alice, bob] = await registerAll('alice', 'bob')
  await befriend(alice, bob)
  const live = watch(alice, bob)
  expect(await next(live)).toEqual(neverSeen)
  await connect(stopping.client(bob.token))
  expect(await next(live)).toEqual(online)
  const disposing = stopping.dispose()
  expect(await next(live)).toEqual(offline)
  await disposing
  expect(await prisma().serverProcess.count()).toBe(2)
  await live.stop()
})

test('a process that was taken for dead and is not puts its people back', async () => {
  const [alice, bob] = await registerAll('alice', 'bob')
  await befriend(alice, bob)
  const socket = await connect(elsewhere(bob))
  const live = watch(alice, bob)
  await live.until(({ presence }) => presence.presence.status === 'ONLINE')
  const before = await prisma().onlineUser.findMany({ where: { userId: rowId(bob.id) } })
  await prisma().serverProcess.deleteMany({ where: { id: before[0]?.processId ?? '' } })
  expect(await presenceOf(alice, bob)).toEqual(neverSeen)
  await vi.waitFor(async () => expect(await presenceOf(alice, bob)).toEqual(online), { timeout: 5_000 })
  // Somebody who comes before that is noticed is not lost either.
  const [after] = await prisma().onlineUser.findMany({ where: { userId: rowId(bob.id) } })
  await prisma().serverProcess.deleteMany({ where: { id: after?.processId ?? '' } })
  const alices = await connect(elsewhere(alice))
  for (const user of [alice, bob]) {
    await vi.waitFor(async () => expect(await presenceOf(alice, user)).toEqual(online), { timeout: 5_000 })
  }
  await alices.dispose()
  await socket.dispose()
  await live.stop()
})

test('what was missed while the processes did not hear each other is seen afterwards', async () => {
  const [alice, bob] = await registerAll('alice', 'bob')
  await befriend(alice, bob)
  const socket = await connect(bob)
  const live = watch(alice, bob)
  await live.until(({ presence }) => presence.presence.status === 'ONLINE')
  // Nobody says a word of this.
  await prisma().onlineUser.deleteMany({ where: { userId: rowId(bob.id) } })
  const client = new pg.Client(here.database.url)
  await client.connect()
  await client.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'parley signals'`,
  )
  await client.end()
  expect(await next(live)).toEqual(neverSeen)
  await socket.dispose()
  await live.stop()
})

test('two hundred connections at once are a few statements, for them and for whoever looks on', async () => {
  const people = await Promise.all(Array.from({ length: 20 }, () => here.register('crowd')))
  const [alice] = await registerAll('alice')
  await createGroupChat(
    alice,
    people.map(({ id }) => id),
  )
  const live = watch(elsewhere(alice), ...people)
  await live.take(20)
  const stored: string[] = []
  const looked: string[] = []
  here.app.control.onStatement = (sql) => {
    if (sql.includes('online_users')) stored.push(sql)
  }
  there.app.control.onStatement = (sql) => {
    if (sql.includes('last_seen')) looked.push(sql)
  }
  const began = performance.now()
  const sockets = await Promise.all(people.flatMap((each) => Array.from({ length: 10 }, () => connect(each))))
  const events = await live.take(20)
  const seconds = (performance.now() - began) / 1_000
  expect(events.every(({ presence }) => presence.presence.status === 'ONLINE')).toBe(true)
  // One for each tenth of a second in which somebody came, and one look a second.
  expect(stored.length).toBeLessThanOrEqual(Math.min(10 * seconds, 20))
  expect(looked.length).toBeLessThanOrEqual(Math.ceil(seconds) + 1)
  here.app.control.onStatement = null
  there.app.control.onStatement = null
  for (const socket of sockets) await socket.dispose()
  await live.stop()
})

test('a stream of server-sent events is a connection, ends with its session, and holds nothing afterwards', async () => {
  const [alice, bob] = await registerAll('alice', 'bob')
  await befriend(alice, bob)
  const { presence } = here.app.services
  await vi.waitFor(() => expect(presence.size).toBe(0))
  const response = await fetch(`${here.url}/graphql`, {
    method: 'POST',
    headers: {
      accept: 'text/event-stream',
      'content-type': 'application/json',
      authorization: `Bearer ${bob.token}`,
    },
    body: JSON.stringify({ query: PresenceOf, variables: { userIds: [bob.id] } }),
  })
  await vi.waitFor(async () => expect(await presenceOf(alice, bob)).toEqual(online))
  let text = ''
  let leaving: Promise<unknown> | null = null
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    text += Buffer.from(chunk).toString()
    // From here on it is for the server to end it.
    if (text.includes('"ONLINE"')) leaving ??= bob.run('mutation { logout { success } }')
  }
  await leaving
  expect(text).toMatch(/"errors":.*UNAUTHENTICATED/)
  expect(presence.size).toBe(0)
  await vi.waitFor(async () => expect(await presenceOf(alice, bob)).toEqual(offline))

  const live = watch(alice, bob)
  await live.take(1)
  expect(presence.size).toBe(1)
  await live.stop()
  await vi.waitFor(() => expect(presence.size).toBe(0))
})

test('a socket that breaks while it is let in leaves nobody online', async () => {
  const [alice] = await registerAll('alice')
  for (let i = 0; i < 20; i++) {
    const socket = new WebSocket(`${here.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws')
    await once(socket, 'open')
    socket.send(
      JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${alice.token}` } }),
      () => socket.terminate(),
    )
  }
  await vi.waitFor(
    async () => {
      expect(await prisma().onlineUser.count({ where: { userId: rowId(alice.id) } })).toBe(0)
      expect(await prisma().lastSeen.count({ where: { userId: rowId(alice.id) } })).toBe(1)
    },
    { timeout: 5_000 },
  )
})
