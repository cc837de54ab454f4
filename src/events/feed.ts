import { RequestError, tokenRefused } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { createLru } from '../core/lru.ts'
import type { Metrics } from '../core/metrics.ts'
import type { Database } from '../db/client.ts'
import type { Bell } from './bell.ts'
import { createLogCursors, cursorExpired, type LogCursors } from './cursor.ts'
import { createEpochs } from './epochs.ts'
import type { EventKind, LogEvent } from './event.ts'
import { type Following, follow, type Positioned } from './follow.ts'
import { createGapDetector } from './gaps.ts'
import { createHub, type Hub } from './hub.ts'
import { readLogState } from './log-state.ts'
import { createLogReader, type LogReader } from './reader.ts'
import { createTailer, headStatement } from './tailer.ts'

/** The log as features use it: followed live, read in pages, or asked where it stands. */
export interface Feed<Delivery extends Positioned> {
  /** Of the log that is followed now: another one after it was lost. */
  readonly cursors: LogCursors
  /** How long ago the log was read last, in milliseconds: half a second when all is well. */
  readonly lag: number
  /** Where the log stands: whatever is read after this was asked shows every entry up to it. */
  readonly position: number
  /** @throws RequestError `CURSOR_EXPIRED` */
  follow(request: FollowRequest<Delivery>): Promise<Following<Delivery>>
  /**
   * A page of what concerns a user, and whether there is more now.
   * @throws RequestError `CURSOR_EXPIRED`
   */
  read(request: {
    userId: string
    kinds: ReadonlySet<EventKind>
    after: string
    limit: number
  }): Promise<{ deliveries: Delivery[]; position: number; more: boolean }>
  onSessionRevoked: Hub<Delivery>['onSessionRevoked']
  /**
   * Calls `fail` with `UNAUTHENTICATED` once the viewer's session or token ends; at once where it has.
   * @returns a function that stops watching
   */
  watchSession(viewer: FollowRequest<Delivery>['viewer'], fail: (reason: Error) => void): () => void
  /** Hears of each batch of the log after it was handed over. @returns a function that stops it */
  onEntries(listener: (events: readonly LogEvent[]) => void): () => void
  /**
   * Hears that the log cannot be followed from where it was, so that something may have been missed. Subscriptions
   * have ended with `CURSOR_EXPIRED` by then. @returns a function that stops it
   */
  onLost(listener: () => void): () => void
  readonly stats: FeedStats
  dispose(): Promise<void>
}

export interface FeedStats {
  /** Users with subscriptions. */
  readonly users: number
  /** Subscriptions to the log. */
  readonly listeners: number
  /** What waits for them to take it, all together. */
  readonly waiting: { readonly events: number; readonly bytes: number }
}

export interface FollowRequest<Delivery> {
  readonly viewer: { readonly userId: string; readonly sessionId: string; readonly expiresAt: number }
  /**
   * Whether it fails with `UNAUTHENTICATED` once the session or the token that it was begun with ends.
   * False where the transport does that: a WebSocket is closed, and an end of its own beforehand would
   * tell the client not to come back.
   */
  readonly endsWithSession: boolean
  /** Null: everything that concerns the user. */
  readonly chatId: string | null
  readonly kinds: ReadonlySet<EventKind>
  /** Null: from now on. */
  readonly after: string | null
  /** What to hand over where the backlog ends and live begins. Null: nothing. */
  readonly caughtUp: ((position: number) => Delivery) | null
}

