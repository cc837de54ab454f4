import { NotFoundError, ValidationError } from '../../core/errors.ts'
import { parseIdOf, uuidv7 } from '../../core/ids.ts'
import { parseInput } from '../../core/parse.ts'
import type { Store } from '../../events/store.ts'
import type { Viewer } from '../auth/viewer.ts'
import { findApart, keptApart, lockPair, pairKey } from '../blocks/access.ts'
import { accessChat, type OwnChat, ownChat } from './access.ts'
import { addMembers, knownUsers, writeWhileAccountsLast } from './members.ts'
import { createGroupChatInput } from './validation.ts'

/**
 * The one-to-one chat with another user, made if it does not stand yet. However many calls come at
 * once, from whichever side, one of them makes it. It takes the lock that a block of the two takes: a chat that
 * is made at the same moment is either refused or marked.
 * @throws NotFoundError when there is no such user
 * @throws ForbiddenError for a new chat where either has blocked the other
 * @throws ValidationError for a chat with oneself
 */
export async function createDirectChat(
  store: Store,
  viewer: Viewer,
  input: { userId: string },
): Promise<{ chat: OwnChat; created: boolean }> {
  const userId = parseIdOf('User', input.userId)
  if (userId === viewer.userId) {
    throw new ValidationError([
      {
        path: ['userId'],
        message: 'A direct chat needs someone else; a group chat may have only its owner.',
      },
    ])
  }
  if (userId === null) throw new NotFoundError('user')
  const directKey = pairKey(viewer.userId, userId)
  const found = await store.prisma.chat.findUnique({ where: { directKey }, select: { id: true } })
  if (found !== null) return { chat: await ownChat(store, viewer, found.id), created: false }
  if ((await store.prisma.user.count({ where: { id: userId, active: true } })) === 0) {
    throw new NotFoundError('user')
  }
  const id = uuidv7()
  const created = await writeWhileAccountsLast(store, async (tx) => {
    await lockPair(tx, directKey)
    const { count } = await tx.prisma.chat.createMany({
      data: [{ id, kind: 'DIRECT', directKey }],
      skipDuplicates: true,
    })
    if (count === 0) return false
    if ((await findApart(tx.prisma, viewer, [userId])).size > 0) throw keptApart()
    await addMembers(tx.prisma, id, [{ userId: viewer.userId }, { userId }])
    await tx.append({ kind: 'CHAT_CREATED', chatId: id, actorId: viewer.userId })
    return true
  })
  if (created) return { chat: await ownChat(store, viewer, id), created }
  const standing = await store.prisma.chat.findUnique({ where: { directKey }, select: { id: true } })
  // Its other side was erased a moment ago.
  if (standing === null) throw new NotFoundError('user')
  return { chat: await ownChat(store, viewer, standing.id), created }
}

/**
 * A titled chat that the viewer owns, with or without others.
 * @throws ValidationError with every problem at once; an unknown member is one, at its index, and so is one
 *   whom the viewer has blocked or who has blocked the viewer
 */
export async function createGroupChat(store: Store, viewer: Viewer, input: unknown): Promise<OwnChat> {
  const { title, memberIds, historyVisibility } = parseInput(createGroupChatInput, input)
  const members = await knownUsers(store, viewer, memberIds ?? [], 'memberIds')
  const id = uuidv7()
  await writeWhileAccountsLast(store, async (tx) => {
    await tx.prisma.chat.create({
      data: {
        id,
        kind: 'GROUP',
        title,
        titleAuthorId: viewer.userId,
        historyVisibility: historyVisibility ?? 'FULL',
      },
      select: { id: true },
    })
    await addMembers(tx.prisma, id, [
      { userId: viewer.userId, role: 'OWNER' },
      ...members.map((userId) => ({ userId })),
    ])
    await tx.append({ kind: 'CHAT_CREATED', chatId: id, actorId: viewer.userId })
  })
  return ownChat(store, viewer, id)
}

/**
 * The row of a direct chat is locked against being blocked meanwhile, before anything is written; the others need no
 * lock. The membership comes before it, as everywhere. While one side has blocked the other only the reader's own devices are told.
 */
const markReadStatement = {
  name: 'chats_mark_read',
  text: `WITH me AS (
      SELECT 1 FROM chat_members WHERE chat_id = $1 AND user_id = $2 FOR KEY SHARE
    ), direct AS (
      SELECT blocked FROM chats WHERE id = $1 AND kind = 'DIRECT' AND (SELECT count(*) FROM me) >= 0 FOR SHARE
    ), read AS (
      UPDATE chat_members SET last_read_sequence = $3
      WHERE chat_id = $1 AND user_id = $2 AND last_read_sequence < $3 AND (SELECT count(*) FROM direct) >= 0
      RETURNING last_read_sequence
    ) INSERT INTO events (kind, chat_id, user_id, subject_id, actor_id, sequence)
    SELECT 'CHAT_READ', CASE WHEN apart THEN NULL ELSE $1 END, CASE WHEN apart THEN $2 END, CASE WHEN apart THEN $1 END,
      $2, last_read_sequence
    FROM read, coalesce((SELECT blocked FROM direct), false) AS apart RETURNING sequence`,
}

/**
 * Moves the viewer's read position forward, never back, and tells their other devices and the other
 * members; in a direct chat where either side has blocked the other, their own devices alone. Beyond the newest
 * message it stops at the newest.
 * @throws NotFoundError when the viewer has no such chat
 * @throws ValidationError for a negative sequence
 */
export async function markChatRead(
  store: Store,
  viewer: Viewer,
  input: { chatId: string; sequence: number },
): Promise<OwnChat> {
  const chat = await accessChat(store, viewer, input.chatId)
  if (input.sequence < 0) {
    throw new ValidationError([{ path: ['sequence'], message: 'The sequence must not be negative.' }])
  }
  const sequence = Math.min(input.sequence, chat.lastSequence)
  if (sequence <= chat.membership.lastReadSequence) return chat
  await store.writeStatement(markReadStatement, [chat.id, viewer.userId, sequence])
  return ownChat(store, viewer, chat.id)
}
