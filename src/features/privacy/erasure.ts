import { uuidv7 } from '../../core/ids.ts'
import type { Logger } from '../../core/logger.ts'
import type { Transaction } from '../../db/client.ts'
import type { ErasedMessages } from '../../db/generated/prisma/client.ts'
import type { Store, WriteTransaction } from '../../events/store.ts'
import type { Auth } from '../auth/actions.ts'
import { accountOf, passwordWrong, provePassword } from '../auth/password-check.ts'
import { reserveUsername } from '../auth/reserved-usernames.ts'
import { endSessionsIn } from '../auth/session-actions.ts'
import type { Viewer } from '../auth/viewer.ts'
import { endChats, passOwnershipOn } from '../chats/ownership.ts'
import { hasAllTurns, takeTurns } from '../chats/turns.ts'
import { purgeOverChats } from '../messages/purging.ts'

/** What a group is called whose title was erased with the words of the one who gave it. */
const erasedTitle = 'Untitled'

/** One piece of background work: what a transaction may hold back for a few milliseconds. */
const batchSize = 500

/** An account in ten thousand chats takes a second or two. */
const removal = { timeoutMs: 60_000 }
const removalLock = 72707374
/** When an erasure is tried again that failed. */
const retryMs = 60_000

/**
 * Erases the viewer's account. First it is shut: nobody can log in, and whoever is logged in is not any more.
 * Then everything that names it goes, in one transaction: profile, blocks, exports, memberships; its messages
 * have no author from then on. What is left to do to messages and the log is done by `eraseStep`, however large
 * the account is. Whatever happens to this process once the account is shut, the rest is done by the next.
 * @throws AuthenticationError `INVALID_CREDENTIALS` when the password is wrong
 * @throws RateLimitedError after too many wrong ones
 */
export async function deleteAccount(
  store: Store,
  auth: Auth,
  logger: Logger,
  viewer: Viewer,
  input: { password: string; messages: ErasedMessages },
): Promise<void> {
  const account = await accountOf(store, viewer)
  await provePassword(auth, viewer, account, input.password)
  const { userId } = viewer
  const { passwordHash } = account
  const erasureId = uuidv7()
  const ended = await store.write(({ prisma }) =>
    shutAccount(prisma, { id: erasureId, userId, passwordHash, messages: input.messages }),
  )
  for (const id of ended) auth.authenticator.forget(id)
  await store
    .write(async (tx) => {
      const erasure = await holdErasure(tx.prisma, erasureId)
      if (erasure === null || erasure.removed) return
      // Of removals there is one at a time, and this one does not wait with a connection that others need.
      const [turn] = await tx.prisma.$queryRaw<{ mine: boolean }[]>`
        SELECT pg_try_advisory_xact_lock(${removalLock}) AS mine`
      if (turn?.mine) await removeAccount(tx, store, erasure)
    }, removal)
    .catch((error: unknown) => {
      logger.error({ err: error, erasureId }, 'an account could not be erased at once; trying again')
    })
}

/**
 * A short transaction of its own: what the account's clients have under way ends soon after it, so that the
 * removal does not have to get past a stream of messages.
 * @returns the ids of the sessions that were alive
 */
async function shutAccount(
  prisma: Transaction,
  erasure: { id: string; userId: string; passwordHash: string; messages: ErasedMessages },
): Promise<string[]> {
  const { id, userId, passwordHash, messages } = erasure
  const shut = await prisma.$executeRaw`
    UPDATE users SET active = false, password_hash = ''
    WHERE id = ${userId}::uuid AND password_hash = ${passwordHash}`
  if (shut === 0) throw passwordWrong()
  await prisma.erasure.create({ data: { id, userId, messages }, select: { id: true } })
  const ended = await endSessionsIn(prisma, { userId })
  await prisma.session.deleteMany({ where: { userId } })
  return ended
}

