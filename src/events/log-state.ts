import type { Database } from '../db/client.ts'

/** Where the log stands, of one moment. */
export interface LogState {
  /** Of the log itself: positions of another one mean nothing here. */
  readonly identity: string
  /** Changes where the cluster was recovered to an earlier time, or a standby has taken over. */
  readonly timeline: string
  /** The newest position that was handed out, perhaps not committed yet. */
  readonly last: number
  /** Everything up to here is gone. */
  readonly prunedThrough: number
  /** The id of the epoch that the position asked for lies in; empty before the first. */
  readonly epoch: string
}

const stateStatement = {
  name: 'log_state',
  // The cluster (a dump restored elsewhere), the database in it (restored beside), the table in that (restored in place).
  text: `SELECT s.system_identifier || ':' || d.oid || ':' || 'events'::regclass::oid AS identity,
      left(pg_walfile_name(pg_current_wal_lsn()), 8) AS timeline,
      (SELECT last_value FROM events_position_seq) AS last,
      (SELECT pruned_through FROM event_log) AS "prunedThrough",
      (SELECT id FROM log_epochs WHERE position <= $1 ORDER BY position DESC LIMIT 1) AS epoch
    FROM pg_control_system() s, pg_database d WHERE d.datname = current_database()`,
}

interface StateRow {
  readonly identity: string
  readonly timeline: string
  readonly last: string
  readonly prunedThrough: string | null
  readonly epoch: string | null
}

export async function readLogState(database: Database, position: number): Promise<LogState> {
  const [row] = await database.query<StateRow>(stateStatement, [position])
  if (row === undefined || row.prunedThrough === null)
    throw new Error('The table event_log has lost its row.')
  const { identity, timeline, epoch } = row
  return {
    identity,
    timeline,
    last: Number(row.last),
    prunedThrough: Number(row.prunedThrough),
    epoch: epoch ?? '',
  }
}
