import pg from 'pg'
import { StartupError } from '../db/startup-error.ts'
import { createPasswords } from '../features/auth/passwords.ts'
import { type BulkPlan, type BulkSize, createRandom, planBulk, type Random } from './bulk-plan.ts'
import { chatTitle, displayName, messageText } from './bulk-text.ts'
import {
  type ChatRow,
  chatRows,
  insertRows,
  type MemberRow,
  type MessageRow,
  messageRow,
  seedPassword,
  userRow,
} from './rows.ts'

export interface BulkOptions extends BulkSize {
  readonly databaseUrl: string
  /** When the history ends. @default now */
  readonly now?: Date
  /** Called after each batch. */
  readonly onProgress?: (done: BulkProgress) => void
}

export interface BulkProgress {
  readonly what: 'users' | 'chats' | 'messages'
  readonly done: number
  readonly of: number
}

const hour = 3_600_000
const lengthOfHistory = 90 * 24 * hour
const batchSize = 2_000
/** Two seeds at once would give the same names. */
const bulkLock = 72707371
const uniqueViolation = '23505'

/**
 * Made-up users, chats between them and a history, beside whatever the database holds: a few busy chats and many
 * quiet ones, in the order of time. Users are called user000001 and on, or continue where the last seed ended.
 *
 * The log says nothing of it. An entry tells those who could see a chat before that it has changed, and all of this
 * appears at once, users included, with the commit: nobody can hold a cursor from before who may see any of it. That
 * halves the rows, and leaves a log as short as that of a database that was cleaned up.
 *
 * One transaction: interrupted, it leaves nothing.
 * @throws StartupError when a name that it wants is taken
 */
export async function seedBulk(options: BulkOptions): Promise<void> {
  const client = new pg.Client({ connectionString: options.databaseUrl, application_name: 'parley seed' })
  client.on('error', () => {})
  await client.connect()
  try {
    await client.query('BEGIN')
    await client.query('SELECT pg_advisory_xact_lock($1)', [bulkLock])
    await write(client, options)
    await client.query('COMMIT')
    // Plans for the new sizes now, not when the server comes round to it.
    await client.query('ANALYZE users, chats, chat_members, chat_listings, messages')
  } catch (error) {
    if ((error as { code?: string }).code !== uniqueViolation) throw error
    throw new StartupError('An account has a name or an email that the seed would use: nothing was written')
  } finally {
    await client.end().catch(() => {})
  }
}

async function write(client: pg.Client, options: BulkOptions): Promise<void> {
  const random = createRandom(options.users + options.chats + options.messages)
  const clock = createClock(options)
  const userIds = await writeUsers(client, options, clock, random)
  const plan = planBulk(options, random)
  const chats = await writeChats(client, options, { plan, userIds, clock, random })
  await writeMessages(client, options, { plan, chats, userIds, clock, random })
}

/** When the message with this index is sent: later than the one before by a whole millisecond at least. */
interface Clock {
  readonly start: number
  at(index: number): number
}

function createClock({ now = new Date(), messages }: BulkOptions): Clock {
  const step = Math.max(2, lengthOfHistory / Math.max(1, messages))
  const start = now.getTime() - Math.ceil(step * messages)
  return { start, at: (index) => Math.floor(start + index * step) }
}

/** Accounts of a month that ends an hour before the history begins: the first chat is older than its first message. */
async function writeUsers(
  client: pg.Client,
  options: BulkOptions,
  clock: Clock,
  random: Random,
): Promise<string[]> {
  const passwords = await createPasswords()
  const passwordHash = await passwords.hash(seedPassword)
  const numberOf = await lastUserNumber(client)
  const month = lengthOfHistory / 3
  const ids: string[] = []
  await inBatches('users', options.users, options, async (from, to) => {
    const rows = range(from, to).map((index) => {
      const username = `user${String(numberOf + index + 1).padStart(6, '0')}`
      const createdAt = new Date(Math.floor(clock.start - hour - month + (month * index) / options.users))
      return userRow({ username, displayName: displayName(random), bio: null, passwordHash }, createdAt)
    })
    for (const { id } of rows) ids.push(id)
    await insertRows(client, 'users', rows)
  })
  return ids
}

