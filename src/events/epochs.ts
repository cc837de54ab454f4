import { uuidv7 } from '../core/ids.ts'
import type { Database } from '../db/client.ts'

/**
 * The parts of the log between two beginnings of a process. A copy of the database that is restored has the same
 * identity and the same numbers as what was there before, but what is appended from then on lies in an epoch that
 * begins after the copy's last entry; so a cursor from the time that the copy does not know is told from one that it
 * does.
 */
export interface Epochs {
  /**
   * Begins one: an entry of the log, so that every process comes by it in its place.
   * @param diverged the log is not the one that was followed: nobody can tell from where on, so all of it is of the
   * new epoch, and every cursor expires
   */
  begin(diverged: boolean): Promise<void>
  /** Must be called where such an entry was read, before anything behind it is told of. */
  load(): Promise<void>
  /** The id of the epoch that a position lies in; empty before the first. */
  at(position: number): string
}

/**
 * It begins at its own entry; where no other process runs, right behind the last one that is there: numbers in between
 * were given out before a crash, or by a server of which this is the copy. (Other processes may have told of such a
 * place as one of the epoch before.)
 */
const beginStatement = {
  name: 'epochs_begin',
  text: `WITH entry AS (INSERT INTO events (kind) VALUES ('LOG_EPOCH') RETURNING position),
    head AS (SELECT greatest((SELECT max(position) FROM events), pruned_through) AS position FROM event_log),
    others AS (SELECT EXISTS (SELECT 1 FROM server_processes WHERE seen_at > now() - interval '20 seconds') AS run)
    INSERT INTO log_epochs (position, id)
    SELECT CASE WHEN others.run THEN entry.position ELSE head.position + 1 END, $1 FROM entry, head, others
    ON CONFLICT DO NOTHING`,
}

const divergeStatement = {
  name: 'epochs_diverge',
  text: `WITH entry AS (INSERT INTO events (kind) VALUES ('LOG_EPOCH')), gone AS (DELETE FROM log_epochs WHERE position > 0)
    INSERT INTO log_epochs (position, id) VALUES (0, $1) ON CONFLICT (position) DO UPDATE SET id = excluded.id`,
}

const loadStatement = { name: 'epochs_load', text: 'SELECT position, id FROM log_epochs ORDER BY position' }

export function createEpochs(database: Database): Epochs {
  let epochs: { position: number; id: string }[] = []
  let begun = 0
  let kept = 0
  return {
    async begin(diverged) {
      await database.query(diverged ? divergeStatement : beginStatement, [uuidv7()])
    },
    async load() {
      const mine = ++begun
      const rows = await database.query<{ position: string; id: string }>(loadStatement, [])
      // One that began later has read at least as much.
      if (mine < kept) return
      kept = mine
      epochs = rows.map(({ position, id }) => ({ position: Number(position), id }))
    },
    at: (position) => epochs.findLast((epoch) => epoch.position <= position)?.id ?? '',
  }
}
