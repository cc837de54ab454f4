import { afterAll, beforeAll, expect, test } from 'vitest'
import { uuidv7 } from '../../src/core/ids.ts'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { createDirectChat, createGroupChat, sendMessage } from '../testkit/chats.ts'
import type { Data, TestClient } from '../testkit/client.ts'
import type { Collected } from '../testkit/collect.ts'
import { Events, UpdateProfile } from '../testkit/operations.ts'

// Two processes' worth of Parley on one database.
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

async function registerAll<const Names extends readonly string[]>(...names: Names) {
  const users = await Promise.all(names.map((name) => here.register(name)))
  return users as { [I in keyof Names]: TestUser }
}

async function update(client: TestClient, input: object): Promise<void> {
  const { updateProfile } = await client.run(UpdateProfile, { input })
  expect(updateProfile.__typename).toBe('UpdateProfilePayload')
}

/** Waits until a subscription is live. @returns from where */
async function caughtUp(live: Collected): Promise<string> {
  const events = await live.until(({ events: event }) => event.__typename === 'CaughtUp')
  return events.at(-1).events.cursor
}

const rowId = (globalId: string) => Buffer.from(globalId, 'base64url').toString().split(':')[1] ?? ''
let statements = 0
const sql = (text: string, values: unknown[]) =>
  here.app.database.query({ name: `test_${++statements}`, text }, values)

/** Says something where only `user` hears it: whatever concerned them before has come before it. */
async function markEnd(user: TestUser): Promise<(event: Data) => boolean> {
  const { id } = await sendMessage(user, await createGroupChat(user), 'the end')
  return (event) => event.message?.id === id
}

/** What a subscription got up to the end that was marked. */
async function readTo(live: Collected, isEnd: (event: Data) => boolean): Promise<Data[]> {
  const events = await live.until(({ events: event }) => isEnd(event))
  return events.map(({ events: event }) => event)
}

/** The same as a polling client reads it, in small pages. */
async function poll(user: TestUser, start: string, isEnd: (event: Data) => boolean): Promise<Data[]> {
  const Poll = `query Poll($after: String!) { viewer { events(after: $after, first: 3) {
    edges { node { __typename cursor ... on MessageAdded { message { id } } } } pageInfo { endCursor } } } }`
  const events: Data[] = []
  for (let after = start; !events.some(isEnd); ) {
    const page = (await user.run(Poll, { after })).viewer.events
    events.push(...page.edges.map(({ node }: Data) => node))
    after = page.pageInfo.endCursor
  }
  return events
}

/** What came of people's profiles: whose, in order. */
const updatesIn = (events: Data[]) =>
  events.filter((event) => event.__typename === 'UserUpdated').map((event) => event.user.id)

/** The subject is shown as it is at each reading, so that only this is the same in all. */
const placeOf = ({ __typename, cursor }: Data) => ({ __typename, cursor })

/**
 * What somebody gets while `happen` happens, live in both processes, resumed afterwards, and polled; it is
 * the same each time.
 */
async function witness(user: TestUser, happen: () => Promise<unknown>): Promise<Data[]> {
  const live = user.subscribe(Events)
  const after = await caughtUp(live)
  const liveElsewhere = elsewhere(user).subscribe(Events, { after })
  await caughtUp(liveElsewhere)
  await happen()
  const isEnd = await markEnd(user)
  const subscriptions = [live, liveElsewhere, user.subscribe(Events, { after })]
  const seen = await Promise.all(subscriptions.map((each) => readTo(each, isEnd)))
  const stories = [...seen, await poll(user, after, isEnd)].map((events) =>
    events.filter((event) => event.__typename !== 'CaughtUp'),
  )
  await Promise.all(subscriptions.map((each) => each.stop()))
  for (const story of stories) expect(story.map(placeOf)).toEqual(stories[0]?.map(placeOf))
  return stories[0] ?? []
}

test('someone who shares three chats gets one event, with the account as it is', async () => {
  const [alice, bob] = await registerAll('alice', 'bob')
  await createDirectChat(alice, bob.id)
  for (let i = 0; i < 2; i++) await createGroupChat(bob, [alice.id])
  const story = await witness(bob, () => update(alice, { displayName: 'Alice of Oz', bio: 'Reads.' }))
  expect(story.filter((event) => event.__typename === 'UserUpdated')).toMatchObject([
    { user: { id: alice.id, username: alice.username, displayName: 'Alice of Oz', bio: 'Reads.' } },
  ])
})

test('the other devices of the one who changed get it, too, also without a single chat', async () => {
  const [alice, bob] = await registerAll('alice', 'bob')
  expect(updatesIn(await witness(alice, () => update(alice, { bio: 'Reads.' })))).toEqual([alice.id])
  await createDirectChat(alice, bob.id)
  await createGroupChat(alice, [bob.id])
  expect(updatesIn(await witness(alice, () => update(elsewhere(alice), { bio: null })))).toEqual([alice.id])
})

test('a stranger gets nothing, and nobody who shares only a third person', async () => {
  const [alice, bob, carol, eve] = await registerAll('alice', 'bob', 'carol', 'eve')
  await createGroupChat(bob, [alice.id])
  await createGroupChat(bob, [carol.id])
  for (const stranger of [eve, carol]) {
    expect(updatesIn(await witness(stranger, () => update(alice, { bio: `${stranger.id}` })))).toEqual([])
  }
})

