import { ConflictError, ForbiddenError, NotFoundError, ValidationError } from '../../core/errors.ts'
import { parseIdOf } from '../../core/ids.ts'
import { parseInput } from '../../core/parse.ts'
import type { ChatMember, ChatRole, HistoryVisibility } from '../../db/generated/prisma/client.ts'
import type { Store, WriteTransaction } from '../../events/store.ts'
import type { Viewer } from '../auth/viewer.ts'
import { accessChat, isDeserted, type OwnChat, ownChat } from './access.ts'
import { changeChat, type HeldChat, memberOf } from './changes.ts'
import { addMembers, knownUsers } from './members.ts'
import { endChats, passOwnershipOn } from './ownership.ts'
import { sayInChat } from './system-messages.ts'
import { addChatMembersInput, maxMembers, renameChatInput } from './validation.ts'

const anyone: readonly ChatRole[] = ['OWNER', 'ADMIN', 'MEMBER']
const managers: readonly ChatRole[] = ['OWNER', 'ADMIN']
const owner: readonly ChatRole[] = ['OWNER']

/** @throws ForbiddenError when it is a direct chat, or the viewer's role is none of `roles` */
function requireGroup({ kind, membership }: HeldChat, roles: readonly ChatRole[]): void {
  if (kind !== 'GROUP') {
    throw new ForbiddenError(
      'A direct chat is of two equals: nobody manages it. Mute it, or block the other side.',
    )
  }
  if (roles.includes(membership.role)) return
  throw new ForbiddenError(
    roles === owner ? 'Only the owner of the group can do this.' : 'Only owner and admins can do this.',
  )
}

/**
 * Adds people to a group. Who is in it already stays as they are. What was said before is for them to see, or
 * not, as the group's `historyVisibility` says; it never counts as unread.
 * @throws ValidationError for unknown and blocked users, each at its index, and for more than fit into one call
 * @throws NotFoundError, ForbiddenError (owner and admins add)
 * @throws ConflictError when the group would have more than 5,000 members
 */
export async function addChatMembers(store: Store, viewer: Viewer, input: unknown): Promise<OwnChat> {
  const { chatId, userIds } = parseInput(addChatMembersInput, input)
  const candidates = await knownUsers(store, viewer, userIds, 'userIds')
  const addAll = async ({ prisma }: WriteTransaction, chat: HeldChat) => {
    requireGroup(chat, managers)
    const present = await prisma.chatMember.findMany({
      where: { chatId: chat.id, userId: { in: candidates } },
      select: { userId: true },
    })
    const known = new Set(present.map(({ userId }) => userId))
    const added = candidates.filter((userId) => !known.has(userId))
    if (added.length === 0) return chat.id
    const count = await prisma.chatMember.count({ where: { chatId: chat.id } })
    if (count + added.length > maxMembers) {
      throw new ConflictError('CONFLICT', `A group has at most ${maxMembers.toLocaleString('en')} members.`)
    }
    const hiddenThrough = chat.historyVisibility === 'FULL' ? chat.clearedThrough : chat.lastSequence
    const events = await prisma.$queryRaw<{ userId: string; joinedPosition: bigint }[]>`
      INSERT INTO events (kind, chat_id, actor_id, subject_id, sequence)
      SELECT 'MEMBER_ADDED', ${chat.id}::uuid, ${viewer.userId}::uuid, added, ${hiddenThrough}
      FROM unnest(${added}::uuid[]) WITH ORDINALITY AS a(added, place) ORDER BY place
      RETURNING subject_id AS "userId", position AS "joinedPosition"`
    await addMembers(
      prisma,
      chat.id,
      events.map((event) => ({ ...event, hiddenThrough, lastReadSequence: chat.lastSequence })),
    )
    await sayInChat(prisma, chat.id, { kind: 'MEMBERS_ADDED', actorId: viewer.userId, subjectIds: added })
    return chat.id
  }
  const id = await changeChat(store, viewer, chatId, addAll, { accounts: candidates })
  return ownChat(store, viewer, id)
}

/**
 * Removes somebody from a group: the owner whomever, an admin members only. From the commit on they send
 * nothing and see nothing of it.
 * @throws ValidationError for oneself (that is leaving)
 * @throws NotFoundError when there is no such chat or no such member
 * @throws ForbiddenError
 */
