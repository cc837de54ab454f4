import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { createGroupChat, sendMessage } from '../testkit/chats.ts'
import type { Data } from '../testkit/client.ts'
import type { Collected } from '../testkit/collect.ts'
import {
  AddChatMembers,
  AddReaction,
  DeleteChat,
  EditMessage,
  EventCursor,
  Events,
  LeaveChat,
  MessageAdded,
  MuteChat,
  RemoveChatMember,
  RenameChat,
  SetChatHistoryVisibility,
  SetChatMemberRole,
} from '../testkit/operations.ts'

let app: TestApp
let alice: TestUser
let bob: TestUser
beforeAll(async () => {
  app = await startTestApp()
  ;[alice, bob] = [await app.register('alice'), await app.register('bob')]
})
afterAll(() => app.dispose())

const cursorOf = async (user: TestUser) => (await user.run(EventCursor)).viewer.eventCursor

async function followed(user: TestUser): Promise<Collected> {
  const live = user.subscribe(Events, { after: await cursorOf(user) })
  await live.until(({ events: { __typename } }: Data) => __typename === 'CaughtUp')
  return live
}

/** What happened up to a message with this text, which is the last. */
async function upTo(live: Collected, text: string): Promise<Data[]> {
  const events = await live.until(({ events: { message } }: Data) => message?.text === text)
  return events.slice(0, -1).map(({ events: event }: Data) => event)
}

const typesOf = (events: readonly Data[]) =>
  events.map(({ __typename }) => __typename).filter((type) => type !== 'CaughtUp')

const add = (chatId: string, ...users: TestUser[]) =>
  alice.run(AddChatMembers, { input: { chatId, userIds: users.map(({ id }) => id) } })
const remove = (chatId: string, user: TestUser) =>
  alice.run(RemoveChatMember, { input: { chatId, userId: user.id } })

test('each change of a group tells everyone in it what it changed', async () => {
  const carol = await app.register('carol')
  const chatId = await createGroupChat(alice, [bob.id], 'First')
  const live = await followed(bob)
  await alice.run(RenameChat, { input: { chatId, title: 'Second' } })
  await add(chatId, carol)
  await alice.run(SetChatMemberRole, { input: { chatId, userId: carol.id, role: 'OWNER' } })
  const visibility = { chatId, historyVisibility: 'FROM_JOIN' }
  await carol.run(SetChatHistoryVisibility, { input: visibility })
  await carol.run(LeaveChat, { input: { chatId } })
  await bob.run(MuteChat, { input: { chatId, until: '2999-01-01T00:00:00.000Z' } })
  await sendMessage(alice, chatId, 'the end')
  const events = await upTo(live, 'the end')
  const [chat, actor] = [{ id: chatId }, { id: alice.id }]
  expect(events.filter(({ __typename }) => __typename !== 'MessageAdded')).toMatchObject([
    { __typename: 'ChatRenamed', chat: { title: 'Second' }, actor },
    { __typename: 'MemberAdded', chat, user: { id: carol.id }, actor },
    { __typename: 'MemberRoleChanged', user: actor, actor },
    { __typename: 'MemberRoleChanged', user: { id: carol.id }, member: { role: 'OWNER' }, actor },
    { __typename: 'ChatHistoryVisibilityChanged', chat: { historyVisibility: 'FROM_JOIN' } },
    { __typename: 'MemberRemoved', chat, user: { id: carol.id }, actor: { id: carol.id } },
    { __typename: 'MemberRoleChanged', user: actor, member: { role: 'OWNER' }, actor: null },
    { __typename: 'ChatMuted', chat, member: { mutedUntil: '2999-01-01T00:00:00.000Z' } },
  ])
  // Each change of members stands in the history, too.
  expect(
    events.filter(({ __typename }) => __typename === 'MessageAdded').map(({ message }) => message.text),
  ).toEqual([
    'alice renamed the group to “Second”.',
    'alice added carol.',
    'alice handed the group over to carol.',
    'carol lets those who join see only what is said from then on.',
    'carol handed the group over to alice.',
    'carol left.',
  ])
  await live.stop()
})

test('who is added hears of the chat from then on, live and afterwards', async () => {
  const carol = await app.register('carol')
  const chatId = await createGroupChat(alice, [bob.id])
  const after = await cursorOf(carol)
  const live = await followed(carol)
  await sendMessage(alice, chatId, 'before')
  await add(chatId, carol)
  await sendMessage(alice, chatId, 'after')
  const expected = [
    { __typename: 'MemberAdded', chat: { id: chatId }, user: { id: carol.id }, member: { role: 'MEMBER' } },
    { __typename: 'MessageAdded', message: { text: 'alice added carol.' } },
  ]
  expect(await upTo(live, 'after')).toMatchObject(expected)
  await live.stop()
  const later = carol.subscribe(Events, { after })
  const missed = await upTo(later, 'after')
  expect(missed.filter(({ __typename }) => __typename !== 'CaughtUp')).toMatchObject(expected)
  await later.stop()
})