/**
 * The order of the locks is that of all others: the chats' turns, the account, so that nothing can come to refer to it,
 * its memberships, the chats. The caller holds the lock of removals.
 * @returns false, and nothing has changed, where the account came into another chat meanwhile: whoever put it
 *   there began before it was shut, so that it is to be tried again at once
 */
async function removeAccount(
  { prisma }: WriteTransaction,
  { keyedHash }: Store,
  { id, user_id: userId, messages }: ErasureRow,
): Promise<boolean> {
  await takeTurns(prisma, userId)
  const [user] = await prisma.$queryRaw<{ username_key: string }[]>`
    SELECT username_key FROM users WHERE id = ${userId}::uuid FOR UPDATE`
  if (!(await hasAllTurns(prisma, userId))) return false
  const held = await prisma.$queryRaw<{ id: string; chat_id: string }[]>`
    SELECT id, chat_id FROM chat_members WHERE user_id = ${userId}::uuid ORDER BY chat_id FOR UPDATE`
  const chatIds = held.map((row) => row.chat_id)
  await prisma.$executeRaw`
    SELECT 1 FROM chats WHERE id = ANY(${chatIds}::uuid[]) OR title_author_id = ${userId}::uuid
    ORDER BY id FOR NO KEY UPDATE`
  await prisma.chatMember.deleteMany({ where: { userId } })
  await passOwnershipOn(prisma, chatIds)
  // Nobody is left in these: they are over, and what was said in them goes in the background.
  const over = await prisma.$queryRaw<{ id: string }[]>`
    SELECT id FROM chats c WHERE id = ANY(${chatIds}::uuid[])
      AND NOT EXISTS (SELECT 1 FROM chat_members WHERE chat_id = c.id)`
  await endChats(
    prisma,
    over.map(({ id }) => id),
  )
  // The other side keeps a direct chat, to read.
  await prisma.$executeRaw`
    UPDATE chats SET blocked = true, direct_key = NULL WHERE id = ANY(${chatIds}::uuid[]) AND kind = 'DIRECT'`
  const title = messages === 'ERASE' ? erasedTitle : null
  await prisma.$executeRaw`
    WITH untitled AS (
      UPDATE chats SET title_author_id = NULL, title = coalesce(${title}, title) WHERE title_author_id = ${userId}::uuid
      RETURNING id, deleted_at
    )
    INSERT INTO events (kind, chat_id) SELECT 'CHAT_RENAMED', id FROM untitled
    WHERE ${title}::text IS NOT NULL AND deleted_at IS NULL ORDER BY id`

  // Somebody may have removed the row by hand; what it has left behind goes all the same.
  if (user !== undefined) await reserveUsername(prisma, keyedHash, user.username_key)
  await tellMembers(prisma, { userId, chatIds, memberIds: held.map((row) => row.id), erased: false })
  await prisma.erasure.update({ where: { id }, data: { removed: true, chatIds }, select: { id: true } })
  // Blocks and exports go with it.
  await prisma.user.deleteMany({ where: { id: userId } })
  return true
}

/**
 * Tells the members of these chats that somebody is gone. `sequence` says up to where their messages are
 * tombstones; without it the messages stay. `detail` is the id of the membership that ended.
 */
async function tellMembers(
  prisma: Transaction,
  account: { userId: string; chatIds: readonly string[]; memberIds?: readonly string[]; erased: boolean },
): Promise<void> {
  await prisma.$executeRaw`
    INSERT INTO events (kind, chat_id, subject_id, detail, sequence)
    SELECT 'ACCOUNT_ERASED', id, ${account.userId}::uuid, place.member_id::text, CASE WHEN ${account.erased} THEN last_sequence END
    FROM unnest(${account.chatIds}::uuid[], ${account.memberIds ?? []}::uuid[]) AS place(chat_id, member_id)
    JOIN chats ON id = chat_id AND deleted_at IS NULL ORDER BY id`
}