export async function removeChatMember(
  store: Store,
  viewer: Viewer,
  input: { chatId: string; userId: string },
): Promise<OwnChat> {
  const userId = parseIdOf('User', input.userId)
  if (userId === viewer.userId) {
    throw new ValidationError([{ path: ['userId'], message: 'To go yourself, leave the chat.' }])
  }
  if (userId === null) throw new NotFoundError('member')
  const remove = async (tx: WriteTransaction, chat: HeldChat) => {
    requireGroup(chat, managers)
    const member = await memberOf(tx.prisma, chat.id, userId)
    if (member === null) throw new NotFoundError('member')
    if (chat.membership.role === 'ADMIN' && member.role !== 'MEMBER') {
      throw new ForbiddenError('An admin removes members; the owner removes admins, too.')
    }
    await endMembership(tx, member, { actorId: viewer.userId, reason: 'REMOVED' })
    await sayInChat(tx.prisma, chat.id, {
      kind: 'MEMBER_REMOVED',
      actorId: viewer.userId,
      subjectIds: [userId],
    })
    return chat.id
  }
  return ownChat(store, viewer, await changeChat(store, viewer, input.chatId, remove, { leaver: userId }))
}

/**
 * Leaves a group. The group of an owner who leaves goes to the admin, else the member, who has been in it
 * longest; that of the last one is over, and so is a direct chat whose other side is gone.
 * @returns the id of the chat
 * @throws NotFoundError, ForbiddenError (nobody leaves a direct chat of two)
 */
export function leaveChat(store: Store, viewer: Viewer, input: { chatId: string }): Promise<string> {
  const leave = async (tx: WriteTransaction, chat: HeldChat) => {
    if (!isDeserted(chat)) requireGroup(chat, anyone)
    const { prisma } = tx
    await endMembership(tx, chat.membership, { actorId: viewer.userId, reason: 'LEFT' })
    if ((await prisma.chatMember.count({ where: { chatId: chat.id } })) === 0) {
      await endChats(prisma, [chat.id])
      return chat.id
    }
    const actorId = viewer.userId
    const [heir] = await passOwnershipOn(prisma, [chat.id])
    if (heir !== undefined) {
      await sayInChat(prisma, chat.id, { kind: 'MEMBER_MADE_OWNER', actorId, subjectIds: [heir] })
    }
    await sayInChat(prisma, chat.id, { kind: 'MEMBER_LEFT', actorId })
    return chat.id
  }
  return changeChat(store, viewer, input.chatId, leave, { leaver: viewer.userId })
}

/** Ends a membership: the others hear that somebody is gone, and they themselves that the chat is. */
async function endMembership(
  { prisma, append }: WriteTransaction,
  { id, chatId, userId }: ChatMember,
  how: { actorId: string; reason: 'REMOVED' | 'LEFT' },
): Promise<void> {
  await prisma.chatMember.delete({ where: { id }, select: { id: true } })
  await append({ kind: 'MEMBER_REMOVED', chatId, actorId: how.actorId, subjectId: userId, detail: id })
  await append({ kind: 'CHAT_DELETED', userId, subjectId: chatId, detail: how.reason })
}

/**
 * Gives a member another role. A group has one owner: who makes somebody else the owner is an admin from then
 * on. The same role again changes nothing.
 * @throws NotFoundError, ForbiddenError (only the owner does)
 * @throws ConflictError for the owner's own role: it ends by handing the group over
 */
export async function setChatMemberRole(
  store: Store,
  viewer: Viewer,
  input: { chatId: string; userId: string; role: ChatRole },
): Promise<OwnChat> {
  const { role } = input
  const userId = parseIdOf('User', input.userId)
  if (userId === null) throw new NotFoundError('member')
  const change = async (tx: WriteTransaction, chat: HeldChat) => {
    requireGroup(chat, owner)
    const member = await memberOf(tx.prisma, chat.id, userId)
    if (member === null) throw new NotFoundError('member')
    if (member.role === role) return chat.id
    if (userId === viewer.userId) {
      throw new ConflictError('CONFLICT', 'A group needs an owner: make somebody else the owner first.')
    }
    if (role === 'OWNER') await setRole(tx, viewer, chat.membership, 'ADMIN')
    await setRole(tx, viewer, member, role)
    await sayInChat(tx.prisma, chat.id, {
      kind: `MEMBER_MADE_${role}`,
      actorId: viewer.userId,
      subjectIds: [userId],
    })
    return chat.id
  }
  return ownChat(store, viewer, await changeChat(store, viewer, input.chatId, change))
}

