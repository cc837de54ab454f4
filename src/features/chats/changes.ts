import { NotFoundError } from '../../core/errors.ts'
import { parseIdOf } from '../../core/ids.ts'
import type { Transaction } from '../../db/client.ts'
import type { ChatMember, HistoryVisibility } from '../../db/generated/prisma/client.ts'
import type { Store, WriteTransaction } from '../../events/store.ts'
import type { Viewer } from '../auth/viewer.ts'
import { writeWhileAccountsLast } from './members.ts'

/** A chat whose row is held to the commit, with the viewer's place in it: what is decided stays true. */
export interface HeldChat {
  readonly id: string
  readonly kind: 'DIRECT' | 'GROUP'
  readonly title: string | null
  readonly directKey: string | null
  readonly lastSequence: number
  readonly clearedThrough: number
  readonly historyVisibility: HistoryVisibility
  readonly membership: ChatMember
}

/**
 * One change to a chat, under its row's lock. Such changes take turns, by an advisory lock that comes before all
 * rows: else two that need each other's rows would wait until the database sees it, a second later. Within a process
 * they wait without a connection.
 * @param lockMember whose membership the change ends. It is locked before the chat is, as sending does with the
 *   sender's own: whoever sends and is removed at the same moment does one after the other.
 * @throws NotFoundError when the viewer has no such chat
 */
export async function changeChat<Result>(
  store: Store,
  viewer: Viewer,
  globalId: string,
  change: (tx: WriteTransaction, chat: HeldChat) => Promise<Result>,
  lockMember: string | null = null,
): Promise<Result> {
  const id = parseIdOf('Chat', globalId)
  if (id === null) throw new NotFoundError('chat')
  const work = async (tx: WriteTransaction): Promise<Result> => {
    await tx.prisma.$executeRaw`
      SELECT pg_advisory_xact_lock(hashtextextended(${`chat:${id}`}, 0)) FROM chat_members
      WHERE chat_id = ${id}::uuid AND user_id = ${viewer.userId}::uuid`
    if (lockMember !== null) {
      await tx.prisma.$executeRaw`
        SELECT 1 FROM chat_members WHERE chat_id = ${id}::uuid AND user_id = ${lockMember}::uuid
          AND EXISTS (SELECT 1 FROM chat_members WHERE chat_id = ${id}::uuid AND user_id = ${viewer.userId}::uuid)
        FOR UPDATE`
    }
    const [chat] = await tx.prisma.$queryRaw<Omit<HeldChat, 'membership'>[]>`
      SELECT id, kind, title, direct_key AS "directKey", last_sequence AS "lastSequence", cleared_through AS "clearedThrough",
        history_visibility AS "historyVisibility" FROM chats
      WHERE id = ${id}::uuid AND deleted_at IS NULL
        AND EXISTS (SELECT 1 FROM chat_members WHERE chat_id = ${id}::uuid AND user_id = ${viewer.userId}::uuid)
      FOR NO KEY UPDATE`
    // In a statement of its own, which sees what the first one waited for.
    const membership = await memberOf(tx.prisma, id, viewer.userId)
    if (chat === undefined || membership === null) throw new NotFoundError('chat')
    return change(tx, { ...chat, membership })
  }
  return store.inTurn(id, () => writeWhileAccountsLast(store, work))
}

export function memberOf(prisma: Transaction, chatId: string, userId: string): Promise<ChatMember | null> {
  return prisma.chatMember.findUnique({ where: { chatId_userId: { chatId, userId } } })
}
