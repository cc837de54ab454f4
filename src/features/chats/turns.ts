import type { Transaction } from '../../db/client.ts'

/** So many that chats seldom share one, and so few that a transaction can have them all: each takes a place in the database's memory. */
const turnCount = 256
const turnLocks = 72707375

/** SQL: the number of the turn of the chat with this id. Some chats have one in common. */
const turnOf = (chatId: string) => `hashtext(${chatId}::text) & ${turnCount - 1}`

/** SQL: the turns of a user's chats, or of one of them, in the order of their numbers. */
const turnsOfMember = `(SELECT DISTINCT ${turnOf('chat_id')} AS turn FROM chat_members
  WHERE user_id = $1::uuid AND ($2::uuid IS NULL OR chat_id = $2::uuid) ORDER BY turn) AS turns`

/** Takes a user's id and, or null, a chat's. */
export const takeTurnsSql = `SELECT pg_advisory_xact_lock(${turnLocks}, turn) FROM ${turnsOfMember}`

/**
 * Whoever changes who is in a chat, or what they are in it, has the chat's turn from before they lock any row to the
 * commit: what they read of that stays so. Whoever needs the turns of several takes them with one call. What it
 * waited for is seen by the statements after it only.
 * @returns whether there was any to take: nobody takes that of a chat which they are not in
 */
export async function takeTurns(
  prisma: Transaction,
  userId: string,
  chatId: string | null = null,
): Promise<boolean> {
  return (await prisma.$executeRawUnsafe(takeTurnsSql, userId, chatId)) > 0
}

/**
 * For somebody who holds rows by now, and must not wait: whether they have the turns of all chats that the user is
 * in, of those, too, that the user came into since they took them.
 */
export async function hasAllTurns(prisma: Transaction, userId: string): Promise<boolean> {
  const tried = `SELECT bool_and(pg_try_advisory_xact_lock(${turnLocks}, turn)) AS all FROM ${turnsOfMember}`
  const [row] = await prisma.$queryRawUnsafe<{ all: boolean | null }[]>(tried, userId, null)
  return row?.all !== false
}