interface ErasureRow {
  readonly id: string
  readonly user_id: string
  readonly messages: ErasedMessages
  /** Whether the account is gone, and its traces are what is left. */
  readonly removed: boolean
  readonly chat_ids: string[]
  readonly done_through: string | null
}

const erasureColumns = 'id, user_id, messages, removed, chat_ids, done_through'

/** The erasure with this id, once nobody else is at it. */
async function holdErasure(prisma: Transaction, id: string): Promise<ErasureRow | null> {
  const statement = `SELECT ${erasureColumns} FROM erasures WHERE id = $1::uuid FOR UPDATE`
  const [erasure] = await prisma.$queryRawUnsafe<ErasureRow[]>(statement, id)
  return erasure ?? null
}

/** The erasure that has waited longest and that nobody else is at. */
async function holdNextErasure(prisma: Transaction): Promise<ErasureRow | null> {
  const statement = `SELECT ${erasureColumns} FROM erasures WHERE due_at <= now() ORDER BY due_at, id LIMIT 1
    FOR UPDATE SKIP LOCKED`
  const [erasure] = await prisma.$queryRawUnsafe<ErasureRow[]>(statement)
  return erasure ?? null
}

/**
 * One piece of an erasure, in a transaction of its own. Once the account is gone that is a matter of some
 * milliseconds: nobody's messages wait for it, and after a crash any process goes on where it stopped.
 * @returns whether there may be more
 */
export async function eraseStep(store: Store): Promise<boolean> {
  let id: string | null = null
  try {
    return await store.write(
      (tx) =>
        eraseNext(tx, store, (held) => {
          id = held
        }),
      removal,
    )
  } catch (error) {
    // The others must not wait for one that fails.
    if (id !== null) {
      const dueAt = new Date(Date.now() + retryMs)
      await store.prisma.erasure.updateMany({ where: { id }, data: { dueAt } })
    }
    throw error
  }
}

async function eraseNext(tx: WriteTransaction, store: Store, onHeld: (id: string) => void): Promise<boolean> {
  const { prisma } = tx
  const erasure = await holdNextErasure(prisma)
  if (erasure === null) return false
  onHeld(erasure.id)
  if (!erasure.removed) {
    await prisma.$executeRaw`SELECT pg_advisory_xact_lock(${removalLock})`
    await removeAccount(tx, store, erasure)
    return true
  }
  const more =
    (await purgeOverChats(prisma, erasure.chat_ids)) ||
    (await eraseMessages(prisma, erasure)) ||
    (await eraseReactions(prisma, erasure)) ||
    (await eraseMentionsBySystem(prisma, erasure)) ||
    (await eraseEvents(prisma, erasure))
  if (more) return true
  // Told when it is true: whoever reads a chat again upon this finds no text of theirs.
  if (erasure.messages === 'ERASE') {
    await tellMembers(prisma, { userId: erasure.user_id, chatIds: erasure.chat_ids, erased: true })
  }
  await prisma.erasure.delete({ where: { id: erasure.id }, select: { id: true } })
  return true
}

const lastUuid = 'ffffffff-ffff-ffff-ffff-ffffffffffff'

/**
 * Messages in the order of their ids, behind those that are done: looking from the start each time would
 * walk over all that was there before. No new one can come, since their author is in no chat. Whatever else is at
 * several messages in the background locks them in that order, too.
 */
