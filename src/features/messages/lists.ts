import { decodeBounds, encodeCursor } from '../../core/cursor.ts'
import { groupBy } from '../../core/group-by.ts'
import { type Connection, type Edge, type PageArgs, parsePageArgs, toConnection } from '../../core/pages.ts'
import type { Store } from '../../events/store.ts'
import type { Viewer } from '../auth/viewer.ts'
import { type MessageView, type MessageViewRow, messageViewColumns, toMessageView } from './access.ts'

/** `chat.messages` without page arguments opens a chat: the newest. */
export const defaultMessagePage = { last: 50 }

const largestSequence = 2_147_483_647

const pageOf = (order: 'ASC' | 'DESC') => `SELECT ${messageViewColumns} FROM unnest($1::uuid[]) AS k(chat_id)
  JOIN chat_members v ON v.chat_id = k.chat_id AND v.user_id = $5
  CROSS JOIN LATERAL (
    SELECT * FROM messages WHERE chat_id = k.chat_id AND sequence > greatest($2, v.hidden_through) AND sequence < $3
    ORDER BY sequence ${order} LIMIT $4
  ) m
  LEFT JOIN users u ON u.id = m.author_id
  ORDER BY m.sequence ${order}`
const forwardStatement = { name: 'messages_page_forward', text: pageOf('ASC') }
export const backwardStatement = { name: 'messages_page_backward', text: pageOf('DESC') }

/**
 * A page of the messages of each of these chats with their authors, ascending, as far as the viewer may see
 * them; one statement for all.
 */
export async function listMessages(
  store: Store,
  viewer: Viewer,
  chatIds: readonly string[],
  args: PageArgs,
): Promise<Map<string, Connection<MessageView>>> {
  const page = parsePageArgs(args, defaultMessagePage)
  const { after, before } = decodeBounds('m', page, ['int'])
  const rows = await store.query<MessageViewRow>(page.backward ? backwardStatement : forwardStatement, [
    chatIds,
    after?.[0] ?? 0,
    before?.[0] ?? largestSequence,
    page.limit + 1,
    viewer.userId,
  ])
  const byChat = groupBy(rows, (row) => row.chat_id)
  return new Map(
    chatIds.map((id) => [
      id,
      toConnection(byChat.get(id) ?? [], page, (row) => toMessageEdge(toMessageView(row))),
    ]),
  )
}

export function toMessageEdge(message: MessageView): Edge<MessageView> {
  return { cursor: encodeCursor('m', message.sequence), node: message }
}

const lastMessagesStatement = {
  name: 'messages_last',
  text: `SELECT ${messageViewColumns} FROM unnest($1::uuid[]) AS k(chat_id)
    JOIN chat_members v ON v.chat_id = k.chat_id AND v.user_id = $2
    CROSS JOIN LATERAL (
      SELECT * FROM messages WHERE chat_id = k.chat_id AND sequence > v.hidden_through ORDER BY sequence DESC LIMIT 1
    ) m LEFT JOIN users u ON u.id = m.author_id`,
}

/** The newest message that the viewer may see of each of these chats, tombstones included; one statement. */
export async function findLastMessages(
  store: Store,
  viewer: Viewer,
  chatIds: readonly string[],
): Promise<Map<string, MessageView>> {
  const rows = await store.query<MessageViewRow>(lastMessagesStatement, [chatIds, viewer.userId])
  return new Map(rows.map((row) => [row.chat_id, toMessageView(row)]))
}
