import { decodeBounds, encodeCursor } from '../../core/cursor.ts'
import { groupBy } from '../../core/group-by.ts'
import { type Connection, type Edge, type PageArgs, parsePageArgs, toConnection } from '../../core/pages.ts'
import type { ChatMember } from '../../db/generated/prisma/client.ts'
import type { Store } from '../../events/store.ts'
import type { Viewer } from '../auth/viewer.ts'
import type { PublicUser } from '../users/access.ts'
import {
  type ChatView,
  type MemberView,
  type OwnChat,
  type OwnChatRow,
  ownChatColumns,
  toOwnChat,
} from './access.ts'

/** An unread count stops here: "999+" is all that a badge says, and counting on would cost without bound. */
export const unreadCap = 1000

const chatsPage = (order: 'ASC' | 'DESC') => `SELECT ${ownChatColumns}
  FROM chat_members m JOIN chats c ON c.id = m.chat_id
  WHERE m.user_id = $1 AND c.deleted_at IS NULL
    AND ($2::timestamptz IS NULL OR (c.last_activity_at, c.id) < ($2, $3::uuid))
    AND ($4::timestamptz IS NULL OR (c.last_activity_at, c.id) > ($4, $5::uuid))
  ORDER BY c.last_activity_at ${order}, c.id ${order} LIMIT $6`
const chatsForward = { name: 'chats_page_forward', text: chatsPage('DESC') }
const chatsBackward = { name: 'chats_page_backward', text: chatsPage('ASC') }

/** The viewer's chats, newest activity first; one statement. */
export async function listChats(store: Store, viewer: Viewer, args: PageArgs): Promise<Connection<OwnChat>> {
  const page = parsePageArgs(args)
  const { after, before } = decodeBounds('c', page, ['time', 'uuid'])
  const time = (position: readonly [number, string] | null | undefined) =>
    position ? new Date(position[0]).toISOString() : null
  const rows = await store.query<OwnChatRow>(page.backward ? chatsBackward : chatsForward, [
    viewer.userId,
    time(after),
    after?.[1] ?? null,
    time(before),
    before?.[1] ?? null,
    page.limit + 1,
  ])
  return toConnection(rows, page, (row) => toChatEdge(toOwnChat(row)))
}

export function toChatEdge<View extends ChatView>(chat: View): Edge<View> {
  return { cursor: encodeCursor('c', chat.lastActivityAt.getTime(), chat.id), node: chat }
}

const otherUsersStatement = {
  name: 'chat_other_users',
  text: `SELECT m.chat_id, u.id, u.username, u.display_name AS "displayName", u.bio, u.kind, u.created_at AS "createdAt"
    FROM chats c JOIN chat_members m ON m.chat_id = c.id AND m.user_id <> $1 JOIN users u ON u.id = m.user_id
    WHERE c.id = ANY($2::uuid[]) AND c.kind = 'DIRECT'`,
}

/** The other side of each of these chats that is a direct one; one statement. */
export async function findOtherUsers(
  store: Store,
  viewer: Viewer,
  chatIds: readonly string[],
): Promise<Map<string, PublicUser>> {
  const rows = await store.query<PublicUser & { chat_id: string }>(otherUsersStatement, [
    viewer.userId,
    chatIds,
  ])
  return new Map(rows.map(({ chat_id, ...user }) => [chat_id, user]))
}

const membersPage = (order: 'ASC' | 'DESC') => `SELECT m.* FROM unnest($1::uuid[]) AS k(chat_id)
  CROSS JOIN LATERAL (
    SELECT * FROM chat_members WHERE chat_id = k.chat_id
      AND ($2::uuid IS NULL OR id > $2) AND ($3::uuid IS NULL OR id < $3)
    ORDER BY id ${order} LIMIT $4
  ) m`
const membersForward = { name: 'chat_members_forward', text: membersPage('ASC') }
const membersBackward = { name: 'chat_members_backward', text: membersPage('DESC') }

interface MemberRow {
  readonly id: string
  readonly chat_id: string
  readonly user_id: string
  readonly role: ChatMember['role']
  readonly joined_at: Date
  readonly last_read_sequence: number
  readonly muted_until: Date | null
}

/** A page of the members of each of these chats, in the order of joining; one statement for all. */
export async function listMembers(
  store: Store,
  chatIds: readonly string[],
  args: PageArgs,
): Promise<Map<string, Connection<MemberView>>> {
  const page = parsePageArgs(args)
  const { after, before } = decodeBounds('cm', page, ['uuid'])
  const rows = await store.query<MemberRow>(page.backward ? membersBackward : membersForward, [
    chatIds,
    after?.[0] ?? null,
    before?.[0] ?? null,
    page.limit + 1,
  ])
  const byChat = groupBy(rows, (row) => row.chat_id)
  return new Map(
    chatIds.map((id) => [id, toConnection(byChat.get(id) ?? [], page, (row) => toMemberEdge(toMember(row)))]),
  )
}

export function toMemberEdge(member: MemberView): Edge<MemberView> {
  return { cursor: encodeCursor('cm', member.id), node: member }
}

function toMember(row: MemberRow): MemberView {
  return {
    id: row.id,
    chatId: row.chat_id,
    userId: row.user_id,
    role: row.role,
    joinedAt: row.joined_at,
    lastReadSequence: row.last_read_sequence,
    mutedUntil: row.muted_until,
  }
}

const memberCounts = {
  name: 'chat_member_counts',
  text: `SELECT chat_id, count(*)::int AS count FROM chat_members WHERE chat_id = ANY($1::uuid[]) GROUP BY chat_id`,
}

export async function countMembers(store: Store, chatIds: readonly string[]): Promise<Map<string, number>> {
  const rows = await store.query<{ chat_id: string; count: number }>(memberCounts, [chatIds])
  return new Map(rows.map((row) => [row.chat_id, row.count]))
}

const unreadOf = (chats: string) => `SELECT m.chat_id, n.count FROM ${chats} CROSS JOIN LATERAL (
    SELECT count(*)::int AS count FROM (
      SELECT 1 FROM messages x WHERE x.chat_id = m.chat_id AND x.sequence > m.last_read_sequence
        AND x.author_id IS DISTINCT FROM m.user_id AND x.deleted_at IS NULL
      LIMIT ${unreadCap}
    ) unread
  ) n`
const unreadCounts = {
  name: 'chat_unread_counts',
  text: unreadOf('(SELECT * FROM chat_members WHERE user_id = $1 AND chat_id = ANY($2::uuid[])) m'),
}
const totalUnread = {
  name: 'chat_unread_total',
  text: `SELECT coalesce(sum(count), 0)::int AS count FROM (${unreadOf(`(
    SELECT m.* FROM chat_members m JOIN chats c ON c.id = m.chat_id
    WHERE m.user_id = $1 AND c.deleted_at IS NULL AND c.last_sequence > m.last_read_sequence
      AND (m.muted_until IS NULL OR m.muted_until <= now())
  ) m`)}) counts`,
}

/** Messages of others, not deleted, behind the viewer's read position; one statement for all chats. */
export async function countUnread(
  store: Store,
  viewer: Viewer,
  chatIds: readonly string[],
): Promise<Map<string, number>> {
  const rows = await store.query<{ chat_id: string; count: number }>(unreadCounts, [viewer.userId, chatIds])
  return new Map(rows.map((row) => [row.chat_id, row.count]))
}

/** The sum of the unread counts of the viewer's chats that are not muted. */
export async function countAllUnread(store: Store, viewer: Viewer): Promise<number> {
  const [row] = await store.query<{ count: number }>(totalUnread, [viewer.userId])
  return row?.count ?? 0
}
