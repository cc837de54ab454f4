import type { Logger } from '../core/logger.ts'
import type { Database } from '../db/client.ts'
import { type EventRow, eventColumns, type LogEvent, toLogEvent } from './event.ts'

/**
 * Reads the log as it grows, once for the whole process, and never skips an entry.
 *
 * Positions are handed out by a sequence before their transactions commit, so a later position can
 * become visible first. Such a hole is either still coming or will stay empty for ever, and the tailer
 * must not step over it before it knows. It knows by the locks: an INSERT into `events` locks that
 * table in ROW EXCLUSIVE mode before it takes a position, and holds the lock until its transaction has
 * ended. So, when a hole shows, the tailer notes who holds such a lock; once none of them does, a
 * fresh read sees the missing row, or there will never be one. docs/realtime.md has the proof, and
 * why comparing a snapshot's xmin with an earlier one's xmax is not enough.
 */
export interface Tailer {
  /** Every entry up to here has been handed over, and none will ever appear below it. */
  readonly horizon: number
  /** When the log was read last, in milliseconds since 1970. */
  readonly lookedAt: number
  /** Looks at the log now. */
  wake(): void
  /** Resolves once the horizon has reached `position`. */
  reached(position: number): Promise<void>
  dispose(): Promise<void>
}

export interface TailerOptions {
  readonly database: Database
  readonly logger: Logger
  /**
   * Receives each batch, in order, with the horizon after it; first of all an empty one that tells where
   * the tailer starts. The next batch is read when this one is through; a throw is logged and the batch
   * handed over again.
   */
  readonly onBatch: (events: readonly LogEvent[], horizon: number) => Promise<void>
  /**
   * Receives what lies behind a hole as long as that is waited for, perhaps more than once: for what must
   * not wait for its place, such as the end of a session.
   */
  readonly onHeldBack: (events: readonly LogEvent[]) => void
  /** @default 1000 entries */
  readonly batchSize?: number
  /** How often to look without being woken. @default 500 ms */
  readonly pollMs?: number
  /**
   * Between two looks at the least. A ring after a quiet moment is answered at once; under load the log
   * is read in fewer, larger batches, which leaves the database to the writers. @default 5 ms
   */
  readonly pauseMs?: number
}

const readStatement = {
  name: 'tail_read',
  text: `SELECT ${eventColumns} FROM events e WHERE e.position > $1 ORDER BY e.position LIMIT $2`,
}

const urgentStatement = {
  name: 'tail_urgent',
  text: `SELECT ${eventColumns} FROM events e WHERE e.position > $1 AND e.kind = 'SESSION_REVOKED'`,
}

/** The newest position that is visible. */
export const headStatement = { name: 'tail_head', text: 'SELECT max(position) AS position FROM events' }