export async function createFeed<Delivery extends Positioned>(options: {
  /** For what a client asks of the log. */
  database: Database
  /** For following it: connections that no client's work can use up. */
  control: Database
  bell: Bell
  logger: Logger
  metrics: Metrics
  /** Loads what entries speak of, through the database that it is given. */
  hydrate: (events: readonly LogEvent[], through: Database) => Promise<Map<number, Delivery>>
  /** What a delivery takes in memory, in bytes, about. */
  sizeOf: (delivery: Delivery) => number
}): Promise<Feed<Delivery>> {
  const { database, control, bell, logger, metrics, sizeOf } = options
  const hydrate = (events: readonly LogEvent[]) => options.hydrate(events, database)
  const reader: LogReader = createLogReader(database)
  const hub = createHub({
    database: control,
    hydrate: (events) => options.hydrate(events, control),
  })
  const entryListeners = new Set<(events: readonly LogEvent[]) => void>()
  const lostListeners = new Set<() => void>()
  const followings = new Set<Following<Delivery>>()
  const gaps = createGapDetector(({ event: { chatId, position, sequence }, expected }) => {
    metrics.gaps.inc()
    logger.error({ chatId, position, sequence, expected }, 'a message does not follow upon the one before')
  })
  const epochs = createEpochs(control)
  const tailer = await createTailer({
    database: control,
    logger,
    onBegin: epochs.begin,
    epochAt: epochs.at,
    onBatch: async (events, horizon) => {
      const isBeginning = events.length === 0
      if (isBeginning || events.some(({ kind }) => kind === 'LOG_EPOCH')) await epochs.load()
      await hub.route(events, horizon)
      measure(events)
      for (const listener of entryListeners) listener(events)
    },
    onHeldBack: hub.routeAhead,
    onLost: (state) => {
      // First of all: no subscription must give out a place in the old log as one in the new.
      hub.reset(cursorExpired())
      cursors = createLogCursors(state, epochs.at)
      gaps.forgetAll()
      for (const listener of lostListeners) listener()
    },
  })
  let cursors = createLogCursors(tailer, epochs.at)
  const stopListening = bell.onRing(tailer.wake)
  // A stream that is about to begin when its session ends was authenticated before and attaches after.
  const revoked = createLru<true>(10_000)
  hub.onSessionRevoked((sessionId) => revoked.set(sessionId, true))

  function measure(events: readonly LogEvent[]): void {
    const [oldest] = events
    if (oldest === undefined) return
    gaps.look(events)
    for (const { kind } of events) metrics.eventsAppended.inc({ kind })
    metrics.deliveryDelay.observe(Math.max(0, Date.now() - oldest.occurredAt.getTime()))
  }

  const watchSession: Feed<Delivery>['watchSession'] = (viewer, fail) => {
    const end = (why: string) => fail(tokenRefused(why))
    const expiry = setTimeout(end, viewer.expiresAt - Date.now(), 'Token expired')
    if (revoked.get(viewer.sessionId)) end('Session revoked')
    const stopListening = hub.onSessionRevoked((sessionId) => {
      if (sessionId === viewer.sessionId) end('Session revoked')
    })
    return () => {
      clearTimeout(expiry)
      stopListening()
    }
  }

  /** Another process may be ahead of this one, but nothing is ahead of the log itself. */
  async function positionOf(cursor: string): Promise<number> {
    try {
      const { position, origin } = cursors.parse(cursor)
      if (position < tailer.prunedThrough) throw cursorExpired()
      if (position > tailer.horizon) {
        const { last } = await readLogState(database, position)
        if (position > last) throw cursorExpired()
        await epochs.load()
      }
      if (origin !== cursors.originOf(position)) throw cursorExpired()
      return position
    } catch (error) {
      if (error instanceof RequestError) metrics.cursorsExpired.inc()
      throw error
    }
  }

  /** So that "caught up" covers whatever was committed before the subscription began. */
  async function reachHead(signal: AbortSignal): Promise<number> {
    const [row] = await database.query<{ position: string }>(headStatement, [])
    const head = Number(row?.position)
    tailer.wake()
    await tailer.reached(head, signal)
    return head
  }

  return {
    get cursors() {
      return cursors
    },
    get lag() {
      return Date.now() - tailer.lookedAt
    },
    get position() {
      return tailer.horizon
    },
    async follow({ viewer, endsWithSession, after, caughtUp, ...request }) {
      const position = after === null ? null : await positionOf(after)
      if (position !== null) metrics.resumes.inc()
      const following: Following<Delivery> = follow({
        ...request,
        sizeOf,
        onOverflow: () => metrics.backlogOverflows.inc(),
        caughtUp: caughtUp === null ? null : { head: reachHead, deliver: caughtUp },
        userId: viewer.userId,
        after: position,
        hub,
        reader,
        hydrate,
        lifetime: (fail) => {
          const stopWatching = endsWithSession ? watchSession(viewer, fail) : () => {}
          return () => {
            stopWatching()
            followings.delete(following)
          }
        },
      })
      if (!following.ended) followings.add(following)
      return following
    },
    async read({ userId, kinds, after, limit }) {
      const from = await positionOf(after)
      const through = tailer.horizon
      const events = await reader.read({
        userId,
        chatId: null,
        kinds,
        after: from,
        through,
        limit: limit + 1,
      })
      const page = events.slice(0, limit)
      const deliveries = await hydrate(page)
      const more = events.length > limit
      return {
        deliveries: page.flatMap((event) => deliveries.get(event.position) ?? []),
        // Without more, the page reaches to the horizon: the next poll need not look below it again.
        position: Math.max(from, more ? (page.at(-1)?.position ?? from) : through),
        more,
      }
    },
    onSessionRevoked: hub.onSessionRevoked,
    watchSession,
    onEntries(listener) {
      entryListeners.add(listener)
      return () => entryListeners.delete(listener)
    },
    onLost(listener) {
      lostListeners.add(listener)
      return () => lostListeners.delete(listener)
    },
    get stats() {
      const waiting = { events: 0, bytes: 0 }
      for (const following of followings) {
        const { events, bytes } = following.waiting
        waiting.events += events
        waiting.bytes += bytes
      }
      return { ...hub.stats, waiting }
    },
    async dispose() {
      stopListening()
      await tailer.dispose()
    },
  }
}
