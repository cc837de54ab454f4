import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestApp, type TestApp, type TestUser, testPassword } from '../testkit/app.ts'
import { createGroupChat, sendMessage } from '../testkit/chats.ts'
import type { Data } from '../testkit/client.ts'
import type { Collected } from '../testkit/collect.ts'
import {
  AddChatMembers,
  AddReaction,
  ClearChat,
  CreateDirectChat,
  CreateGroupChat,
  DeleteChat,
  DeleteMessage,
  EditMessage,
  LeaveChat,
  MarkChatRead,
  MuteChat,
  RemoveChatMember,
  RemoveReaction,
  RenameChat,
  SendMessage,
  SetChatHistoryVisibility,
  SetChatMemberRole,
  UpdateProfile,
} from '../testkit/operations.ts'
import { Everything, fetchReplica, type Replica } from './replica.ts'

/** Random operations of several people at once; what each holds by events is what each would read anew. */

let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
})
afterAll(() => app.dispose())

type Random = () => number

/** Mulberry32: a seed that is printed repeats a run. */
function createRandom(seed: number): Random {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

interface World {
  readonly people: TestUser[]
  readonly chatIds: string[]
  readonly messageIds: string[]
  readonly random: Random
}

const Erase = 'mutation ($input: DeleteAccountInput!) { deleteAccount(input: $input) { __typename } }'

/** Weighted by how often it stands here. Most may be refused: they are tried by whoever comes. */
const operations: ((world: World, pick: <Item>(items: readonly Item[]) => Item) => [string, object])[] = [
  ...Array.from(
    { length: 6 },
    () =>
      ({ chatIds, messageIds, random }: World, pick: <Item>(items: readonly Item[]) => Item) =>
        [
          SendMessage,
          {
            chatId: pick(chatIds),
            clientMessageId: `p${random()}`,
            text: `text ${random()}`,
            replyToId: random() < 0.3 && messageIds.length > 0 ? pick(messageIds.slice(-20)) : null,
          },
        ] as [string, object],
  ),
  (world, pick) => [EditMessage, { messageId: pick(world.messageIds), text: `edited ${world.random()}` }],
  (world, pick) => [DeleteMessage, { messageId: pick(world.messageIds) }],
  (world, pick) => [AddReaction, { messageId: pick(world.messageIds), emoji: pick(['👍', '🎉', '🇫🇷']) }],
  (world, pick) => [AddReaction, { messageId: pick(world.messageIds.slice(-10)), emoji: pick(['👍', '🎉']) }],
  (world, pick) => [RemoveReaction, { messageId: pick(world.messageIds), emoji: pick(['👍', '🎉']) }],
  (world, pick) => [MarkChatRead, { chatId: pick(world.chatIds), sequence: Math.floor(world.random() * 40) }],
  (world, pick) => [AddChatMembers, { chatId: pick(world.chatIds), userIds: [pick(world.people).id] }],
  (world, pick) => [
    AddChatMembers,
    { chatId: pick(world.chatIds), userIds: world.people.map(({ id }) => id) },
  ],
  (world, pick) => [RemoveChatMember, { chatId: pick(world.chatIds), userId: pick(world.people).id }],
  (world, pick) => [LeaveChat, { chatId: pick(world.chatIds) }],
  (world, pick) => [
    SetChatMemberRole,
    { chatId: pick(world.chatIds), userId: pick(world.people).id, role: pick(['OWNER', 'ADMIN', 'MEMBER']) },
  ],
  (world, pick) => [RenameChat, { chatId: pick(world.chatIds), title: `Title ${world.random()}` }],
  (world, pick) => [
    SetChatHistoryVisibility,
    { chatId: pick(world.chatIds), historyVisibility: pick(['FULL', 'FROM_JOIN']) },
  ],
  (world, pick) => [
    MuteChat,
    { chatId: pick(world.chatIds), until: world.random() < 0.5 ? null : '2999-01-01T00:00:00.000Z' },
  ],
  (world, pick) => [ClearChat, { chatId: pick(world.chatIds) }],
  (world, pick) => [DeleteChat, { chatId: pick(world.chatIds) }],
  (world, pick) => [CreateDirectChat, { userId: pick(world.people).id }],
  (world, pick) => [
    CreateGroupChat,
    { title: `Group ${world.random()}`, memberIds: [pick(world.people).id] },
  ],
  (world) => [UpdateProfile, { displayName: `Name ${world.random()}` }],
]

async function act(world: World): Promise<void> {
  const pick = <Item>(items: readonly Item[]): Item =>
    items[Math.floor(world.random() * items.length)] as Item
  const actor = pick(world.people)
  const [operation, input] = pick(operations)(world, pick)
  const data = await actor.run(operation, { input })
  const [payload] = Object.values<Data>(data)
  if (payload.message) world.messageIds.push(payload.message.id)
  if (payload.chat && !world.chatIds.includes(payload.chat.id)) world.chatIds.push(payload.chat.id)
}

/** Somebody who holds everything, and follows. */
interface Follower {
  readonly user: TestUser
  readonly replica: Replica
  live: Collected
}

async function follow(user: TestUser): Promise<Follower> {
  const replica = await fetchReplica(user, user.id)
  return { user, replica, live: user.subscribe(Everything, { after: replica.cursor }) }
}

test.each([1, 2, 3])(
  'a snapshot and the events behind it are what is read anew (seed %i)',
  async (seed) => {
    const random = createRandom(seed)
    const people = await Promise.all(['ann', 'ben', 'cat', 'dan', 'eve'].map((name) => app.register(name)))
    const narrator = await app.register('narrator')
    const ids = people.map(({ id }) => id)
    const markers = await createGroupChat(narrator, ids, 'Markers')
    const chatIds = await Promise.all(people.map((person) => createGroupChat(person, ids)))
    const world: World = { people, chatIds, messageIds: [], random }
    for (const chatId of chatIds) world.messageIds.push((await sendMessage(narrator, markers, chatId)).id)
    const followers = await Promise.all(people.map(follow))

    async function compare(round: number): Promise<void> {
      const { id } = await sendMessage(narrator, markers, `marker ${round}`)
      for (const follower of followers) {
        const { user, replica } = follower
        const events = await follower.live.until(({ events: { message } }: Data) => message?.id === id)
        for (const { events: event } of events) replica.apply(event)
        if (random() < 0.3) {
          await follower.live.stop()
          follower.live = user.subscribe(Everything, { after: events.at(-1).events.cursor })
        }
        const fresh = await fetchReplica(user, user.id)
        const where = `${user.username}, round ${round}, seed ${seed}`
        expect(replica.summary(), where).toEqual(fresh.summary())
        expect(
          replica.summary().map((chat) => chat.id),
          where,
        ).toEqual(fresh.listed)
      }
    }

    for (let round = 0; round < 12; round++) {
      for (let batch = 0; batch < 5; batch++) {
        await Promise.all(Array.from({ length: 1 + Math.floor(random() * 4) }, () => act(world)))
      }
      await compare(round)
    }
    // Somebody goes, with all that they said, and the others go on.
    const [gone] = followers.splice(seed % followers.length, 1)
    if (gone === undefined) throw new Error('nobody')
    people.splice(people.indexOf(gone.user), 1)
    await gone.live.stop()
    const messages = seed % 2 === 0 ? 'KEEP_ANONYMOUS' : 'ERASE'
    await gone.user.run(Erase, { input: { password: testPassword, messages } })
    await expect.poll(() => app.app.services.store.prisma.erasure.count()).toBe(0)
    await compare(100)
    for (let batch = 0; batch < 10; batch++) await act(world)
    await compare(101)
    for (const { live } of followers) await live.stop()
  },
  60_000,
)
