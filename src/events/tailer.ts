import type { Logger } from '../core/logger.ts'
import type { Database } from '../db/client.ts'
import { type EventRow, eventColumns, type LogEvent, toLogEvent } from './event.ts'
import { type LogState, readLogState } from './log-state.ts'

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
  /** Of the log that is followed. */
  readonly identity: string
  readonly timeline: string
  /** Every entry up to here has been handed over, and none will ever appear below it. */
  readonly horizon: number
  /** Everything up to here was gone half a second ago; whoever reads the log is told for the present moment. */
  readonly prunedThrough: number
  /** When the log was read last, in milliseconds since 1970. */
  readonly lookedAt: number
  /** Looks at the log now. */
  wake(): void
  /** Resolves once the horizon has reached `position`, or nobody wants to know any more. */
  reached(position: number, signal?: AbortSignal): Promise<void>
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
  /**
   * The log cannot be followed from where it was: it is another one now, has gone back, or has been pruned beyond.
   * Whoever relies on having seen everything has to begin anew. Called with the present state before the first batch
   * of the new beginning, which is an empty one again.
   */
  readonly onLost: (state: LogState) => void
  /**
   * Called whenever it begins, before the head is looked at.
   * @param diverged what was handed over before is not what the log has now
   */
  readonly onBegin?: (diverged: boolean) => Promise<void>
  /** The id of the epoch that a position lies in, by what was handed over. */
  readonly epochAt?: (position: number) => string
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
  // With the last one that was handed over, where it is still there: it has to be the same.
  text: `SELECT ${eventColumns} FROM events e WHERE e.position >= $1 ORDER BY e.position LIMIT $2 + 1`,
}

const urgentStatement = {
  name: 'tail_urgent',
  text: `SELECT ${eventColumns} FROM events e WHERE e.position > $1 AND e.kind = 'SESSION_REVOKED'`,
}

/** The newest position that is visible, or was before it was pruned. */
export const headStatement = {
  name: 'tail_head',
  text: `SELECT greatest((SELECT max(position) FROM events), pruned_through) AS position FROM event_log`,
}