test('with FROM_JOIN nothing about an earlier message comes through', async () => {
  const carol = await app.register('carol')
  const chatId = await createGroupChat(alice, [bob.id])
  await alice.run(SetChatHistoryVisibility, { input: { chatId, historyVisibility: 'FROM_JOIN' } })
  const early = await sendMessage(alice, chatId, 'early')
  await add(chatId, carol)
  const after = await cursorOf(carol)
  const live = await followed(carol)
  await alice.run(EditMessage, { input: { messageId: early.id, text: 'early, edited' } })
  await bob.run(AddReaction, { input: { messageId: early.id, emoji: '👍' } })
  await sendMessage(alice, chatId, 'late')
  expect(await upTo(live, 'late')).toEqual([])
  await live.stop()
  const later = carol.subscribe(Events, { after })
  expect(typesOf(await upTo(later, 'late')).filter((type) => type !== 'MessageAdded')).toEqual([])
  expect(JSON.stringify(later.events)).not.toContain('early')
  await later.stop()
})

test('who is removed hears that the chat is gone, and then nothing', async () => {
  const carol = await app.register('carol')
  const chatId = await createGroupChat(alice, [bob.id, carol.id])
  const direct = await createGroupChat(alice, [carol.id])
  const after = await cursorOf(carol)
  const [live, inChat] = [await followed(carol), carol.subscribe(MessageAdded, { chatId })]
  await inChat.started
  await sendMessage(alice, chatId, 'still here')
  await remove(chatId, carol)
  await sendMessage(alice, chatId, 'among ourselves')
  await sendMessage(alice, direct, 'elsewhere')
  const events = await upTo(live, 'elsewhere')
  expect(events).toMatchObject([
    { __typename: 'MessageAdded', message: { text: 'still here' } },
    { __typename: 'ChatDeleted', deletedChatId: chatId, reason: 'REMOVED' },
  ])
  expect(inChat.events).toHaveLength(1)
  await Promise.all([live.stop(), inChat.stop()])
  const later = carol.subscribe(Events, { after })
  expect(typesOf(await upTo(later, 'elsewhere'))).toEqual(['ChatDeleted'])
  await later.stop()
})

test('who is removed and added again in one breath has the new chat, and not what lay between', async () => {
  const carol = await app.register('carol')
  const chatId = await createGroupChat(alice, [bob.id, carol.id])
  const live = await followed(carol)
  for (let round = 1; round <= 5; round++) {
    await sendMessage(alice, chatId, `with ${round}`)
    await remove(chatId, carol)
    await sendMessage(alice, chatId, `without ${round}`)
    await add(chatId, carol)
    await sendMessage(alice, chatId, `again ${round}`)
    expect(typesOf(await upTo(live, `again ${round}`))).toEqual([
      'MessageAdded',
      'ChatDeleted',
      'MemberAdded',
      'MessageAdded',
    ])
  }
  expect(JSON.stringify(live.events)).not.toContain('without')
  await live.stop()
})

test('many changes that come in one batch are told apart', async () => {
  const carol = await app.register('carol')
  const chatId = await createGroupChat(alice, [bob.id, carol.id])
  const live = await followed(carol)
  // While the log is locked nothing of it is read; then all of it is, at once.
  const {
    app: { database },
  } = app
  const seen: string[] = []
  await database.prisma.$transaction(async (tx) => {
    await tx.$executeRaw`SELECT nextval('events_position_seq')`
    await tx.$executeRaw`LOCK TABLE events IN ROW EXCLUSIVE MODE`
    await sendMessage(alice, chatId, 'one')
    await remove(chatId, carol)
    await sendMessage(alice, chatId, 'hidden')
    await add(chatId, carol)
    await sendMessage(alice, chatId, 'two')
  })
  for (const { message, __typename } of await upTo(live, 'two')) seen.push(message?.text ?? __typename)
  expect(seen).toEqual(['one', 'ChatDeleted', 'MemberAdded', 'alice added carol.'])
  await live.stop()
})

test('leaving and deleting tell every device of everyone', async () => {
  const chatId = await createGroupChat(alice, [bob.id])
  const other = await createGroupChat(alice, [bob.id])
  const end = await createGroupChat(alice, [bob.id])
  const [bobs, alices] = [await followed(bob), await followed(alice)]
  await bob.run(LeaveChat, { input: { chatId } })
  await alice.run(DeleteChat, { input: { chatId: other } })
  await sendMessage(alice, end, 'done')
  expect(await upTo(bobs, 'done')).toMatchObject([
    { __typename: 'ChatDeleted', deletedChatId: chatId, reason: 'LEFT' },
    { __typename: 'ChatDeleted', deletedChatId: other, reason: 'DELETED' },
  ])
  expect(typesOf(await upTo(alices, 'done'))).toEqual(['MemberRemoved', 'MessageAdded', 'ChatDeleted'])
  await Promise.all([bobs.stop(), alices.stop()])
})

test('nobody gets nothing in place of an event of a chat that they leave at that moment', async () => {
  const carol = await app.register('carol')
  const after = await cursorOf(carol)
  const Seen = `subscription ($after: String) { events(after: $after) { __typename
    ... on ChatEvent { chat { id unreadCount viewerMembership { role } } }
    ... on MessageEvent { message { text viewerCanDelete } } ... on ChatDeleted { deletedChatId } } }`
  const live = carol.subscribe(Seen, { after })
  for (let round = 0; round < 8; round++) {
    const chatId = await createGroupChat(alice, [carol.id])
    const sends = Array.from({ length: 5 }, (_, i) => sendMessage(alice, chatId, `${round} ${i}`))
    await Promise.all([...sends, carol.run(LeaveChat, { input: { chatId } })])
    await live.until(({ events }: Data) => events?.deletedChatId === chatId)
  }
  expect(live.events.filter((each) => each.errors !== undefined)).toEqual([])
  await live.stop()
})