test('whoever shared only a chat that is deleted, or that the other is out of, gets nothing more', async () => {
  const [alice, bob, carol] = await registerAll('alice', 'bob', 'carol')
  const [deleted, left] = [await createDirectChat(alice, bob.id), await createGroupChat(alice, [carol.id])]
  for (const [user, separate] of [
    [bob, () => sql('UPDATE chats SET deleted_at = now() WHERE id = $1', [rowId(deleted)])],
    [carol, () => sql('DELETE FROM chat_members WHERE chat_id = $1 AND role = $2', [rowId(left), 'OWNER'])],
  ] as const) {
    const before = await witness(user, () => update(alice, { bio: `before ${user.username}` }))
    expect(updatesIn(before)).toEqual([alice.id])
    const after = await witness(user, async () => {
      await separate()
      await update(alice, { bio: `after ${user.username}` })
    })
    expect(updatesIn(after)).toEqual([])
  }
})

test('a chat that is made between two changes makes its members hear of the second', async () => {
  const [alice, bob] = await registerAll('alice', 'bob')
  const live = bob.subscribe(Events)
  await caughtUp(live)
  await update(alice, { bio: 'before' })
  const chatId = await createDirectChat(elsewhere(alice), bob.id)
  await update(alice, { bio: 'after' })
  const events = await readTo(live, await markEnd(bob))
  const created = events.findIndex((event) => event.chat?.id === chatId)
  expect(updatesIn(events.slice(created))).toEqual([alice.id])
  await live.stop()
})

test('profiles and messages come in the order in which they happened', async () => {
  const [alice, bob, carol] = await registerAll('alice', 'bob', 'carol')
  const chatId = await createGroupChat(bob, [alice.id, carol.id])
  const expected: string[] = []
  const story = await witness(bob, async () => {
    for (let i = 0; i < 24; i++) {
      const by = i % 2 === 0 ? alice : carol
      const client = i % 3 === 0 ? elsewhere(by) : by
      if (i % 4 < 2) {
        await update(client, { displayName: `name ${i}` })
        expected.push(by.id)
      } else {
        await sendMessage(client, chatId, `message ${i}`)
        expected.push(`message ${i}`)
      }
    }
  })
  const seen = story.filter((event) => event.chat === undefined || event.chat.id === chatId)
  expect(seen.map((event) => event.user?.id ?? event.message.text)).toEqual(expected)
})

test('of many changes at once each comes once', async () => {
  const [bob, ...people] = await registerAll('bob', 'a', 'b', 'c', 'd', 'e', 'f')
  const everyone = people.map(({ id }) => id)
  for (let i = 0; i < 3; i++) await createGroupChat(bob, everyone)
  const story = await witness(bob, () =>
    Promise.all(
      people.flatMap((user, i) =>
        Array.from({ length: 5 }, (_, n) =>
          update(i % 2 === 0 ? user : elsewhere(user), { bio: `${n} of ${user.username}` }),
        ),
      ),
    ),
  )
  const updates = updatesIn(story)
  expect(updates).toHaveLength(people.length * 5)
  for (const id of everyone) expect(updates.filter((each) => each === id)).toHaveLength(5)
})

/** Accounts in a group with a user; their ids as the rows have them. */
async function fillGroup(chatId: string, count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, () => uuidv7())
  await sql(
    `INSERT INTO users (id, username, username_key, email, email_key, display_name, display_name_key, password_hash)
      SELECT id, id, id, id, id, 'x', 'x', '' FROM unnest($1::uuid[]) AS id`,
    [ids],
  )
  await sql(
    `INSERT INTO chat_members (id, chat_id, user_id) SELECT gen_random_uuid(), $1, unnest($2::uuid[])`,
    [rowId(chatId), ids],
  )
  return ids
}

/** As `updateProfile` appends it. */
async function appendUpdates(userIds: readonly string[]): Promise<void> {
  await here.app.services.store.write(async ({ append }) => {
    for (const id of userIds) await append({ kind: 'USER_UPDATED', peersOf: id, subjectId: id })
  })
}

// With themselves, Carol, and the chat that marks the end.
test.each([997, 998])('the log is read alike on both sides of a thousand memberships: %i', async (count) => {
  const [bob, carol, eve] = await registerAll('bob', 'carol', 'eve')
  const chatId = await createGroupChat(bob, [carol.id])
  const peers = await fillGroup(chatId, count)
  const known = [peers[0], peers[count - 1], rowId(carol.id), rowId(bob.id)] as string[]
  const story = await witness(bob, async () => {
    for (const id of known) await appendUpdates([rowId(eve.id), id])
    await sendMessage(carol, chatId, 'in between')
    await appendUpdates([...known].reverse())
  })
  const subjects = story.flatMap((event) =>
    event.chat === undefined ? rowId(event.user.id) : event.chat.id === chatId ? 'in between' : [],
  )
  expect(subjects).toEqual([...known, 'in between', ...[...known].reverse()])
})

test('a batch of changes costs two statements, whatever its size and the number of listeners', async () => {
  const [bob] = await registerAll('bob')
  const chatIds = [await createGroupChat(bob), await createGroupChat(bob)]
  const live = Array.from({ length: 5 }, () => bob.subscribe(Events))
  await Promise.all(live.map(caughtUp))
  for (const size of [1, 200]) {
    const [peers] = await Promise.all(chatIds.map((chatId) => fillGroup(chatId, size)))
    const sent: string[] = []
    here.app.control.onStatement = (text) => {
      if (/chat_members|"users"/.test(text)) sent.push(text)
    }
    await appendUpdates(peers ?? [])
    for (const each of live) await each.take(size)
    here.app.control.onStatement = null
    expect(sent).toHaveLength(2)
  }
  await Promise.all(live.map((each) => each.stop()))
})
