import pg from 'pg'
import { type EventRow, eventColumns, type LogEvent, toLogEvent } from '../../src/events/event.ts'
import type { Notes } from './notes.ts'

/** What became true, as the database itself tells it. */
export interface Truth {
  /** Every entry that was ever committed, in the order of positions. */
  readonly log: readonly LogEvent[]
  /** Positions that the log does not have any more. */
  readonly dropped: ReadonlySet<number>
  /** By the keys of the notes, as far as it has them. */
  readonly values: ReadonlyMap<string, string>
  /** Keys of messages that are there more than once. */
  readonly doubled: readonly string[]
}

async function query<Row extends pg.QueryResultRow>(url: string, statement: string): Promise<Row[]> {
  const client = new pg.Client(url)
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query<Row>(statement)).rows
  } finally {
    await client.end().catch(() => {})
  }
}

/**
 * Has the database keep a copy of each entry, written in its own transaction: the log drops what a deleted chat
 * or an older block had in it, and what was heard of that before was right all the same.
 */
export async function installWitness(url: string): Promise<void> {
  await query(
    url,
    `CREATE TABLE witness (LIKE events);
     CREATE FUNCTION bear_witness() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN INSERT INTO witness SELECT NEW.*; RETURN NULL; END $$;
     CREATE TRIGGER witness AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION bear_witness()`,
  )
}

export async function countEntries(url: string): Promise<number> {
  const [row] = await query<{ count: number }>(url, 'SELECT count(*)::int AS count FROM witness')
  return row?.count ?? 0
}

export async function readLog(url: string): Promise<LogEvent[]> {
  return (await query<EventRow>(url, `SELECT ${eventColumns} FROM witness e ORDER BY position`)).map(
    toLogEvent,
  )
}

const deletedOrText = `SELECT 'text ' || id AS key, text AS value FROM messages WHERE text IS NOT NULL
  UNION ALL SELECT 'deleted ' || id, 'yes' FROM messages WHERE deleted_at IS NOT NULL`
const rest = `SELECT 'reaction ' || message_id || ' ' || user_id || ' ' || emoji AS key, 'yes' AS value FROM reactions
  UNION ALL SELECT 'read ' || chat_id || ' ' || user_id, last_read_sequence::text FROM chat_members
  UNION ALL SELECT 'member ' || chat_id || ' ' || user_id, 'yes' FROM chat_members
  UNION ALL SELECT 'title ' || id, title FROM chats WHERE title IS NOT NULL
  UNION ALL SELECT 'name ' || id, display_name FROM users
  UNION ALL SELECT 'block ' || blocker_id || ' ' || blocked_id, 'yes' FROM blocks
  UNION ALL SELECT 'session ' || id, 'revoked' FROM sessions WHERE revoked_at IS NOT NULL`

interface Pair {
  readonly key: string
  readonly value: string
}

export async function readTruth(url: string): Promise<Truth> {
  const log = await readLog(url)
  const kept = await query<{ position: string }>(url, 'SELECT position FROM events')
  const dropped = new Set(log.map(({ position }) => position))
  for (const { position } of kept) dropped.delete(Number(position))
  const messages = await query<Pair>(
    url,
    `SELECT 'message ' || author_id || ' ' || client_message_id AS key, id::text AS value FROM messages WHERE sender = 'USER'`,
  )
  const values = new Map<string, string>()
  const doubled: string[] = []
  for (const { key, value } of messages) {
    if (values.has(key)) doubled.push(key)
    values.set(key, value)
  }
  for (const statement of [deletedOrText, rest]) {
    for (const { key, value } of await query<Pair>(url, statement)) values.set(key, value)
  }
  return { log, dropped, values, doubled }
}

/** What the notes say of a register that the database has nothing of. */
const absent: Record<string, string> = { reaction: 'no', member: 'no', block: 'no' }

/** Acknowledged writes that are not there, and writes that are there more often than they were made. */
export function checkWrites(
  notes: Notes,
  truth: Truth,
  overChats: ReadonlySet<string>,
): { missing: string[]; doubled: string[] } {
  const missing: string[] = []
  const doubled = [...truth.doubled]
  const entries = countByKey(truth.log)
  for (const [key, register] of notes) {
    const [kind = ''] = key.split(' ')
    const actual = truth.values.get(key) ?? absent[kind] ?? null
    const gone = register.chatId !== null && overChats.has(register.chatId)
    if (register.certain && !gone && !holds(key, register.value, actual, truth)) {
      missing.push(`${key}: ${register.value} was acknowledged, ${actual} is there`)
    }
    const count = entries.get(kind === 'message' ? `message ${register.value ?? actual}` : key) ?? 0
    if (counted.has(kind) && count < register.acknowledged) {
      missing.push(`${key}: ${register.acknowledged} were acknowledged, the log has ${count}`)
    }
    if (counted.has(kind) && count > register.issued) {
      doubled.push(`${key}: ${register.issued} were made, the log has ${count}`)
    }
  }
  return { missing, doubled }
}

function holds(key: string, value: string | null, actual: string | null, { values }: Truth): boolean {
  const [kind, id] = key.split(' ')
  if (kind === 'read') return actual === null || Number(actual) >= Number(value)
  // A deletion takes the text and the reactions along.
  if ((kind === 'text' || kind === 'reaction') && values.has(`deleted ${id}`)) return true
  return actual === value
}

/** Of these each write that changes something has one entry. */
const counted = new Set(['message', 'text', 'deleted', 'reaction', 'title', 'member', 'name', 'session'])

function countByKey(log: readonly LogEvent[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const event of log) {
    const key = keyOf(event)
    if (key !== null) counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return counts
}

function keyOf({ kind, chatId, userId, actorId, subjectId, detail }: LogEvent): string | null {
  switch (kind) {
    case 'MESSAGE_ADDED':
      return `message ${subjectId}`
    case 'MESSAGE_EDITED':
      return `text ${subjectId}`
    case 'MESSAGE_DELETED':
      return `deleted ${subjectId}`
    case 'REACTION_ADDED':
    case 'REACTION_REMOVED':
      return `reaction ${subjectId} ${actorId} ${detail}`
    case 'CHAT_RENAMED':
      return `title ${chatId}`
    case 'MEMBER_ADDED':
    case 'MEMBER_REMOVED':
      return `member ${chatId} ${subjectId}`
    case 'USER_UPDATED':
      // A block tells the blocker alone.
      return userId === null ? `name ${subjectId}` : null
    case 'SESSION_REVOKED':
      return `session ${subjectId}`
    default:
      return null
  }
}

/**
 * What is wrong with the log itself: entries that it has lost, and messages that are not numbered in its order.
 * @param overChats chats that were deleted, and take their entries along
 */
export function checkLog(
  { log, dropped }: Truth,
  overChats: ReadonlySet<string>,
): { lost: string[]; outOfOrder: string[] } {
  const lost: string[] = []
  const outOfOrder: string[] = []
  const sequences = new Map<string, number>()
  for (const { kind, position, chatId, userId, sequence } of log) {
    // A block keeps the newest entry about the two alone.
    const mayGo = overChats.has(chatId ?? '') || (kind === 'USER_UPDATED' && userId !== null)
    if (dropped.has(position) && !mayGo) lost.push(`the log: ${kind} at ${position}`)
    if (kind !== 'MESSAGE_ADDED' || chatId === null || sequence === null) continue
    const next = (sequences.get(chatId) ?? 0) + 1
    if (sequence !== next)
      outOfOrder.push(`the log: message ${sequence} at ${position} where ${next} was due`)
    sequences.set(chatId, sequence)
  }
  return { lost, outOfOrder }
}