async function eraseMessages(prisma: Transaction, erasure: ErasureRow): Promise<boolean> {
  if (erasure.done_through === lastUuid) return false
  const erase = erasure.messages === 'ERASE'
  const done = await prisma.$queryRaw<{ id: string; chat_id: string }[]>`
    UPDATE messages SET author_id = NULL, client_message_id = NULL, content_hash = NULL,
      text = CASE WHEN ${erase} THEN NULL ELSE text END,
      edited_at = CASE WHEN ${erase} THEN NULL ELSE edited_at END,
      deleted_at = CASE WHEN ${erase} AND sender <> 'SYSTEM' THEN coalesce(deleted_at, now()) ELSE deleted_at END
    WHERE id IN (
      SELECT id FROM messages
      WHERE author_id = ${erasure.user_id}::uuid AND (${erasure.done_through}::uuid IS NULL OR id > ${erasure.done_through}::uuid)
      ORDER BY id LIMIT ${batchSize} FOR NO KEY UPDATE
    ) RETURNING id, chat_id`
  const ids = done.map(({ id }) => id).sort()
  await prisma.messageRevision.deleteMany({ where: { messageId: { in: ids } } })
  if (erase) await prisma.reaction.deleteMany({ where: { messageId: { in: ids } } })
  await tellOthers(prisma, erasure, done)
  const doneThrough = ids.length < batchSize ? lastUuid : (ids.at(-1) ?? lastUuid)
  await prisma.erasure.update({ where: { id: erasure.id }, data: { doneThrough }, select: { id: true } })
  return true
}

async function eraseReactions(prisma: Transaction, erasure: ErasureRow): Promise<boolean> {
  const done = await prisma.$queryRaw<{ chat_id: string }[]>`
    WITH gone AS (
      DELETE FROM reactions WHERE id IN (
        SELECT id FROM reactions WHERE user_id = ${erasure.user_id}::uuid ORDER BY id LIMIT ${batchSize}
      ) RETURNING message_id
    )
    SELECT m.chat_id FROM gone JOIN messages m ON m.id = gone.message_id`
  await tellOthers(prisma, erasure, done)
  return done.length > 0
}

/** Chats that the account had left by then: whoever is in them hears of it when a trace is first come upon. */
async function tellOthers(
  prisma: Transaction,
  erasure: ErasureRow,
  traces: readonly { readonly chat_id: string }[],
): Promise<void> {
  const known = new Set(erasure.chat_ids)
  const chatIds = [...new Set(traces.map(({ chat_id }) => chat_id))].filter((id) => !known.has(id))
  if (chatIds.length === 0) return
  await tellMembers(prisma, { userId: erasure.user_id, chatIds, erased: false })
  const data = { chatIds: { push: chatIds } }
  await prisma.erasure.update({ where: { id: erasure.id }, data, select: { id: true } })
}

const nobody = '00000000-0000-0000-0000-000000000000'

/** What the server said of them. The place stays, so that it goes on saying of how many. */
async function eraseMentionsBySystem(prisma: Transaction, erasure: ErasureRow): Promise<boolean> {
  const { user_id } = erasure
  const done = await prisma.$queryRaw<{ chat_id: string }[]>`
    UPDATE messages SET system_subject_ids = array_replace(system_subject_ids, ${user_id}::uuid, ${nobody}::uuid)
    WHERE id IN (
      SELECT id FROM messages WHERE id = ANY(ARRAY(
        SELECT id FROM messages WHERE system_kind IS NOT NULL AND system_subject_ids @> ARRAY[${user_id}::uuid]
        LIMIT ${batchSize}
      )) ORDER BY id FOR NO KEY UPDATE
    ) RETURNING chat_id`
  await tellOthers(prisma, erasure, done)
  return done.length > 0
}

/** Log entries that tell what the account did, whom it blocked and who blocked it. */
async function eraseEvents(prisma: Transaction, { user_id }: ErasureRow): Promise<boolean> {
  const acted = await prisma.$executeRaw`
    UPDATE events SET actor_id = NULL, detail = NULL WHERE position IN (
      SELECT position FROM events WHERE actor_id = ${user_id}::uuid LIMIT ${batchSize}
    )`
  const told = await prisma.$executeRaw`
    DELETE FROM events WHERE position IN (
      SELECT position FROM events
      WHERE kind <> 'SESSION_REVOKED' AND user_id IS NOT NULL
        AND (user_id = ${user_id}::uuid OR subject_id = ${user_id}::uuid) LIMIT ${batchSize}
    )`
  return acted + told > 0
}
