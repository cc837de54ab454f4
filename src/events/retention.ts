import type { Database } from '../db/client.ts'

/** Entries that are removed at a time: some milliseconds, for which the transaction counts as one that appends. */
const batchSize = 1_000

/**
 * From the oldest entry on, as far as they are all old enough; the mark that says so moves in the same statement, so
 * that whoever reads sees both or neither. Of several processes one does it at a time, and the others do not wait.
 */
const pruneStatement = {
  name: 'log_prune',
  text: `WITH log AS MATERIALIZED (SELECT pruned_through FROM event_log FOR UPDATE SKIP LOCKED),
    oldest AS MATERIALIZED (
      SELECT e.position, e.created_at FROM log CROSS JOIN LATERAL (
        SELECT position, created_at FROM events WHERE position > log.pruned_through ORDER BY position LIMIT $2
      ) e
    ), through AS MATERIALIZED (
      SELECT max(position) AS position FROM oldest WHERE position < coalesce(
        (SELECT min(position) FROM oldest WHERE created_at >= now() - $1 * interval '1 second'), 'infinity'::float8)
    ), pruned AS (
      DELETE FROM events e USING through WHERE e.position = ANY(SELECT position FROM oldest) AND e.position <= through.position
      RETURNING e.position
    )
    UPDATE event_log SET pruned_through = through.position FROM through WHERE through.position IS NOT NULL
    RETURNING (SELECT count(*)::int FROM pruned) AS count`,
}

/** Those that nothing lies in any more. */
const pruneEpochsStatement = {
  name: 'log_prune_epochs',
  text: `DELETE FROM log_epochs WHERE position < (
    SELECT max(e.position) FROM log_epochs e, event_log l WHERE e.position <= l.pruned_through)`,
}

/**
 * Removes the oldest entries that are older than the retention.
 * @param retention in seconds
 * @returns how many; when it is a whole batch there may be more
 */
export async function pruneLog(
  database: Database,
  retention: number,
): Promise<{ pruned: number; more: boolean }> {
  const [row] = await database.query<{ count: number }>(pruneStatement, [retention, batchSize])
  const pruned = row?.count ?? 0
  if (pruned > 0) await database.query(pruneEpochsStatement, [])
  return { pruned, more: pruned === batchSize }
}
