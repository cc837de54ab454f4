import type { Transaction } from '../../db/client.ts'
import type { Store } from '../../events/store.ts'

const purgeLock = 70757267
/** One piece of background work: what a transaction may hold back for a few milliseconds. */
const batchSize = 500

/**
 * Takes a piece of what was cleared or deleted from the database. Where the chat goes on, a row without text,
 * reactions and earlier texts stays of each message: a late retry of its sending must not bring it back. Of a
 * chat that is over nothing stays. Of several chats now one gets its turn and now another.
 * @returns whether there may be more
 */
export function purgeStep(store: Store): Promise<boolean> {
  return store.write(async ({ prisma }) => {
    const [turn] = await prisma.$queryRaw<{ mine: boolean }[]>`
      SELECT pg_try_advisory_xact_lock(${purgeLock}) AS mine`
    if (!turn?.mine) return false
    const [chat] = await prisma.$queryRawUnsafe<PurgeableChat[]>(
      `SELECT ${columns} FROM chats WHERE purged_through < cleared_through ORDER BY random() LIMIT 1`,
    )
    if (chat === undefined) return false
    await (chat.over ? purgeOver(prisma, chat) : emptyMessages(prisma, chat))
    return true
  })
}

/** The same for chats that are over among these. Of purging there is one at a time, so that no two meet in a circle. */
export async function purgeOverChats(prisma: Transaction, chatIds: readonly string[]): Promise<boolean> {
  const findOne = async () => {
    const [chat] = await prisma.$queryRawUnsafe<PurgeableChat[]>(
      `SELECT ${columns} FROM chats WHERE id = ANY($1::uuid[]) AND purged_through < cleared_through AND deleted_at IS NOT NULL
        LIMIT 1`,
      chatIds,
    )
    return chat
  }
  if ((await findOne()) === undefined) return false
  await prisma.$executeRaw`SELECT pg_advisory_xact_lock(${purgeLock})`
  // As it is now that whoever was at it is through.
  const chat = await findOne()
  if (chat !== undefined) await purgeOver(prisma, chat)
  return true
}

interface PurgeableChat {
  readonly id: string
  readonly over: boolean
  readonly last: number
  readonly from: number
  readonly to: number
}

const columns = `id, deleted_at IS NOT NULL AS over, last_sequence AS last, purged_through AS "from",
  least(cleared_through, purged_through + ${batchSize}) AS "to"`

async function emptyMessages(prisma: Transaction, { id, from, to }: PurgeableChat): Promise<void> {
  await lockMessages(prisma, { id, from, to })
  await prisma.$executeRaw`
    UPDATE messages SET text = NULL, deleted_at = coalesce(deleted_at, now())
    WHERE chat_id = ${id}::uuid AND sequence > ${from} AND sequence <= ${to}`
  const within = { message: { chatId: id, sequence: { gt: from, lte: to } } }
  await prisma.messageRevision.deleteMany({ where: within })
  await prisma.reaction.deleteMany({ where: within })
  await moveOn(prisma, { id, from, to })
}

/** In the order of their ids, as an erasure does that is at them, too. */
async function lockMessages(
  prisma: Transaction,
  { id, from, to }: { id: string; from: number; to: number },
): Promise<void> {
  await prisma.$executeRaw`
    SELECT 1 FROM messages WHERE chat_id = ${id}::uuid AND sequence > ${from} AND sequence <= ${to}
    ORDER BY sequence FOR UPDATE`
}

/** The chat may have been ended meanwhile, which sends the mark back to the beginning: then it stays there. */
async function moveOn(
  prisma: Transaction,
  { id, from, to }: { id: string; from: number; to: number },
): Promise<void> {
  await prisma.chat.updateMany({ where: { id, purgedThrough: from }, data: { purgedThrough: to } })
}

/**
 * Its messages, then what the log has of it, then who was in it and the chat itself: memberships before chats, as
 * everywhere.
 */
async function purgeOver(prisma: Transaction, { id, last, from, to }: PurgeableChat): Promise<void> {
  if (from < last) {
    const purgedThrough = Math.min(to, last)
    await lockMessages(prisma, { id, from, to: purgedThrough })
    await prisma.message.deleteMany({ where: { chatId: id, sequence: { gt: from, lte: purgedThrough } } })
    await moveOn(prisma, { id, from, to: purgedThrough })
    return
  }
  // The chat's row takes with it what refers to it, which must be little by now.
  if ((await prisma.message.findFirst({ where: { chatId: id }, select: { id: true } })) !== null) {
    await moveOn(prisma, { id, from, to: 0 })
    return
  }
  const events = await prisma.$executeRaw`
    DELETE FROM events WHERE position IN (
      SELECT position FROM events WHERE chat_id = ${id}::uuid ORDER BY position LIMIT ${batchSize}
    )`
  if (events === batchSize) return
  await prisma.chatMember.deleteMany({ where: { chatId: id } })
  await prisma.chat.deleteMany({ where: { id } })
}