const appendersStatement = {
  name: 'tail_appenders',
  text: `SELECT DISTINCT virtualtransaction AS transaction FROM pg_locks
    WHERE locktype = 'relation' AND relation = 'events'::regclass AND mode = 'RowExclusiveLock' AND granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
}

/** How long live delivery may stand still before the log says why, in milliseconds. */
const stallWarningMs = 2_000

/** Transactions that may own a missing position up to `through`. */
interface Fence {
  readonly through: number
  blockers: ReadonlySet<string>
}

export async function createTailer(options: TailerOptions): Promise<Tailer> {
  const { database, logger, onBatch, onHeldBack, batchSize = 1000, pollMs = 500, pauseMs = 5 } = options
  let fence: Fence = { through: await head(), blockers: await appenders() }
  let horizon = 0
  let lookedAt = Date.now()
  let searchedAt = 0
  let blockedSince: number | null = null
  let woken = false
  let disposed = false
  let pausing: { wakeable: boolean; end: () => void } | null = null
  const waiting: { position: number; resolve: () => void }[] = []

  async function head(): Promise<number> {
    const [row] = await database.query<{ position: string | null }>(headStatement, [])
    return Number(row?.position ?? 0)
  }

  async function appenders(): Promise<Set<string>> {
    const rows = await database.query<{ transaction: string }>(appendersStatement, [])
    return new Set(rows.map((row) => row.transaction))
  }

  async function clearFence(): Promise<boolean> {
    if (fence.blockers.size === 0) return true
    const current = await appenders()
    fence.blockers = new Set([...fence.blockers].filter((blocker) => current.has(blocker)))
    return fence.blockers.size === 0
  }

  /** Reads and hands over one batch. Returns what to do next. */
  async function step(): Promise<'again' | 'blocked' | 'idle'> {
    // Cleared before the read, so that the read sees whatever the cleared transactions committed.
    const cleared = await clearFence()
    const rows = await database.query<EventRow>(readStatement, [horizon, batchSize])
    const ready: LogEvent[] = []
    let next = horizon + 1
    const events = rows.map(toLogEvent)
    for (const event of events) {
      if (event.position > next && !(cleared && event.position <= fence.through)) break
      ready.push(event)
      next = event.position + 1
    }
    lookedAt = Date.now()
    if (ready.length > 0) await advance(ready, next - 1)
    if (ready.length < events.length)
      await tellHeldBack(events.slice(ready.length), events.length === batchSize)
    else return rows.length === batchSize ? 'again' : 'idle'
    const last = Number(events.at(-1)?.position)
    if (fence.through < last && fence.blockers.size === 0) {
      fence = { through: last, blockers: await appenders() }
      return fence.blockers.size === 0 ? 'again' : 'blocked'
    }
    return 'blocked'
  }

  /**
   * What was read lies before the eyes anyway; what a long stall has heaped up beyond it is searched, now
   * and then, for what must not wait.
   */
  async function tellHeldBack(events: readonly LogEvent[], more: boolean): Promise<void> {
    onHeldBack(events)
    if (!more || Date.now() - searchedAt < pollMs) return
    searchedAt = Date.now()
    const rows = await database.query<EventRow>(urgentStatement, [horizon])
    onHeldBack(rows.map(toLogEvent))
  }

  async function advance(events: readonly LogEvent[], position: number): Promise<void> {
    await onBatch(events, position)
    horizon = position
    for (let i = waiting.length - 1; i >= 0; i--) {
      const waiter = waiting[i]
      if (waiter !== undefined && waiter.position <= position) {
        waiting.splice(i, 1)
        waiter.resolve()
      }
    }
  }

  /** Waits; a ring ends it early where nothing but news is waited for. */
  function pause(ms: number, wakeable: boolean): Promise<void> {
    if (disposed || (wakeable && woken)) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(end, ms)
      function end(): void {
        clearTimeout(timer)
        pausing = null
        resolve()
      }
      pausing = { wakeable, end }
    })
  }

  /** Says, once for each stall, what live delivery waits for. */
  function warnOfBlockers(): void {
    if (blockedSince === null || Date.now() - blockedSince < stallWarningMs) return
    blockedSince = Number.POSITIVE_INFINITY
    const transactions = [...fence.blockers]
    logger.warn({ transactions }, 'live delivery waits for open transactions that have written to the log')
  }

  async function run(): Promise<void> {
    let delay = 1
    while (!disposed) {
      woken = false
      try {
        const next = await step()
        if (next !== 'blocked') blockedSince = null
        else {
          blockedSince ??= Date.now()
          warnOfBlockers()
          await pause(delay, false)
          delay = Math.min(delay * 2, 100)
          continue
        }
        delay = 1
        if (next === 'idle') {
          await pause(pauseMs, false)
          await pause(pollMs, true)
        }
      } catch (error) {
        if (disposed) return
        logger.error({ err: error }, 'the log could not be read; trying again')
        await pause(Math.min(pollMs, 500), false)
      }
    }
  }

  // Entries from before the start are not handed over, but the horizon may pass them only when none
  // of them is still on its way.
  for (let delay = 1; !(await clearFence()); delay = Math.min(delay * 2, 100)) {
    blockedSince ??= Date.now()
    warnOfBlockers()
    await pause(delay, false)
  }
  blockedSince = null
  horizon = fence.through
  await onBatch([], horizon)
  const running = run()

  return {
    get horizon() {
      return horizon
    },
    get lookedAt() {
      return lookedAt
    },
    wake() {
      woken = true
      if (pausing?.wakeable) pausing.end()
    },
    reached(position) {
      if (position <= horizon) return Promise.resolve()
      return new Promise((resolve) => waiting.push({ position, resolve }))
    },
    async dispose() {
      disposed = true
      pausing?.end()
      await running
    },
  }
}
