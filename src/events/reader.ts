import type { Database } from '../db/client.ts'
import { cursorExpired } from './cursor.ts'
import {
  type EventKind,
  type EventRow,
  eventColumns,
  type LogEvent,
  messageKinds,
  toLogEvent,
} from './event.ts'

/** Reads what concerns one user from the log, in order. */
export interface LogReader {
  /**
   * At most `limit` entries behind `after` and not behind `through`. Costs one statement, and work in
   * proportion to the user's chats and the result, never to the log; for those who share chats with more than a
   * thousand people, to the profiles changed since, too.
   * @throws RequestError `CURSOR_EXPIRED`: the log does not reach back to `after`
   */
  read(request: {
    userId: string
    chatId: string | null
    kinds: ReadonlySet<EventKind>
    after: number
    through: number
    limit: number
  }): Promise<LogEvent[]>
}

/**
 * What of a chat's entries a member (alias `m`) may see: nothing from before they joined, and nothing about
 * messages that are hidden from them.
 */
const visible = `e.position >= m.joined_position
  AND NOT (e.kind IN (${messageKinds.map((kind) => `'${kind}'`).join(', ')}) AND e.sequence <= m.hidden_through)`

/**
 * With each entry how far the log has been pruned, of the same moment; one row that has nothing else where there is
 * no entry. So what was pruned while somebody reads cannot go by unnoticed.
 */
function withHorizon(read: string): string {
  return `SELECT l.pruned_through AS "prunedThrough", e.* FROM event_log l LEFT JOIN (${read}) e ON true ORDER BY e.position`
}

/** Up to this many memberships in the user's chats, whoever may have changed is looked up one by one. */
const fewPeers = 1000

/**
 * Entries about people (`peers_of`) are found in one of two ways, never both: with few peers by each of them,
 * with many by going through such entries behind the cursor until the page is full. Either way alone is slow
 * for somebody: a hundred thousand look-ups for nothing new, or a year of strangers for a user with one chat.
 * (The `OFFSET 0` keeps the planner from gathering all peers before it looks at the first entry.)
 */
const readAll = {
  name: 'log_read_all',
  text: withHorizon(`WITH mine AS MATERIALIZED (
      SELECT m.chat_id, m.joined_position, m.hidden_through FROM chat_members m JOIN chats c ON c.id = m.chat_id
      WHERE m.user_id = $1 AND c.deleted_at IS NULL
    ), peers AS MATERIALIZED (
      SELECT p.user_id FROM mine JOIN chat_members p ON p.chat_id = mine.chat_id
      WHERE 'USER_UPDATED' = ANY($4::event_kind[]) LIMIT ${fewPeers} + 1
    )
    SELECT ${eventColumns} FROM mine m CROSS JOIN LATERAL (
      SELECT * FROM events e WHERE e.chat_id = m.chat_id AND e.position > $2 AND e.position <= $3
        AND e.kind = ANY($4::event_kind[]) AND ${visible}
      ORDER BY e.position LIMIT $5
    ) e
    UNION ALL
    (SELECT ${eventColumns} FROM events e
      WHERE e.user_id = $1 AND e.position > $2 AND e.position <= $3 AND e.kind = ANY($4::event_kind[])
      ORDER BY e.position LIMIT $5)
    UNION ALL
    (SELECT ${eventColumns} FROM (SELECT $1::uuid AS user_id UNION SELECT user_id FROM peers) peer CROSS JOIN LATERAL (
        SELECT * FROM events
        WHERE peers_of = peer.user_id AND position > $2 AND position <= $3 AND kind = ANY($4::event_kind[])
        ORDER BY position LIMIT $5
      ) e
      WHERE (SELECT count(*) FROM peers) <= ${fewPeers}
      ORDER BY e.position LIMIT $5)
    UNION ALL
    (SELECT ${eventColumns} FROM events e
      WHERE (SELECT count(*) FROM peers) > ${fewPeers}
        AND e.peers_of IS NOT NULL AND e.position > $2 AND e.position <= $3 AND e.kind = ANY($4::event_kind[])
        AND EXISTS (SELECT 1 FROM chat_members p
          WHERE p.user_id = e.peers_of AND p.chat_id IN (SELECT chat_id FROM mine) OFFSET 0)
      ORDER BY e.position LIMIT $5)
    ORDER BY position LIMIT $5`),
}

const readChat = {
  name: 'log_read_chat',
  text: withHorizon(`SELECT ${eventColumns} FROM chat_members m JOIN chats c ON c.id = m.chat_id AND c.deleted_at IS NULL
    JOIN events e ON e.chat_id = m.chat_id
    WHERE m.chat_id = $6 AND m.user_id = $1
      AND e.position > $2 AND e.position <= $3 AND e.kind = ANY($4::event_kind[]) AND ${visible}
    ORDER BY e.position LIMIT $5`),
}

export function createLogReader(database: Database): LogReader {
  return {
    async read({ userId, chatId, kinds, after, through, limit }) {
      const values = [userId, after, through, [...kinds], limit]
      type Row = (EventRow | { position: null }) & { prunedThrough: string }
      const rows =
        chatId === null
          ? await database.query<Row>(readAll, values)
          : await database.query<Row>(readChat, [...values, chatId])
      const [first] = rows
      if (first === undefined) throw new Error('The table event_log has lost its row.')
      if (Number(first.prunedThrough) > after) throw cursorExpired()
      return rows.flatMap((row) => (row.position === null ? [] : toLogEvent(row)))
    },
  }
}