async function lastUserNumber(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ last: string | null }>(
    `SELECT max(substr(username_key, 5)::bigint) AS last FROM users
      WHERE username_key LIKE 'user%' AND username_key ~ '^user[0-9]{6,12}$'`,
  )
  return Number(rows[0]?.last ?? 0)
}

interface Cast {
  readonly plan: BulkPlan
  readonly userIds: readonly string[]
  readonly clock: Clock
  readonly random: Random
}

/** @returns the ids of the chats */
async function writeChats(client: pg.Client, options: BulkOptions, cast: Cast): Promise<string[]> {
  const ids: string[] = []
  await inBatches('chats', options.chats, options, async (from, to) => {
    const made = range(from, to).map((index) => planChat(index, cast))
    for (const { chat } of made) ids.push(chat.id)
    const chats = made.map(({ chat }) => chat)
    await insertRows(client, 'chats', chats)
    await insertRows(
      client,
      'chat_members',
      made.flatMap(({ members }) => members),
    )
  })
  return ids
}

/** Made a minute before its first message; a chat without any, when the history begins. */
function planChat(
  index: number,
  { plan, userIds, clock, random }: Cast,
): { chat: ChatRow; members: MemberRow[] } {
  const first = plan.firsts[index] ?? -1
  const createdAt = new Date(first < 0 ? clock.start : clock.at(first) - 60_000)
  const memberIds = [...(plan.members[index] ?? [])].map((member) => userIds[member] ?? '')
  const title = plan.direct[index] === 1 ? null : chatTitle(index, random)
  const { chat, members } = chatRows({ title, memberIds }, createdAt)
  chat.last_sequence = plan.counts[index] ?? 0
  if (first >= 0) chat.last_activity_at = new Date(clock.at(plan.lasts[index] ?? 0))
  for (const member of members) member.last_read_sequence = readUpTo(chat.last_sequence, random)
  return { chat, members }
}

/** Most have read everything, some nearly, a few stopped long ago. */
function readUpTo(sequence: number, random: Random): number {
  const mood = random()
  if (mood < 0.6) return sequence
  return mood < 0.9 ? Math.max(0, sequence - Math.floor(random() * 20)) : Math.floor(random() * sequence)
}

async function writeMessages(
  client: pg.Client,
  options: BulkOptions,
  { plan, chats, userIds, clock, random }: Cast & { chats: readonly string[] },
): Promise<void> {
  const sequences = new Int32Array(options.chats)
  const conversation = plan.conversation()[Symbol.iterator]()
  const nextRow = (index: number): MessageRow => {
    const chat: number = conversation.next().value
    const sequence = (sequences[chat] ?? 0) + 1
    sequences[chat] = sequence
    const members = plan.members[chat] ?? []
    const authorId = userIds[members[Math.floor(random() * members.length)] ?? 0] ?? ''
    return messageRow(
      { chatId: chats[chat] ?? '', sequence, authorId, sender: 'USER', text: messageText(random) },
      new Date(clock.at(index)),
    )
  }
  // The next rows are made while the server writes the ones before.
  let writing = Promise.resolve()
  await inBatches('messages', options.messages, options, async (from, to) => {
    const rows = range(from, to).map(nextRow)
    await writing
    writing = insertRows(client, 'messages', rows)
    // Awaited a batch later; until then its failure must not count as unhandled.
    writing.catch(() => {})
  })
  await writing
}

async function inBatches(
  what: BulkProgress['what'],
  count: number,
  { onProgress }: BulkOptions,
  write: (from: number, to: number) => Promise<void>,
): Promise<void> {
  for (let from = 0; from < count; from += batchSize) {
    const to = Math.min(from + batchSize, count)
    await write(from, to)
    onProgress?.({ what, done: to, of: count })
  }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index)
}
