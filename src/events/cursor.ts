import { createHash } from 'node:crypto'
import { RequestError } from '../core/errors.ts'
import type { Database } from '../db/client.ts'

/**
 * Places in the log, as clients hold them. A cursor names the database that it came from: one of
 * another database, or of this one before it was restored, is refused instead of skipping in silence
 * what its number does not cover here.
 */
export interface LogCursors {
  encode(position: number): string
  /** @throws RequestError `CURSOR_EXPIRED` */
  decode(cursor: string): number
}

const identityStatement = {
  name: 'log_identity',
  // The cluster (a dump restored elsewhere), the database in it (restored beside), and the timeline
  // (recovered to an earlier time).
  text: `SELECT s.system_identifier || ':' || d.oid || ':' || c.timeline_id AS identity
    FROM pg_control_system() s, pg_control_checkpoint() c, pg_database d WHERE d.datname = current_database()`,
}

export async function createLogCursors(database: Database): Promise<LogCursors> {
  const [row] = await database.query<{ identity: string }>(identityStatement, [])
  const identity = createHash('sha256')
    .update(row?.identity ?? '')
    .digest('base64url')
    .slice(0, 8)
  return {
    encode: (position) => Buffer.from(`e|${identity}|${position}`).toString('base64url'),
    decode(cursor) {
      const [tag, from, position, ...rest] = Buffer.from(cursor, 'base64url').toString('utf8').split('|')
      const known = tag === 'e' && from === identity && rest.length === 0
      if (!known || position === undefined || !/^\d{1,15}$/.test(position)) {
        throw new RequestError(
          'CURSOR_EXPIRED',
          'The log cannot be read from this cursor. Fetch the current state, then continue from `viewer.eventCursor`.',
        )
      }
      return Number(position)
    },
  }
}
