import { AuthenticationError } from '../../core/errors.ts'
import { uuidv7 } from '../../core/ids.ts'
import type { Transaction } from '../../db/client.ts'
import type { ErasedMessages } from '../../db/generated/prisma/client.ts'
import type { Store, WriteTransaction } from '../../events/store.ts'
import type { Auth } from '../auth/actions.ts'
import { accountOf, provePassword } from '../auth/password-check.ts'
import { reserveUsername } from '../auth/reserved-usernames.ts'
import type { Viewer } from '../auth/viewer.ts'
import { passOwnershipOn } from '../chats/ownership.ts'

/** What a group is called whose title was erased with the words of the one who gave it. */
const erasedTitle = 'Untitled'

/** One piece of background work: what a transaction may hold back for a few milliseconds. */
const batchSize = 500

/** An account in ten thousand chats takes about a second. */
const eraseTimeoutMs = 60_000

/**
 * Erases the viewer's account. In one transaction everything that names it goes: profile, sessions and
 * tokens, blocks, exports, memberships; their messages have no author from then on. What is left to do to
 * messages and the log waits in `erasures` and is done by `eraseStep`, however large the account and
 * whatever happens to this process.
 * @throws AuthenticationError `INVALID_CREDENTIALS` when the password is wrong
 * @throws RateLimitedError after too many wrong ones
 */
export async function deleteAccount(
  store: Store,
  auth: Auth,
  viewer: Viewer,
  input: { password: string; messages: ErasedMessages },
): Promise<void> {
  const account = await accountOf(store, viewer)
  await provePassword(auth, viewer, account, input.password)
  const { passwordHash } = account
  const ended = await store.write(
    (tx) => removeAccount(tx, store, { userId: viewer.userId, passwordHash, messages: input.messages }),
    { timeoutMs: eraseTimeoutMs },
  )
  for (const id of ended) auth.authenticator.forget(id)
}

/**
 * The order of the locks: the account (which holds off logins, and whatever else would refer to it), its
 * chats by id, then rows in them. Sending locks a membership before its chat, so that a deadlock with the
 * account's own message under way is possible; the transaction is then tried again.
 * @returns the ids of the sessions that were alive
 */
async function removeAccount(
  { prisma }: WriteTransaction,
  { keyedHash }: Store,
  account: { userId: string; passwordHash: string; messages: ErasedMessages },
): Promise<string[]> {
  const { userId, messages } = account
  const [user] = await prisma.$queryRaw<{ username_key: string }[]>`
    SELECT username_key FROM users WHERE id = ${userId}::uuid AND password_hash = ${account.passwordHash} FOR UPDATE`
  if (user === undefined) throw new AuthenticationError('INVALID_CREDENTIALS')
  await prisma.$executeRaw`
    SELECT 1 FROM chats WHERE id IN (SELECT chat_id FROM chat_members WHERE user_id = ${userId}::uuid)
      OR title_author_id = ${userId}::uuid
    ORDER BY id FOR NO KEY UPDATE`

  const left = await prisma.$queryRaw<{ chat_id: string }[]>`
    DELETE FROM chat_members WHERE user_id = ${userId}::uuid RETURNING chat_id`
  const chatIds = left.map((row) => row.chat_id)
  await passOwnershipOn(prisma, chatIds)
  // Nobody is left in these: they are over, and what was said in them goes in the background.
  await prisma.$executeRaw`
    UPDATE chats c SET deleted_at = now() WHERE id = ANY(${chatIds}::uuid[])
      AND NOT EXISTS (SELECT 1 FROM chat_members WHERE chat_id = c.id)`
  // The other side keeps a direct chat, to read.
  await prisma.$executeRaw`
    UPDATE chats SET blocked = true, direct_key = NULL WHERE id = ANY(${chatIds}::uuid[]) AND kind = 'DIRECT'`
  const title = messages === 'ERASE' ? erasedTitle : null
  await prisma.$executeRaw`
    UPDATE chats SET title_author_id = NULL, title = coalesce(${title}, title) WHERE title_author_id = ${userId}::uuid`

  const sessions = await prisma.$queryRaw<{ id: string }[]>`
    WITH told AS (
      INSERT INTO events (kind, user_id, subject_id)
      SELECT 'SESSION_REVOKED', user_id, id FROM sessions WHERE user_id = ${userId}::uuid AND revoked_at IS NULL
      RETURNING subject_id
    ) SELECT subject_id AS id FROM told`
  await reserveUsername(prisma, keyedHash, user.username_key)
  if (messages === 'KEEP_ANONYMOUS') await tellMembers(prisma, { userId, chatIds, erased: false })
  await prisma.erasure.create({ data: { id: uuidv7(), userId, messages, chatIds }, select: { id: true } })
  // Sessions, refresh tokens, blocks and exports go with it.
  await prisma.user.delete({ where: { id: userId }, select: { id: true } })
  return sessions.map(({ id }) => id)
}

/**
 * Tells the members of these chats that somebody is gone. `sequence` says up to where their messages are
 * tombstones; without it the messages stay.
 */
