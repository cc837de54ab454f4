import { decodeBounds, encodeCursor } from '../../core/cursor.ts'
import { groupBy } from '../../core/group-by.ts'
import { type Connection, type PageArgs, parsePageArgs, toConnection } from '../../core/pages.ts'
import type { Store } from '../../events/store.ts'

/** A text that a message had before it was edited. */
export interface Revision {
  readonly text: string
  readonly createdAt: Date
}

/** In the order in which the message had them, which is not that of their ids where two edits met. Those of an account that is gone are not shown, although their rows go later. */
const revisionsPage = (
  order: 'ASC' | 'DESC',
) => `SELECT r.message_id, r.id, r.text, r.created_at AS "createdAt"
  FROM unnest($1::uuid[]) AS k(message_id)
  CROSS JOIN LATERAL (
    SELECT r.* FROM message_revisions r JOIN users u ON u.id = r.author_id WHERE r.message_id = k.message_id
      AND ($2::timestamptz IS NULL OR (r.created_at, r.id) > ($2, $3::uuid))
      AND ($4::timestamptz IS NULL OR (r.created_at, r.id) < ($4, $5::uuid))
    ORDER BY r.created_at ${order}, r.id ${order} LIMIT $6
  ) r`
const revisionsForward = { name: 'message_revisions_forward', text: revisionsPage('ASC') }
const revisionsBackward = { name: 'message_revisions_backward', text: revisionsPage('DESC') }

/** A page of the earlier texts of each of these messages, oldest first; one statement for all. */
export async function listRevisions(
  store: Store,
  messageIds: readonly string[],
  args: PageArgs,
): Promise<Map<string, Connection<Revision>>> {
  const page = parsePageArgs(args)
  const { after, before } = decodeBounds('v', page, ['time', 'uuid'])
  const time = (position: readonly [number, string] | null) =>
    position === null ? null : new Date(position[0]).toISOString()
  const rows = await store.query<Revision & { message_id: string; id: string }>(
    page.backward ? revisionsBackward : revisionsForward,
    [messageIds, time(after), after?.[1] ?? null, time(before), before?.[1] ?? null, page.limit + 1],
  )
  const byMessage = groupBy(rows, (row) => row.message_id)
  const toEdge = ({ id, text, createdAt }: (typeof rows)[number]) => ({
    cursor: encodeCursor('v', createdAt.getTime(), id),
    node: { text, createdAt },
  })
  return new Map(messageIds.map((id) => [id, toConnection(byMessage.get(id) ?? [], page, toEdge)]))
}
