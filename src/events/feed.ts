import { RequestError, tokenRefused } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { createLru } from '../core/lru.ts'
import type { Database } from '../db/client.ts'
import type { Bell } from './bell.ts'
import { createLogCursors, type LogCursors } from './cursor.ts'
import type { EventKind, LogEvent } from './event.ts'
import { createHub, type Hub } from './hub.ts'
import { createLogReader, type Following, follow, type LogReader, type Positioned } from './reader.ts'
import { createTailer, headStatement } from './tailer.ts'

/** The log as features use it: followed live, read in pages, or asked where it stands. */
export interface Feed<Delivery extends Positioned> {
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
  readonly stats: Hub<Delivery>['stats']
  dispose(): Promise<void>
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
  /** Loads what entries speak of, through the database that it is given. */
  hydrate: (events: readonly LogEvent[], through: Database) => Promise<Map<number, Delivery>>
}): Promise<Feed<Delivery>> {
  const { database, control, bell, logger } = options
  const hydrate = (events: readonly LogEvent[]) => options.hydrate(events, database)
  const cursors = await createLogCursors(database)
  const reader: LogReader = createLogReader(database)
  const hub = createHub({
    database: control,
    hydrate: (events) => options.hydrate(events, control),
  })
  const entryListeners = new Set<(events: readonly LogEvent[]) => void>()
  const tailer = await createTailer({
    database: control,
    logger,
    onBatch: async (events, horizon) => {
      await hub.route(events, horizon)
      for (const listener of entryListeners) listener(events)
    },
    onHeldBack: hub.routeAhead,
  })
  const stopListening = bell.onRing(tailer.wake)
  // A stream that is about to begin when its session ends was authenticated before and attaches after.
  const revoked = createLru<true>(10_000)
  hub.onSessionRevoked((sessionId) => revoked.set(sessionId, true))

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
    const position = cursors.decode(cursor)
    if (position > tailer.horizon) {
      const [row] = await database.query<{ last_value: string }>(lastPositionStatement, [])
      if (position > Number(row?.last_value)) {
        throw new RequestError(
          'CURSOR_EXPIRED',
          'The cursor is ahead of the log: this database was restored.',
        )
      }
    }
    return position
  }

  /** So that "caught up" covers whatever was committed before the subscription began. */
  async function reachHead(): Promise<number> {
    const [row] = await database.query<{ position: string | null }>(headStatement, [])
    const head = Number(row?.position ?? 0)
    tailer.wake()
    await tailer.reached(head)
    return head
  }

  return {
    cursors,
    get lag() {
      return Date.now() - tailer.lookedAt
    },
    get position() {
      return tailer.horizon
    },
    async follow({ viewer, endsWithSession, after, caughtUp, ...request }) {
      const position = after === null ? null : await positionOf(after)
      return follow({
        ...request,
        caughtUp: caughtUp === null ? null : { head: reachHead, deliver: caughtUp },
        userId: viewer.userId,
        after: position,
        hub,
        reader,
        hydrate,
        lifetime: (fail) => (endsWithSession ? watchSession(viewer, fail) : () => {}),
      })
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
    get stats() {
      return hub.stats
    },
    async dispose() {
      stopListening()
      await tailer.dispose()
    },
  }
}

const lastPositionStatement = {
  name: 'log_last_position',
  text: 'SELECT last_value FROM events_position_seq',
}
