import { afterAll, beforeAll, expect, test } from 'vitest'
import { toGlobalId } from '../../src/core/ids.ts'
import { unreadCap } from '../../src/features/chats/unread.ts'
import { createRandom, type Random } from '../../src/seed/bulk-plan.ts'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { createDirectChat, createGroupChat, sendMessage } from '../testkit/chats.ts'
import type { Data } from '../testkit/client.ts'
import { DeleteMessage, EditMessage, MarkChatRead, ViewerChats } from '../testkit/operations.ts'

let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
})
afterAll(() => app.dispose())

interface Said {
  readonly id: string
  readonly author: TestUser
  text: string | null
}

interface Membership {
  read: number
  hidden: number
  muted: boolean
}

interface ChatModel {
  readonly id: string
  readonly members: ReadonlyMap<TestUser, Membership>
  /** Whoever may delete what others said. */
  readonly owner: TestUser | null
  /** The message with the sequence n at n - 1. */
  readonly messages: Said[]
  activityAt: string
}

/** Does something, and returns what becomes of the model by it. */
type Step = () => Promise<() => void>

test.each([1, 2, 3, Date.now() % 1_000_000])(
  'unread counts, the order of chats and last messages are those of a model (seed %i)',
  async (seed) => {
    const random = createRandom(seed)
    const { people, chats } = await createWorld()
    await compare(people, chats, 100)
    for (let round = 0; round < 50; round++) {
      const steps = random() < 0.3 ? drawSteps(chats, 5, random) : [drawStep(chats, random)]
      const changes = await Promise.all(steps.map((step) => step()))
      for (const change of changes) change()
      await compare(people, chats, random() < 0.3 ? 2 : 100)
    }
  },
  60_000,
)

async function createWorld(): Promise<{ people: TestUser[]; chats: ChatModel[] }> {
  const [alice, bob, carol] = [
    await app.register('alice'),
    await app.register('bob'),
    await app.register('carol'),
  ]
  const chats: ChatModel[] = []
  const add = async (id: string, members: TestUser[], owner: TestUser | null = null) => {
    const [row] = await sql<{ at: Date }>('SELECT last_activity_at AS at FROM chats WHERE id = $1', [
      rowId(id),
    ])
    const memberships = members.map((user) => [user, { read: 0, hidden: 0, muted: false }] as const)
    const activityAt = row?.at.toISOString() ?? ''
    const chat = { id, owner, members: new Map(memberships), messages: [], activityAt }
    chats.push(chat)
    return chat
  }
  await add(await createDirectChat(alice, bob.id), [alice, bob])
  await add(await createDirectChat(carol, alice.id), [alice, carol])
  await add(await createGroupChat(alice, []), [alice], alice)
  const wide = await add(await createGroupChat(bob, [alice.id, carol.id]), [alice, bob, carol], bob)
  // As one is with more members.
  await sql('UPDATE chats SET wide = true WHERE id = $1', [rowId(wide.id)])
  const long = await add(await createGroupChat(carol, [alice.id, bob.id]), [alice, bob, carol], carol)
  await addHistory(long, [bob, bob, bob, alice, bob, bob], 5_970)
  return { people: [alice, bob, carol], chats }
}

/** So many messages, of these authors in turn: close to the cap for whoever wrote most of them. */
async function addHistory(chat: ChatModel, authors: TestUser[], count: number): Promise<void> {
  const rows = await sql<{ id: string; sequence: number; text: string }>(
    `INSERT INTO messages (id, chat_id, sequence, author_id, text)
      SELECT (lpad(to_hex(n), 12, '0') || substr(md5($1::text || n), 13))::uuid, $1::uuid, n,
        ($2::uuid[])[1 + n % cardinality($2::uuid[])], 'Long ago'
      FROM generate_series(1, $3::int) n RETURNING id, sequence, text`,
    [rowId(chat.id), authors.map(({ id }) => rowId(id)), count],
  )
  for (const { id, sequence, text } of rows) {
    const author = authors[sequence % authors.length]
    if (author === undefined) throw new Error('Nobody wrote it.')
    chat.messages[sequence - 1] = { id: toGlobalId('Message', id), author, text }
  }
  await sql('UPDATE chats SET last_sequence = $2 WHERE id = $1', [rowId(chat.id), count])
}

/** Steps that may be taken at once: what becomes of the model does not depend on their order. */
function drawSteps(chats: readonly ChatModel[], length: number, random: Random): Step[] {
  const touched = new Set<Said>()
  return Array.from({ length }, () => {
    const { chat, user } = drawMember(chats, random)
    const kind = random()
    if (kind < 0.4) return send(chat, user)
    if (kind < 0.7) return markRead(chat, user, Math.floor(random() * (chat.messages.length + 1)))
    return changeMessage(chat, user, touched, random)
  })
}

function drawStep(chats: readonly ChatModel[], random: Random): Step {
  const { chat, user } = drawMember(chats, random)
  const { length } = chat.messages
  const kind = random()
  if (kind < 0.35) return send(chat, user)
  // Mostly near the end, and also beyond it.
  if (kind < 0.6) return markRead(chat, user, Math.max(0, length + 3 - Math.floor(random() ** 3 * 4_000)))
  if (kind < 0.7) return mute(chat, user, random() < 0.5)
  if (kind < 0.75) return hide(chat, user, Math.floor(random() * (length + 1)))
  return changeMessage(chat, user, new Set(), random)
}

