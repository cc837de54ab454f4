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

/** What a change needs besides the chat's row, and locks before it. */
interface Needs {
  /** Accounts that come to be referred to. */
  readonly accounts?: readonly string[]
  /** Whose memberships change. They must not end, which is all that they are locked against. */
  readonly members?: readonly string[] | 'all'
  /** Whose membership ends; as sending locks the sender's own, so that of the two at the same moment one comes first. */
  readonly leaver?: string
}

/**
 * One change to a chat, under its row's lock. Such changes take turns, by an advisory lock that comes before all
 * rows: else two that need each other's rows would wait until the database sees it, a second later. Within a process
 * they wait without a connection. Whatever takes no turns (sending, erasing an account) locks in the same order:
 * accounts, then memberships, then chats.
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
    await tx.prisma.$executeRaw`
      SELECT pg_advisory_xact_lock(hashtextextended(${`chat:${id}`}, 0)) FROM chat_members
      WHERE chat_id = ${id}::uuid AND user_id = ${viewer.userId}::uuid`
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

/** Nothing, where the viewer is no member. */
async function lockNeeds(
  prisma: Transaction,
  { userId: viewerId }: Viewer,
  chatId: string,
  { accounts, members, leaver }: Needs,
): Promise<void> {
  const isMember = `EXISTS (SELECT 1 FROM chat_members WHERE chat_id = $1::uuid AND user_id = $2::uuid)`
  if (accounts !== undefined) {
    const text = `SELECT 1 FROM users WHERE id = ANY($3::uuid[]) AND ${isMember} ORDER BY id FOR KEY SHARE`
    await prisma.$executeRawUnsafe(text, chatId, viewerId, accounts)
  }
  const those = members === 'all' ? null : (members ?? (leaver === undefined ? [] : [leaver]))
  if (those === null || those.length > 0) {
    const text = `SELECT 1 FROM chat_members
      WHERE chat_id = $1::uuid AND ($3::uuid[] IS NULL OR user_id = ANY($3::uuid[])) AND ${isMember}
      ORDER BY id FOR ${leaver === undefined ? 'KEY SHARE' : 'UPDATE'}`
    await prisma.$executeRawUnsafe(text, chatId, viewerId, those)
  }
}

export function memberOf(prisma: Transaction, chatId: string, userId: string): Promise<ChatMember | null> {
  return prisma.chatMember.findUnique({ where: { chatId_userId: { chatId, userId } } })
}