async function tellMembers(
  prisma: Transaction,
  account: { userId: string; chatIds: readonly string[]; erased: boolean },
): Promise<void> {
  await prisma.$executeRaw`
    INSERT INTO events (kind, chat_id, subject_id, sequence)
    SELECT 'ACCOUNT_ERASED', id, ${account.userId}::uuid, CASE WHEN ${account.erased} THEN last_sequence END FROM chats
    WHERE id = ANY(${account.chatIds}::uuid[]) AND deleted_at IS NULL ORDER BY id`
}

interface ErasureRow {
  readonly id: string
  readonly user_id: string
  readonly messages: ErasedMessages
  readonly chat_ids: string[]
  readonly done_through: string | null
}

/**
 * One piece of what an erased account has left behind, in a transaction of its own of a few milliseconds:
 * nobody's messages wait for it, and after a crash any process goes on where it stopped.
 * @returns whether there may be more
 */
export function eraseStep(store: Store): Promise<boolean> {
  return store.write(async ({ prisma }) => {
    const [erasure] = await prisma.$queryRaw<ErasureRow[]>`
      SELECT id, user_id, messages, chat_ids, done_through FROM erasures ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED`
    if (erasure === undefined) return false
    const more =
      (await eraseDeadChat(prisma, erasure)) ||
      (await eraseMessages(prisma, erasure)) ||
      (await eraseReactions(prisma, erasure)) ||
      (await eraseActor(prisma, erasure))
    if (more) return true
    // Told when it is true: whoever reads a chat again upon this finds no text of theirs.
    if (erasure.messages === 'ERASE') {
      await tellMembers(prisma, { userId: erasure.user_id, chatIds: erasure.chat_ids, erased: true })
    }
    await prisma.erasure.delete({ where: { id: erasure.id }, select: { id: true } })
    return true
  })
}

/** A piece of a chat that nobody is left in, whoever wrote it, from its newest message back; then the chat. */
async function eraseDeadChat(prisma: Transaction, { chat_ids }: ErasureRow): Promise<boolean> {
  const [chat] = await prisma.$queryRaw<{ id: string; last_sequence: number }[]>`
    SELECT id, last_sequence FROM chats c WHERE id = ANY(${chat_ids}::uuid[]) AND deleted_at IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM chat_members WHERE chat_id = c.id)
    LIMIT 1`
  if (chat === undefined) return false
  const { id, last_sequence } = chat
  if (last_sequence > 0) {
    const left = Math.max(0, last_sequence - batchSize)
    await prisma.$executeRaw`DELETE FROM messages WHERE chat_id = ${id}::uuid AND sequence > ${left}`
    await prisma.$executeRaw`UPDATE chats SET last_sequence = ${left} WHERE id = ${id}::uuid`
    return true
  }
  const events = await prisma.$executeRaw`
    DELETE FROM events WHERE position IN (
      SELECT position FROM events WHERE chat_id = ${id}::uuid ORDER BY position LIMIT ${batchSize}
    )`
  if (events < batchSize) await prisma.chat.delete({ where: { id }, select: { id: true } })
  return true
}

const lastUuid = 'ffffffff-ffff-ffff-ffff-ffffffffffff'

/**
 * Messages in the order of their ids, behind those that are done: looking from the start each time would
 * walk over all that was there before. No new one can come, since their author is in no chat.
 */
async function eraseMessages(prisma: Transaction, erasure: ErasureRow): Promise<boolean> {
  if (erasure.done_through === lastUuid) return false
  const erase = erasure.messages === 'ERASE'
  const done = await prisma.$queryRaw<{ id: string }[]>`
    UPDATE messages SET author_id = NULL, client_message_id = NULL, content_hash = NULL,
      text = CASE WHEN ${erase} THEN NULL ELSE text END,
      edited_at = CASE WHEN ${erase} THEN NULL ELSE edited_at END,
      deleted_at = CASE WHEN ${erase} THEN coalesce(deleted_at, now()) ELSE deleted_at END
    WHERE id IN (
      SELECT id FROM messages
      WHERE author_id = ${erasure.user_id}::uuid AND (${erasure.done_through}::uuid IS NULL OR id > ${erasure.done_through}::uuid)
      ORDER BY id LIMIT ${batchSize}
    ) RETURNING id`
  const ids = done.map(({ id }) => id).sort()
  await prisma.messageRevision.deleteMany({ where: { messageId: { in: ids } } })
  if (erase) await prisma.reaction.deleteMany({ where: { messageId: { in: ids } } })
  const doneThrough = ids.length < batchSize ? lastUuid : (ids.at(-1) ?? lastUuid)
  await prisma.erasure.update({ where: { id: erasure.id }, data: { doneThrough }, select: { id: true } })
  return true
}

async function eraseReactions(prisma: Transaction, { user_id }: ErasureRow): Promise<boolean> {
  const count = await prisma.$executeRaw`
    DELETE FROM reactions WHERE id IN (
      SELECT id FROM reactions WHERE user_id = ${user_id}::uuid ORDER BY id LIMIT ${batchSize}
    )`
  return count > 0
}

/** Log entries that name the account as the one who did something. */
async function eraseActor(prisma: Transaction, { user_id }: ErasureRow): Promise<boolean> {
  const count = await prisma.$executeRaw`
    UPDATE events SET actor_id = NULL, detail = NULL WHERE position IN (
      SELECT position FROM events WHERE actor_id = ${user_id}::uuid LIMIT ${batchSize}
    )`
  return count > 0
}
