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
import { readPositions, unreadCountOfRow } from './unread.ts'

/**
 * Listings know the ten seconds of a chat's last activity, so that a lively chat does not write them with every message.
 * They lead to as many chats as the page has, and to all others of the last one's ten seconds. Those of wide chats know
 * nothing.
 */
const chatsPage = (order: 'ASC' | 'DESC') => `SELECT ${ownChatColumns} FROM (
    SELECT id FROM (
      (SELECT c.id, c.last_activity_at FROM chat_listings l JOIN chats c ON c.id = l.chat_id
        WHERE l.user_id = $1 AND l.activity_at <= $2 AND l.activity_at >= date_bin('10 seconds', $4, '1970-01-01T00:00:00Z')
          AND (c.last_activity_at, c.id) < ($2, $3) AND (c.last_activity_at, c.id) > ($4, $5)
        ORDER BY l.activity_at ${order} FETCH FIRST $6 ROWS WITH TIES)
      UNION ALL
      SELECT c.id, c.last_activity_at FROM chat_listings l JOIN chats c ON c.id = l.chat_id
        WHERE l.user_id = $1 AND l.activity_at IS NULL
          AND (c.last_activity_at, c.id) < ($2, $3) AND (c.last_activity_at, c.id) > ($4, $5)
    ) listed ORDER BY last_activity_at ${order}, id ${order} LIMIT $6
  ) k
  JOIN chats c ON c.id = k.id JOIN chat_members m ON m.chat_id = c.id AND m.user_id = $1
  ORDER BY c.last_activity_at ${order}, c.id ${order}`
export const chatsForward = { name: 'chats_page_forward', text: chatsPage('DESC') }
export const chatsBackward = { name: 'chats_page_backward', text: chatsPage('ASC') }

/** The viewer's chats, newest activity first; one statement. */
export async function listChats(store: Store, viewer: Viewer, args: PageArgs): Promise<Connection<OwnChat>> {
  const page = parsePageArgs(args)
  const { after, before } = decodeBounds('c', page, ['time', 'uuid'])
  const rows = await store.query<OwnChatRow>(page.backward ? chatsBackward : chatsForward, [
    viewer.userId,
    ...boundOf(after, 'infinity'),
    ...boundOf(before, '1970-01-01T00:00:00Z'),
    page.limit + 1,
  ])
  return toConnection(rows, page, (row) => toChatEdge(toOwnChat(row)))
}

export function toChatEdge<View extends ChatView>(chat: View): Edge<View> {
  return { cursor: encodeCursor('c', chat.lastActivityAt.getTime(), chat.id), node: chat }
}

/** An open end has a value, too: without one the index could not be read from there. */
function boundOf(position: readonly [number, string] | null, open: string): [time: string, id: string] {
  return position === null
    ? [open, '00000000-0000-0000-0000-000000000000']
    : [new Date(position[0]).toISOString(), position[1]]
}

/** Columns of `PublicUser` but for the id (alias `u`). */
const userColumns = `u.username, u.display_name AS "displayName", u.bio, u.kind, u.created_at AS "createdAt"`

export const summariesStatement = {
  name: 'chat_summaries',
  text: `SELECT m.chat_id, u.id AS user_id, ${userColumns},
      CASE WHEN $4 THEN (SELECT count(*)::int FROM chat_members x WHERE x.chat_id = m.chat_id) END AS "memberCount",
      CASE WHEN $5 THEN (${unreadCountOfRow})::int END AS "unreadCount"
    FROM (${readPositions} WHERE m.user_id = $1 AND m.chat_id = ANY($2::uuid[])) m
    LEFT JOIN LATERAL (
      SELECT u.* FROM chat_members o JOIN users u ON u.id = o.user_id
      WHERE $3 AND m.kind = 'DIRECT' AND o.chat_id = m.chat_id AND o.user_id <> m.user_id
    ) u ON true`,
}

/** What has to be looked up of a chat beyond its row; each part only where it is asked for. */
export interface ChatSummary {
  /** The other side of a direct chat; null where there is none. */
  readonly otherUser: PublicUser | null
  readonly memberCount: number
  /** Up to `unreadCap`. */
  readonly unreadCount: number
}

/** Summaries of those of these chats that the viewer is in, with these parts at least; one statement. */
export async function summarizeChats(
  store: Store,
  viewer: Viewer,
  chatIds: readonly string[],
  parts: ReadonlySet<keyof ChatSummary>,
): Promise<Map<string, Partial<ChatSummary>>> {
  const rows = await store.query<SummaryRow>(summariesStatement, [
    viewer.userId,
    chatIds,
    parts.has('otherUser'),
    parts.has('memberCount'),
    parts.has('unreadCount'),
  ])
  return new Map(
    rows.map(({ chat_id, user_id: id, memberCount, unreadCount, ...user }) => [
      chat_id,
      { otherUser: id === null ? null : { id, ...user }, memberCount, unreadCount },
    ]),
  )
}

interface SummaryRow extends Omit<PublicUser, 'id'>, Omit<ChatSummary, 'otherUser'> {
  readonly chat_id: string
  readonly user_id: string | null
}

const membersPage = (
  order: 'ASC' | 'DESC',
) => `SELECT m.*, ${userColumns} FROM unnest($1::uuid[]) AS k(chat_id)
  CROSS JOIN LATERAL (
    SELECT * FROM chat_members WHERE chat_id = k.chat_id
      AND ($2::uuid IS NULL OR id > $2) AND ($3::uuid IS NULL OR id < $3)
    ORDER BY id ${order} LIMIT $4
  ) m
  JOIN users u ON u.id = m.user_id
  ORDER BY m.id ${order}`
const membersForward = { name: 'chat_members_forward', text: membersPage('ASC') }
const membersBackward = { name: 'chat_members_backward', text: membersPage('DESC') }

interface MemberRow extends Omit<PublicUser, 'id'> {
  readonly id: string
  readonly chat_id: string
  readonly user_id: string
  readonly role: ChatMember['role']
  readonly joined_at: Date
  readonly last_read_sequence: number
  readonly shown_read_sequence: number | null
  readonly muted_until: Date | null
}

/** A page of the members of each of these chats with their users, in the order of joining; one statement for all. */
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
  const { username, displayName, bio, kind, createdAt } = row
  return {
    id: row.id,
    chatId: row.chat_id,
    userId: row.user_id,
    role: row.role,
    joinedAt: row.joined_at,
    lastReadSequence: row.last_read_sequence,
    shownReadSequence: row.shown_read_sequence,
    mutedUntil: row.muted_until,
    user: { id: row.user_id, username, displayName, bio, kind, createdAt },
  }
}
