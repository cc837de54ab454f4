import { ForbiddenError } from '../../core/errors.ts'
import type { Transaction } from '../../db/client.ts'
import type { Store, WriteTransaction } from '../../events/store.ts'
import type { Viewer } from '../auth/viewer.ts'
import { accessChat, type OwnChat, ownChat } from '../chats/access.ts'
import { changeChat, type HeldChat } from '../chats/changes.ts'

/** How long emptying a direct chat may take: of a million own messages, more than half a minute. */
const slowMs = 600_000

/**
 * Clears a chat of its messages, whatever their number: in a group, for its owner, all of them for everyone; in
 * a direct chat the viewer's own, which become tombstones.
 * @returns how many were cleared that had not been deleted before
 * @throws NotFoundError
 * @throws ForbiddenError in a group for anyone but its owner
 */
export async function clearChat(
  store: Store,
  viewer: Viewer,
  input: { chatId: string },
): Promise<{ chat: OwnChat; clearedCount: number }> {
  const chat = await accessChat(store, viewer, input.chatId)
  if (chat.kind === 'GROUP' && chat.membership.role !== 'OWNER') {
    throw new ForbiddenError('Only the owner of the group can clear it.')
  }
  const clearedCount =
    chat.kind === 'GROUP'
      ? await clearGroup(store, viewer, input.chatId, chat)
      : await clearOwn(store, viewer, chat)
  return { chat: await ownChat(store, viewer, chat.id), clearedCount }
}

/**
 * A mark that every member's view begins behind: as fast for a million messages as for one. The texts go from
 * the database right afterwards (`purging.ts`).
 */
async function clearGroup(
  store: Store,
  viewer: Viewer,
  globalId: string,
  { id, lastSequence: through }: OwnChat,
): Promise<number> {
  // Most of the counting is done before anyone has to wait for it.
  const early = await countStanding(store.prisma, id, { from: 0, to: through })
  const clear = async ({ prisma, append }: WriteTransaction, chat: HeldChat) => {
    if (chat.membership.role !== 'OWNER')
      throw new ForbiddenError('Only the owner of the group can clear it.')
    const { id: chatId, lastSequence } = chat
    if (chat.clearedThrough === lastSequence) return 0
    const late = await countStanding(prisma, chatId, { from: through, to: lastSequence })
    await prisma.chat.update({
      where: { id: chatId },
      data: { clearedThrough: lastSequence },
      select: { id: true },
    })
    await prisma.chatMember.updateMany({ where: { chatId }, data: { hiddenThrough: lastSequence } })
    await append({ kind: 'CHAT_CLEARED', chatId, actorId: viewer.userId, sequence: lastSequence })
    // Whoever cleared it meanwhile has counted those.
    return chat.clearedThrough >= through ? late : early + late
  }
  return changeChat(store, viewer, globalId, clear)
}

/** Messages behind what was cleared before, of people, not deleted. */
async function countStanding(
  prisma: Transaction,
  chatId: string,
  { from, to }: { from: number; to: number },
): Promise<number> {
  const [row] = await prisma.$queryRaw<{ count: number }[]>`
    SELECT count(*)::int AS count FROM messages m JOIN chats c ON c.id = m.chat_id
    WHERE m.chat_id = ${chatId}::uuid AND m.sequence > greatest(${from}, c.cleared_through) AND m.sequence <= ${to}
      AND m.deleted_at IS NULL AND m.sender <> 'SYSTEM'`
  return row?.count ?? 0
}

/** What comes while it is at work stays. Nobody waits for it: only the messages themselves are locked. */
function clearOwn(store: Store, viewer: Viewer, chat: OwnChat): Promise<number> {
  const { id: chatId, lastSequence } = chat
  const clear = async ({ prisma, append }: WriteTransaction) => {
    await prisma.$executeRawUnsafe(`SET LOCAL statement_timeout = ${slowMs}`)
    const cleared = await prisma.$executeRaw`
      UPDATE messages SET text = NULL, deleted_at = clock_timestamp()
      WHERE chat_id = ${chatId}::uuid AND author_id = ${viewer.userId}::uuid AND sequence <= ${lastSequence}
        AND deleted_at IS NULL AND sender <> 'SYSTEM'`
    if (cleared === 0) return 0
    // In statements of their own, which see what an edit or a reaction added that the first one waited for.
    await prisma.$executeRaw`
      DELETE FROM message_revisions r USING messages m
      WHERE m.id = r.message_id AND m.chat_id = ${chatId}::uuid AND r.author_id = ${viewer.userId}::uuid
        AND m.deleted_at IS NOT NULL`
    await prisma.$executeRaw`
      DELETE FROM reactions r USING messages m
      WHERE m.id = r.message_id AND m.chat_id = ${chatId}::uuid AND m.author_id = ${viewer.userId}::uuid
        AND m.deleted_at IS NOT NULL`
    await append({
      kind: 'CHAT_CLEARED',
      chatId,
      actorId: viewer.userId,
      subjectId: viewer.userId,
      sequence: lastSequence,
    })
    return cleared
  }
  return store.write(clear, { timeoutMs: slowMs })
}