/** Deletes or edits one that stands and may be changed; without one, something is said. */
function changeMessage(chat: ChatModel, user: TestUser, touched: Set<Said>, random: Random): Step {
  const { hidden } = membershipOf(chat, user)
  const newest = chat.messages.slice(Math.max(hidden, chat.messages.length - 30))
  const mayDelete = ({ author }: Said) => author === user || chat.owner === user
  const said = draw(
    newest.filter((each) => each.text !== null && mayDelete(each) && !touched.has(each)),
    random,
  )
  if (said === undefined) return send(chat, user)
  touched.add(said)
  return said.author === user && random() < 0.4 ? edit(chat, said) : remove(said, user)
}

function drawMember(chats: readonly ChatModel[], random: Random): { chat: ChatModel; user: TestUser } {
  const chat = draw(chats, random)
  const user = chat && draw([...chat.members.keys()], random)
  if (chat === undefined || user === undefined) throw new Error('There is nobody to draw.')
  return { chat, user }
}

function draw<Item>(items: readonly Item[], random: Random): Item | undefined {
  return items[Math.floor(random() * items.length)]
}

let count = 0

function send(chat: ChatModel, author: TestUser): Step {
  return async () => {
    const { id, sequence, text, createdAt } = await sendMessage(author, chat.id, `text ${++count}`)
    return () => {
      chat.messages[sequence - 1] = { id, author, text }
      if (sequence === chat.messages.length) chat.activityAt = createdAt
    }
  }
}

function edit(chat: ChatModel, said: Said): Step {
  return async () => {
    const text = `edited ${++count}`
    const { editMessage } = await said.author.run(EditMessage, { input: { messageId: said.id, text } })
    expect(editMessage).toMatchObject({ message: { text, chat: { id: chat.id } } })
    return () => {
      said.text = text
    }
  }
}

function remove(said: Said, user: TestUser): Step {
  return async () => {
    const { deleteMessage } = await user.run(DeleteMessage, { input: { messageId: said.id } })
    expect(deleteMessage).toMatchObject({ message: { id: said.id, text: null } })
    return () => {
      said.text = null
    }
  }
}

function markRead(chat: ChatModel, user: TestUser, sequence: number): Step {
  return async () => {
    const { markChatRead } = await user.run(MarkChatRead, { input: { chatId: chat.id, sequence } })
    expect(markChatRead.chat.id).toBe(chat.id)
    return () => {
      const membership = membershipOf(chat, user)
      membership.read = Math.max(membership.read, Math.min(sequence, chat.messages.length))
    }
  }
}

function mute(chat: ChatModel, user: TestUser, muted: boolean): Step {
  return async () => {
    const until = muted ? 'infinity' : null
    await sql('UPDATE chat_members SET muted_until = $3 WHERE chat_id = $1 AND user_id = $2', [
      rowId(chat.id),
      rowId(user.id),
      until,
    ])
    return () => {
      membershipOf(chat, user).muted = muted
    }
  }
}

function hide(chat: ChatModel, user: TestUser, through: number): Step {
  return async () => {
    await sql('UPDATE chat_members SET hidden_through = $3 WHERE chat_id = $1 AND user_id = $2', [
      rowId(chat.id),
      rowId(user.id),
      through,
    ])
    return () => {
      membershipOf(chat, user).hidden = through
    }
  }
}

async function compare(
  people: readonly TestUser[],
  chats: readonly ChatModel[],
  pageSize: number,
): Promise<void> {
  for (const user of people) {
    const own = chats
      .filter(({ members }) => members.has(user))
      .toSorted((a, b) => (orderOf(a) < orderOf(b) ? 1 : -1))
    const expected = own.map((chat) => {
      const said = chat.messages.length > membershipOf(chat, user).hidden ? chat.messages.at(-1) : undefined
      const lastMessage =
        said === undefined ? null : { id: said.id, text: said.text, author: { id: said.author.id } }
      return { id: chat.id, unreadCount: unreadOf(chat, user), lastMessage }
    })
    const counted = own.filter((chat) => !membershipOf(chat, user).muted).map((chat) => unreadOf(chat, user))
    const seen = await listChats(user, pageSize)
    expect(seen.chats.map(({ id, unreadCount, lastMessage }) => ({ id, unreadCount, lastMessage }))).toEqual(
      expected,
    )
    expect(seen.unreadCount).toBe(counted.reduce((sum, each) => sum + each, 0))
  }
}

function unreadOf(chat: ChatModel, user: TestUser): number {
  const { read, hidden } = membershipOf(chat, user)
  const unread = chat.messages
    .slice(Math.max(read, hidden))
    .filter(({ author, text }) => author !== user && text !== null)
  return Math.min(unread.length, unreadCap)
}

const orderOf = ({ id, activityAt }: ChatModel) => `${activityAt} ${rowId(id)}`

async function listChats(user: TestUser, first: number): Promise<{ unreadCount: number; chats: Data[] }> {
  const found: Data[] = []
  for (let after: string | null = null; ; ) {
    const { unreadCount, chats }: Data = (await user.run(ViewerChats, { first, after })).viewer
    found.push(...chats.edges.map(({ node }: Data) => node))
    if (!chats.pageInfo.hasNextPage) return { unreadCount, chats: found }
    after = chats.pageInfo.endCursor
  }
}

function membershipOf(chat: ChatModel, user: TestUser): Membership {
  const membership = chat.members.get(user)
  if (membership === undefined) throw new Error('They are not in the chat.')
  return membership
}

const rowId = (globalId: string) => Buffer.from(globalId, 'base64url').toString().split(':')[1] ?? ''

function sql<Row extends object>(text: string, values: unknown[]): Promise<Row[]> {
  return app.app.database.query<Row>({ name: text.slice(0, 60), text }, values)
}
