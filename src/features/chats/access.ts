import { NotFoundError } from '../../core/errors.ts'
import { parseIdOf } from '../../core/ids.ts'
import type { Chat, ChatMember } from '../../db/generated/prisma/client.ts'
import type { Store } from '../../events/store.ts'
import type { Viewer } from '../auth/viewer.ts'
import type { PublicUser } from '../users/access.ts'

/** What a chat's members may see of its row. */
type ChatFacts = Omit<Chat, 'titleAuthorId' | 'blocked' | 'clearedThrough' | 'purgedThrough' | 'wide'>

/** What a chat's members may see of a membership, and whose it is where that came along. */
export type MemberView = Omit<ChatMember, 'hiddenThrough' | 'joinedPosition'> & { readonly user?: PublicUser }

/** A chat, and the viewer's own membership where it came along. */
export type ChatView = ChatFacts & { readonly membership?: MemberView }

/** A chat as one of its members sees it. */
export type OwnChat = ChatFacts & { readonly membership: MemberView }

/** A direct chat whose other side has erased their account: it can be read, left, and nothing more. */
export function isDeserted({ kind, directKey }: Pick<Chat, 'kind' | 'directKey'>): boolean {
  return kind === 'DIRECT' && directKey === null
}

/**
 * The chats behind these ids that the viewer belongs to, by id; one statement. A chat that does not
 * exist, one that was deleted and one of other people are left out alike.
 */
export async function findChats(
  store: Store,
  viewer: Viewer,
  ids: readonly string[],
): Promise<Map<string, OwnChat>> {
  const rows = await store.query<OwnChatRow>(findChatsStatement, [viewer.userId, ids])
  return new Map(rows.map((row) => [row.id, toOwnChat(row)]))
}

/**
 * The chat behind a global id, for one of its members.
 * @throws NotFoundError for anything else
 */
export async function accessChat(store: Store, viewer: Viewer, globalId: string): Promise<OwnChat> {
  const id = parseIdOf('Chat', globalId)
  const chat = id === null ? undefined : (await findChats(store, viewer, [id])).get(id)
  if (chat === undefined) throw new NotFoundError('chat')
  return chat
}

/**
 * The chat as the viewer sees it now.
 * @throws NotFoundError when the viewer has it no more
 */
export async function ownChat(store: Store, viewer: Viewer, id: string): Promise<OwnChat> {
  const chat = (await findChats(store, viewer, [id])).get(id)
  if (chat === undefined) throw new NotFoundError('chat')
  return chat
}

export const ownChatColumns = `c.id, c.kind, c.title, c.history_visibility, c.direct_key, c.last_sequence, c.last_activity_at,
  c.created_at, c.updated_at, c.deleted_at,
  m.id AS member_id, m.user_id, m.role, m.joined_at, m.last_read_sequence, m.shown_read_sequence, m.muted_until`

export const findChatsStatement = {
  name: 'chats_find',
  text: `SELECT ${ownChatColumns} FROM chats c JOIN chat_members m ON m.chat_id = c.id AND m.user_id = $1
    WHERE c.id = ANY($2::uuid[]) AND c.deleted_at IS NULL`,
}

export interface OwnChatRow {
  readonly id: string
  readonly kind: Chat['kind']
  readonly title: string | null
  readonly history_visibility: Chat['historyVisibility']
  readonly direct_key: string | null
  readonly last_sequence: number
  readonly last_activity_at: Date
  readonly created_at: Date
  readonly updated_at: Date
  readonly deleted_at: Date | null
  readonly member_id: string
  readonly user_id: string
  readonly role: ChatMember['role']
  readonly joined_at: Date
  readonly last_read_sequence: number
  readonly shown_read_sequence: number | null
  readonly muted_until: Date | null
}

export function toOwnChat(row: OwnChatRow): OwnChat {
  return {
    id: row.id,
    kind: row.kind,
    title: row.title,
    historyVisibility: row.history_visibility,
    directKey: row.direct_key,
    lastSequence: row.last_sequence,
    lastActivityAt: row.last_activity_at,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    deletedAt: row.deleted_at,
    membership: {
      id: row.member_id,
      chatId: row.id,
      userId: row.user_id,
      role: row.role,
      joinedAt: row.joined_at,
      lastReadSequence: row.last_read_sequence,
      shownReadSequence: row.shown_read_sequence,
      mutedUntil: row.muted_until,
    },
  }
}

/** The memberships behind these ids in chats that the viewer belongs to, by id; one statement. */
export async function findChatMembers(
  store: Store,
  viewer: Viewer,
  ids: readonly string[],
): Promise<Map<string, MemberView>> {
  const members = await store.prisma.chatMember.findMany({
    where: {
      id: { in: [...ids] },
      chat: { deletedAt: null, members: { some: { userId: viewer.userId } } },
    },
  })
  return new Map(members.map((member) => [member.id, member]))
}