async function setRole(
  { prisma, append }: WriteTransaction,
  viewer: Viewer,
  { id, chatId, userId }: ChatMember,
  role: ChatRole,
): Promise<void> {
  await prisma.chatMember.update({ where: { id }, data: { role }, select: { id: true } })
  await append({ kind: 'MEMBER_ROLE_CHANGED', chatId, actorId: viewer.userId, subjectId: userId })
}

/**
 * Gives a group another title. The same title again changes nothing.
 * @throws ValidationError, NotFoundError, ForbiddenError (owner and admins do)
 */
export async function renameChat(store: Store, viewer: Viewer, input: unknown): Promise<OwnChat> {
  const { chatId, title } = parseInput(renameChatInput, input)
  const id = await changeChat(store, viewer, chatId, async ({ prisma, append }, chat) => {
    requireGroup(chat, managers)
    if (chat.title === title) return chat.id
    await prisma.chat.update({
      where: { id: chat.id },
      data: { title, titleAuthorId: viewer.userId, updatedAt: new Date() },
      select: { id: true },
    })
    await append({ kind: 'CHAT_RENAMED', chatId: chat.id, actorId: viewer.userId })
    await sayInChat(prisma, chat.id, { kind: 'CHAT_RENAMED', actorId: viewer.userId, title })
    return chat.id
  })
  return ownChat(store, viewer, id)
}

/**
 * Says what those see who join from now on. Who is in the group keeps what they see.
 * @throws NotFoundError, ForbiddenError (only the owner does)
 */
export async function setChatHistoryVisibility(
  store: Store,
  viewer: Viewer,
  input: { chatId: string; historyVisibility: HistoryVisibility },
): Promise<OwnChat> {
  const { historyVisibility } = input
  const id = await changeChat(store, viewer, input.chatId, async ({ prisma, append }, chat) => {
    requireGroup(chat, owner)
    if (chat.historyVisibility === historyVisibility) return chat.id
    const data = { historyVisibility, updatedAt: new Date() }
    await prisma.chat.update({ where: { id: chat.id }, data, select: { id: true } })
    await append({ kind: 'CHAT_HISTORY_VISIBILITY_CHANGED', chatId: chat.id, actorId: viewer.userId })
    await sayInChat(prisma, chat.id, { kind: `HISTORY_MADE_${historyVisibility}`, actorId: viewer.userId })
    return chat.id
  })
  return ownChat(store, viewer, id)
}

/**
 * Deletes a group for everyone in it. It goes from the database in the background, with all that was said.
 * @returns the id of the chat
 * @throws NotFoundError, ForbiddenError (only the owner does)
 */
export function deleteChat(store: Store, viewer: Viewer, input: { chatId: string }): Promise<string> {
  return changeChat(store, viewer, input.chatId, async ({ prisma }, chat) => {
    requireGroup(chat, owner)
    await endChats(prisma, [chat.id])
    await prisma.$executeRaw`
      INSERT INTO events (kind, user_id, subject_id, detail)
      SELECT 'CHAT_DELETED', user_id, chat_id, 'DELETED' FROM chat_members WHERE chat_id = ${chat.id}::uuid ORDER BY id`
    return chat.id
  })
}

/**
 * Mutes a chat for the viewer, or unmutes it with null or a time gone by: a muted chat counts for nothing in
 * `viewer.unreadCount`. Only the viewer's own devices hear of it.
 * @throws NotFoundError
 */
export async function muteChat(
  store: Store,
  viewer: Viewer,
  input: { chatId: string; until: Date | null },
): Promise<OwnChat> {
  const { id, membership } = await accessChat(store, viewer, input.chatId)
  const until = input.until !== null && input.until.getTime() > Date.now() ? input.until : null
  if (membership.mutedUntil?.getTime() !== until?.getTime()) {
    await store.writeStatement(muteStatement, [id, viewer.userId, until])
  }
  return ownChat(store, viewer, id)
}

/** Its own row is all that it needs. */
const muteStatement = {
  name: 'chats_mute',
  text: `WITH muted AS (
      UPDATE chat_members SET muted_until = $3 WHERE chat_id = $1 AND user_id = $2 RETURNING chat_id, user_id
    ) INSERT INTO events (kind, user_id, subject_id) SELECT 'CHAT_MUTED', user_id, chat_id FROM muted RETURNING subject_id`,
}
