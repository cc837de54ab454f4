import { NotFoundError } from '../../core/errors.ts'
import { parseIdOf } from '../../core/ids.ts'
import type { Transaction } from '../../db/client.ts'
import type { ChatMember, HistoryVisibility } from '../../db/generated/prisma/client.ts'
import type { Store, WriteTransaction } from '../../events/store.ts'
import type { Viewer } from '../auth/viewer.ts'
import { writeWhileAccountsLast } from './members.ts'
import { takeTurns } from './turns.ts'

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

/** What a change needs besides the chat's row, and locks before it. */
interface Needs {
  /** Accounts that come to be referred to. */
  readonly accounts?: readonly string[]
  /** Whose membership ends; as sending locks the sender's own, so that of the two at the same moment one comes first. */
  readonly leaver?: string
}

/**
 * One change to a chat, in its turn (`turns.ts`) and under its row's lock. Within a process they wait for each other
 * without a connection. Everything locks in the same order: turns, accounts, memberships, chats.
 * @throws NotFoundError when the viewer has no such chat
 */
export async function changeChat<Result>(
  store: Store,
  viewer: Viewer,
  globalId: string,
  change: (tx: WriteTransaction, chat: HeldChat) => Promise<Result>,
  needs: Needs = {},
): Promise<Result> {
  const id = parseIdOf('Chat', globalId)
  if (id === null) throw new NotFoundError('chat')
  const work = async (tx: WriteTransaction): Promise<Result> => {
    if (!(await takeTurns(tx.prisma, viewer.userId, id))) throw new NotFoundError('chat')
    await lockNeeds(tx.prisma, viewer, id, needs)
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

/** No membership that is not the viewer's to end. */
async function lockNeeds(
  prisma: Transaction,
  { userId: viewerId }: Viewer,
  chatId: string,
  { accounts, leaver }: Needs,
): Promise<void> {
  if (accounts !== undefined) {
    await prisma.$executeRaw`
      SELECT 1 FROM users WHERE id = ANY(${accounts}::uuid[]) ORDER BY id FOR KEY SHARE`
  }
  if (leaver !== undefined) {
    await prisma.$executeRaw`
      SELECT 1 FROM chat_members m WHERE chat_id = ${chatId}::uuid AND user_id = ${leaver}::uuid AND EXISTS (
        SELECT 1 FROM chat_members v JOIN chats c ON c.id = v.chat_id
        WHERE v.chat_id = m.chat_id AND v.user_id = ${viewerId}::uuid AND c.direct_key IS NULL
          AND (v.user_id = m.user_id OR v.role <> 'MEMBER'))
      FOR UPDATE`
  }
}

export function memberOf(prisma: Transaction, chatId: string, userId: string): Promise<ChatMember | null> {
  return prisma.chatMember.findUnique({ where: { chatId_userId: { chatId, userId } } })
}
