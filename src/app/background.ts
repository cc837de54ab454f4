import type { Config } from '../config.ts'
import type { Logger } from '../core/logger.ts'
import type { Metrics } from '../core/metrics.ts'
import type { Parts } from '../core/parts.ts'
import { createWorker, type Worker } from '../core/worker.ts'
import type { Database } from '../db/client.ts'
import { pruneLog } from '../events/retention.ts'
import type { Store } from '../events/store.ts'
import { pruneReservedUsernames } from '../features/auth/reserved-usernames.ts'
import { pruneSessions } from '../features/auth/session-actions.ts'
import { purgeStep } from '../features/messages/purging.ts'
import { eraseStep } from '../features/privacy/erasure.ts'
import { createExporter } from '../features/privacy/exporter.ts'
import { pruneBudgets } from '../limits/postgres.ts'

/** How soon a process notices an erasure, or a clearing, that another one began and did not finish. */
const erasurePollMs = 30_000
/** How often to look for rows that have served their time. */
const pruneMs = 60_000

/** What goes on beside the requests, and is woken by some of them. */
export interface Background {
  /** Removes what erased accounts have left behind. */
  readonly eraser: Worker
  /** Takes what was cleared from the database. */
  readonly purger: Worker
  /** Makes the exports that people asked for. */
  readonly exporter: Worker
}

/** @param options.database of which nothing is taken away from clients; `store` stands on it */
export function startBackground(options: {
  database: Database
  store: Store
  config: Config
  metrics: Metrics
  logger: Logger
  parts: Parts
}): Background {
  const { database, store, config, metrics, logger, parts } = options
  const start = (name: string, pollMs: number, step: () => Promise<boolean>) => {
    const worker = createWorker({ name, step, pollMs, logger })
    parts.addBusy(name, worker.dispose)
    return worker
  }
  const eraser = start('erasure', erasurePollMs, () => eraseStep(store))
  const purger = start('purging', erasurePollMs, () => purgeStep(store))
  start(
    'pruning',
    pruneMs,
    async () =>
      (await pruneBudgets(database.query)) || (await pruneSessions(store)) || pruneReservedUsernames(store),
  )
  start('log retention', pruneMs, async () => {
    const { pruned, more } = await pruneLog(database, config.eventRetentionSeconds)
    metrics.eventsPruned.inc(pruned)
    return more
  })
  const exporter = createExporter({ database, logger })
  parts.addBusy('exports', exporter.dispose)
  return { eraser, purger, exporter }
}
