import type { Store } from '../../events/store.ts'
import type { Viewer } from '../auth/viewer.ts'

/** An unread count stops here: "999+" is all that a badge says, and counting on would cost without bound. */
export const unreadCap = 1000

/** So many messages behind the read position are looked at one by one. */
const nearby = 2 * unreadCap

const counts = "x.deleted_at IS NULL AND x.sender <> 'SYSTEM'"
const isNearby = `x.chat_id = m.chat_id AND x.sequence > m.seen AND x.sequence <= m.seen + ${nearby}`
const countOf = (author: string, limit: string) => `SELECT count(*) FROM (
    SELECT 1 FROM messages x WHERE x.chat_id = m.chat_id AND ${author} AND x.id >= (SELECT id FROM lowest)
      AND x.sequence + 0 > m.seen AND ${counts} LIMIT ${limit}
  ) theirs`

/** Memberships (alias `m`) in chats (alias `c`), for a `WHERE` to choose from. `seen`: behind it messages may be unread. */
export const readPositions = `SELECT m.chat_id, m.user_id, c.kind, c.last_sequence,
    greatest(m.last_read_sequence, m.hidden_through) AS seen
  FROM chat_members m JOIN chats c ON c.id = m.chat_id AND c.deleted_at IS NULL`

/**
 * The unread messages of a row `m` of `readPositions`, up to the cap: those of others, neither deleted nor said by the
 * server.
 *
 * Mostly the messages behind the read position are few, or many of them count. What is left are thousands that do
 * not, the viewer's own for instance: then each author's are counted by the index that holds nothing else, which
 * costs by the authors and the cap. That index is in the order of ids. Within a chat they ascend with the sequences, but
 * for what was sent at the same time by processes whose clocks differ: so the count begins at the lowest of the
 * nearby ids. The sequence decides; the `+ 0` keeps its own index, which holds all the others, out of it.
 */
export const unreadCountOfRow = `CASE WHEN m.last_sequence <= m.seen THEN 0 ELSE (
    SELECT CASE WHEN n.count = ${unreadCap} OR m.last_sequence - m.seen <= ${nearby} THEN n.count ELSE (
      WITH RECURSIVE lowest AS MATERIALIZED (
        SELECT min(x.id::text)::uuid AS id FROM messages x WHERE ${isNearby}
      ), authors AS (
        SELECT '00000000-0000-0000-0000-000000000000'::uuid AS id, (${countOf('x.author_id IS NULL', `${unreadCap}`)}) AS count
        UNION ALL
        SELECT next.id, a.count + CASE WHEN next.id = m.user_id THEN 0
          ELSE (${countOf('x.author_id = next.id', `${unreadCap} - a.count`)}) END
        FROM authors a CROSS JOIN LATERAL (
          SELECT x.author_id AS id FROM messages x WHERE x.chat_id = m.chat_id AND x.author_id > a.id AND ${counts}
          ORDER BY x.author_id LIMIT 1
        ) next
        WHERE a.count < ${unreadCap}
      )
      SELECT max(count) FROM authors
    ) END
    FROM (
      SELECT count(*) FROM (
        SELECT 1 FROM messages x WHERE ${isNearby} AND x.author_id IS DISTINCT FROM m.user_id AND ${counts}
        LIMIT ${unreadCap}
      ) near
    ) n
  ) END`

export const totalUnread = {
  name: 'chat_unread_total',
  text: `SELECT coalesce(sum(${unreadCountOfRow}), 0)::int AS count FROM (
      ${readPositions} WHERE m.user_id = $1 AND c.last_sequence > greatest(m.last_read_sequence, m.hidden_through)
        AND (m.muted_until IS NULL OR m.muted_until <= now())
    ) m`,
}

/** The sum of the unread counts of the viewer's chats that are not muted. */
export async function countAllUnread(store: Store, viewer: Viewer): Promise<number> {
  const [row] = await store.query<{ count: number }>(totalUnread, [viewer.userId])
  return row?.count ?? 0
}
