import { decodeBounds, encodeCursor } from '../../core/cursor.ts'
import { groupBy } from '../../core/group-by.ts'
import {
  type Connection,
  type PageArgs,
  type PageRequest,
  parsePageArgs,
  toConnection,
} from '../../core/pages.ts'
import type { Store } from '../../events/store.ts'
import type { Viewer } from '../auth/viewer.ts'
import { type MessageView, type MessageViewRow, messageViewColumns, toMessageView } from './access.ts'
import { defaultMessagePage } from './lists.ts'

type Order = 'ASC' | 'DESC'

export const lowestUuid = '00000000-0000-0000-0000-000000000000'
export const highestUuid = 'ffffffff-ffff-ffff-ffff-ffffffffffff'

/**
 * The chats of the viewer ($1) with the id of the first message in each that is for them: within a chat ids ascend
 * with the numbers.
 */
export const visibleChats = `SELECT v.chat_id, v.hidden_through,
    CASE WHEN v.hidden_through = 0 THEN '${lowestUuid}' ELSE coalesce((
      SELECT id FROM messages WHERE chat_id = v.chat_id AND sequence > v.hidden_through ORDER BY sequence LIMIT 1
    ), '${highestUuid}') END AS first_id
  FROM chat_members v JOIN chats c ON c.id = v.chat_id AND c.deleted_at IS NULL
  WHERE v.user_id = $1`

/** As the index for a person's messages has it. */
const standing = `deleted_at IS NULL AND sender <> 'SYSTEM'::message_sender`

/**
 * Ids of messages between $2 and $3, from one end: first one of each chat, to find those that matter, then a page
 * from each of these. That is one look into an index for each chat, and never chats times messages.
 * @param chats has the columns of `visibleChats`
 * @param author whose messages, those that stand alone; everyone's without it
 */
export function acrossChats(chats: string, order: Order, limit: string, author?: string): string {
  const page = (chat: string, columns: string, size: string) => `SELECT ${columns} FROM messages
      WHERE chat_id = ${chat}.chat_id ${author === undefined ? '' : `AND author_id = ${author} AND ${standing}`}
        AND id >= ${chat}.first_id AND id > $2 AND id < $3
      ORDER BY id ${order} LIMIT ${size}`
  return `SELECT m.id FROM (
      SELECT k.* FROM ${chats} k CROSS JOIN LATERAL (${page('k', 'id', '1')}) nearest
      ORDER BY nearest.id ${order} LIMIT ${limit}
    ) k CROSS JOIN LATERAL (${page('k', 'id, sequence', limit)}) m
    WHERE m.sequence > k.hidden_through ORDER BY m.id ${order} LIMIT ${limit}`
}

/** So many messages of the whole server are looked at before the viewer's chats are, one by one. */
const nearby = 1000

/**
 * Who is in many chats finds a page among the messages next to it in the whole server, most often. Only otherwise
 * each of the chats is asked.
 */
const viewerPage = (order: Order) => `WITH near AS MATERIALIZED (
    SELECT m.id FROM (
      SELECT id, chat_id, sequence FROM messages WHERE id > $2 AND id < $3 ORDER BY id ${order} LIMIT ${nearby}
    ) m
    JOIN chat_members v ON v.chat_id = m.chat_id AND v.user_id = $1 AND m.sequence > v.hidden_through
    JOIN chats c ON c.id = m.chat_id AND c.deleted_at IS NULL
    ORDER BY m.id ${order} LIMIT $4
  ), far AS MATERIALIZED (
    SELECT id FROM (${acrossChats(`(${visibleChats})`, order, '$4')}) far WHERE (SELECT count(*) FROM near) < $4
  )
  SELECT ${messageViewColumns} FROM (SELECT id FROM far UNION SELECT id FROM near) page
  JOIN messages m ON m.id = page.id LEFT JOIN users u ON u.id = m.author_id
  ORDER BY m.id ${order}`
const viewerForward = { text: viewerPage('ASC') }
const viewerBackward = { text: viewerPage('DESC') }

const userPage = (order: Order) => `SELECT ${messageViewColumns} FROM unnest($5::uuid[]) AS a(id)
  CROSS JOIN LATERAL (
    ${acrossChats(`(${visibleChats} AND EXISTS (SELECT 1 FROM chat_members WHERE chat_id = v.chat_id AND user_id = a.id))`, order, '$4', 'a.id')}
  ) page
  JOIN messages m ON m.id = page.id LEFT JOIN users u ON u.id = m.author_id
  ORDER BY m.id ${order}`
const userForward = { text: userPage('ASC') }
const userBackward = { text: userPage('DESC') }

/** Every message that the viewer may see, of all their chats, in the order of time; one statement. */
export async function listViewerMessages(
  store: Store,
  viewer: Viewer,
  args: PageArgs,
): Promise<Connection<MessageView>> {
  const page = parsePageArgs(args, defaultMessagePage)
  const statement = page.backward ? viewerBackward : viewerForward
  const rows = await store.query<MessageViewRow>(statement, [
    viewer.userId,
    ...boundsOf('vm', page),
    page.limit + 1,
  ])
  return toConnection(rows, page, (row) => ({ cursor: encodeCursor('vm', row.id), node: toMessageView(row) }))
}

/**
 * What each of these people has written in the chats that they share with the viewer, as far as the viewer may see
 * it, in the order of time. Without what was deleted, and without what the server said of them; one statement.
 */
export async function listUserMessages(
  store: Store,
  viewer: Viewer,
  userIds: readonly string[],
  args: PageArgs,
): Promise<Map<string, Connection<MessageView>>> {
  const page = parsePageArgs(args, defaultMessagePage)
  const rows = await store.query<MessageViewRow>(page.backward ? userBackward : userForward, [
    viewer.userId,
    ...boundsOf('um', page),
    page.limit + 1,
    userIds,
  ])
  const byAuthor = groupBy(rows, (row) => row.author_id ?? '')
  return new Map(
    userIds.map((id) => [
      id,
      toConnection(byAuthor.get(id) ?? [], page, (row) => ({
        cursor: encodeCursor('um', row.id),
        node: toMessageView(row),
      })),
    ]),
  )
}

function boundsOf(tag: 'vm' | 'um', page: PageRequest): readonly [after: string, before: string] {
  const { after, before } = decodeBounds(tag, page, ['uuid'])
  return [after?.[0] ?? lowestUuid, before?.[0] ?? highestUuid]
}
