import { NotFoundError, ValidationError } from '../../core/errors.ts'
import { parseIdOf, uuidv7 } from '../../core/ids.ts'
import { isForeignKeyViolation } from '../../db/violations.ts'
import type { Store, WriteTransaction } from '../../events/store.ts'
import type { Viewer } from '../auth/viewer.ts'
import { findUsers, type PublicUser } from '../users/access.ts'
import { findApart, lockPair, pairKey } from './access.ts'

/**
 * Keeps the viewer and another user apart, in both directions. Once this has returned, no message of either
 * gets into their chat. Blocking again changes nothing.
 * @returns who is blocked now
 * @throws NotFoundError when there is no such user
 * @throws ValidationError for oneself
 */
export function blockUser(store: Store, viewer: Viewer, input: { userId: string }): Promise<PublicUser> {
  return changeBlock(store, viewer, input, async ({ prisma }, block) => {
    const { count } = await prisma.block.createMany({
      data: [{ id: uuidv7(), ...block }],
      skipDuplicates: true,
    })
    return count > 0
  })
}

/**
 * Takes the viewer's block of another user back; if the other has blocked the viewer, too, they stay apart.
 * Without a block nothing changes.
 * @returns who is not blocked any more
 * @throws as `blockUser`
 */
export function unblockUser(store: Store, viewer: Viewer, input: { userId: string }): Promise<PublicUser> {
  return changeBlock(store, viewer, input, async ({ prisma }, block) => {
    const { count } = await prisma.block.deleteMany({ where: block })
    return count > 0
  })
}

interface BlockKey {
  readonly blockerId: string
  readonly blockedId: string
}

/** @param change writes the block and tells whether anything is different now */
async function changeBlock(
  store: Store,
  viewer: Viewer,
  input: { userId: string },
  change: (tx: WriteTransaction, block: BlockKey) => Promise<boolean>,
): Promise<PublicUser> {
  const userId = parseIdOf('User', input.userId)
  if (userId === viewer.userId) {
    throw new ValidationError([{ path: ['userId'], message: 'Nobody can block themselves.' }])
  }
  const user = userId === null ? undefined : (await findUsers(store, [userId])).get(userId)
  if (user === undefined) throw new NotFoundError('user')
  const pair = pairKey(viewer.userId, user.id)
  try {
    await store.write(async (tx) => {
      await lockPair(tx, pair)
      // Against being erased meanwhile, before anything of theirs is.
      await tx.prisma.$executeRaw`
        SELECT 1 FROM users WHERE id IN (${viewer.userId}::uuid, ${user.id}::uuid) ORDER BY id FOR KEY SHARE`
      if (!(await change(tx, { blockerId: viewer.userId, blockedId: user.id }))) return
      const blocked = (await findApart(tx.prisma, viewer, [user.id])).size > 0
      // Waits for the sends and edits that are under way in their chat.
      await tx.prisma.chat.updateMany({ where: { directKey: pair }, data: { blocked } })
      await (blocked ? hideReading(tx, pair) : showReading(tx, pair))
      // Of what went back and forth before, the log keeps nothing.
      await tx.prisma.event.deleteMany({
        where: { kind: 'USER_UPDATED', userId: viewer.userId, subjectId: user.id },
      })
      await tx.append({ kind: 'USER_UPDATED', userId: viewer.userId, subjectId: user.id })
    })
  } catch (error) {
    // The account was erased meanwhile.
    throw isForeignKeyViolation(error) ? new NotFoundError('user') : error
  }
  return user
}

/** What either side reads from now on is not shown to the other. */
async function hideReading({ prisma }: WriteTransaction, pair: string): Promise<void> {
  await prisma.$executeRaw`UPDATE chat_members SET shown_read_sequence = coalesce(shown_read_sequence, last_read_sequence)
    WHERE chat_id = (SELECT id FROM chats WHERE direct_key = ${pair})`
}

/** Shows what either side has read meanwhile, and tells of it. */
async function showReading({ prisma, append }: WriteTransaction, pair: string): Promise<void> {
  const members = await prisma.$queryRaw<
    { chat_id: string; user_id: string; read: number; hidden: boolean }[]
  >`
    UPDATE chat_members m SET shown_read_sequence = NULL
    FROM chat_members before WHERE before.id = m.id AND m.chat_id = (SELECT id FROM chats WHERE direct_key = ${pair})
    RETURNING m.chat_id, m.user_id, m.last_read_sequence AS read,
      m.last_read_sequence > before.shown_read_sequence AS hidden`
  for (const { chat_id: chatId, user_id: actorId, read: sequence, hidden } of members) {
    if (hidden) await append({ kind: 'CHAT_READ', chatId, actorId, sequence })
  }
}