const appendersStatement = {
  name: 'tail_appenders',
  text: `SELECT DISTINCT virtualtransaction AS transaction FROM pg_locks
    WHERE locktype = 'relation' AND relation = 'events'::regclass AND mode = 'RowExclusiveLock' AND granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
}

/** How long live delivery may stand still before the log says why, in milliseconds. */
const stallWarningMs = 2_000

/** Two entries at the same position that say the same are the same. */
function nameOf({ kind, chatId, userId, subjectId, sequence }: LogEvent): string {
  return [kind, chatId, userId, subjectId, sequence].join()
}

/** Transactions that may own a missing position up to `through`. */
interface Fence {
  readonly through: number
  blockers: ReadonlySet<string>
}

export async function createTailer(options: TailerOptions): Promise<Tailer> {
  const {
    database,
    logger,
    onBatch,
    onHeldBack,
    onLost,
    onBegin,
    epochAt,
    batchSize = 1000,
    pollMs = 500,
    pauseMs = 5,
  } = options
  let { identity, timeline, prunedThrough } = await readLogState(database, 0)
  let fence: Fence = { through: 0, blockers: new Set() }
  let horizon = 0
  let begun = false
  let diverged = false
  /** What the entry at the horizon says, once that was seen. */
  let newest: string | null = null
  let lookedAt = Date.now()
  /** When the log was last seen to be the one that is followed. */
  let checkedAt = Date.now()
  let searchedAt = 0
  let blockedSince: number | null = null
  let failingSince: number | null = null
  let woken = false
  let disposed = false
  let pausing: { wakeable: boolean; end: () => void } | null = null
  const waiting = new Map<() => void, number>()

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

  /**
   * Begins at the head. Entries from before are not handed over, but the horizon may pass them only when none of
   * them is still on its way.
   */
  async function begin(): Promise<void> {
    await onBegin?.(diverged)
    diverged = false
    fence = { through: await head(), blockers: await appenders() }
    for (let delay = 1; !disposed && !(await clearFence()); delay = Math.min(delay * 2, 100)) {
      blockedSince ??= Date.now()
      warnOfBlockers()
      await pause(delay, false)
    }
    blockedSince = null
    await onBatch([], fence.through)
    horizon = fence.through
    newest = null
    lookedAt = checkedAt = Date.now()
    begun = true
  }

  /**
   * Whether what was just read follows upon what was handed over. Looked at twice a second, and after the read: a
   * process that stood still for however long does not hand over what it finds before it knows.
   */
  async function isLost(): Promise<LogState | null> {
    if (Date.now() - checkedAt < pollMs) return null
    const state = await readLogState(database, horizon)
    const isOther = state.identity !== identity || state.timeline !== timeline
    // An epoch that began where this process has been already, without its having come by.
    const hasGoneBack = state.last < horizon || (epochAt !== undefined && state.epoch !== epochAt(horizon))
    if (isOther || hasGoneBack || state.prunedThrough > horizon) return state
    checkedAt = Date.now()
    prunedThrough = state.prunedThrough
    return null
  }

  function beginAnew(state: LogState): void {
    logger.error(
      { horizon, ...state },
      'the log cannot be followed from where it was (restored, failed over, or pruned beyond): beginning anew',
    )
    // As far as is known: what a client is told to come back with must not lie beyond what it has seen.
    horizon = prunedThrough = state.prunedThrough
    identity = state.identity
    timeline = state.timeline
    onLost(state)
    releaseWaiting(Number.POSITIVE_INFINITY)
    begun = false
  }

  /** Reads and hands over one batch. Returns what to do next. */
  async function step(): Promise<'again' | 'blocked' | 'idle'> {
    if (!begun) await begin()
    // Cleared before the read, so that the read sees whatever the cleared transactions committed.
    const cleared = await clearFence()
    const rows = await database.query<EventRow>(readStatement, [horizon, batchSize])
    const events = rows.map(toLogEvent)
    const known = events[0]?.position === horizon ? events.shift() : undefined
    const isExchanged = known !== undefined && newest !== null && nameOf(known) !== newest
    if (known !== undefined) newest ??= nameOf(known)
    const lost = isExchanged ? await readLogState(database, horizon) : await isLost()
    if (lost !== null) {
      diverged ||= isExchanged || lost.last < horizon
      beginAnew(lost)
      return 'again'
    }
    const ready: LogEvent[] = []
    let next = horizon + 1
    for (const event of events) {
      if (event.position > next && !(cleared && event.position <= fence.through)) break
      ready.push(event)
      next = event.position + 1
    }
    lookedAt = Date.now()
    if (ready.length > 0) await advance(ready, next - 1)
    if (ready.length < events.length)
      await tellHeldBack(events.slice(ready.length), events.length >= batchSize)
    else return events.length >= batchSize ? 'again' : 'idle'
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
    const entry = events.at(-1)
    newest = entry === undefined ? null : nameOf(entry)
    releaseWaiting(position)
  }

  function releaseWaiting(through: number): void {
    for (const [release, position] of waiting) if (position <= through) release()
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
        if (failingSince !== null) {
          logger.info({ ms: Date.now() - failingSince }, 'the log can be read again')
          failingSince = null
        }
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
        if (failingSince === null) logger.error({ err: error }, 'the log could not be read; trying again')
        failingSince ??= Date.now()
        await pause(Math.min(pollMs, 500), false)
      }
    }
  }

  await begin()
  const running = run()

  return {
    get identity() {
      return identity
    },
    get timeline() {
      return timeline
    },
    get horizon() {
      return horizon
    },
    get prunedThrough() {
      return prunedThrough
    },
    get lookedAt() {
      return lookedAt
    },
    wake() {
      woken = true
      if (pausing?.wakeable) pausing.end()
    },
    reached(position, signal) {
      if (position <= horizon || signal?.aborted) return Promise.resolve()
      return new Promise((resolve) => {
        const release = () => {
          waiting.delete(release)
          signal?.removeEventListener('abort', release)
          resolve()
        }
        waiting.set(release, position)
        signal?.addEventListener('abort', release)
      })
    },
    async dispose() {
      disposed = true
      pausing?.end()
      await running
    },
  }
}
