import { setTimeout as delay } from 'node:timers/promises'
import type { Database } from '../db/client.ts'
import { isDatabaseUnavailable } from '../db/unavailable.ts'
import { cursorExpired } from './cursor.ts'
import {
  type EventKind,
  type EventRow,
  eventColumns,
  type LogEvent,
  messageKinds,
  toLogEvent,
} from './event.ts'
import type { Hub } from './hub.ts'

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

export interface Positioned {
  readonly position: number
}

export interface FollowOptions<Delivery> {
  readonly hub: Hub<Delivery>
  readonly reader: LogReader
  readonly hydrate: (events: readonly LogEvent[]) => Promise<Map<number, Delivery>>
  /** What a delivery takes in memory, in bytes, about. */
  readonly sizeOf: (delivery: Delivery) => number
  readonly userId: string
  readonly chatId: string | null
  readonly kinds: ReadonlySet<EventKind>
  /** Resume behind this position. Null: from now on. */
  readonly after: number | null
  /** What to hand over, once, where the backlog ends and live begins. Null: nothing. */
  readonly caughtUp: {
    /** The newest position of the log, once the hub has handed over everything up to it, or the signal comes. */
    readonly head: (signal: AbortSignal) => Promise<number>
    readonly deliver: (position: number) => Delivery
  } | null
  /** Watches for a reason to end it, and calls `fail` with it then. @returns a function that stops watching */
  readonly lifetime: (fail: (reason: Error) => void) => () => void
  /** Hears that the backlog was dropped. */
  readonly onOverflow?: () => void
  /** How many live entries may wait before they are dropped and read from the log instead. @default 1000 */
  readonly maxBacklog?: number
  /** How many bytes they may have. @default 500,000 */
  readonly maxBacklogBytes?: number
  /** @default 200 entries */
  readonly pageSize?: number
}

/** One after the other; and what is there without waiting, for whoever works on several at a time. */
export interface Following<Delivery> extends AsyncIterableIterator<Delivery> {
  /** The next ones that need no waiting for, this many at most; often none. */
  takeReady(limit: number): Delivery[]
  /** Whether it has ended: what was taken before and not handed on is not for the client any more. */
  readonly ended: boolean
  /** What waits to be taken. */
  readonly waiting: { readonly events: number; readonly bytes: number }
}

/** How many are got ready at a time, and what they may have together, in bytes; a single one may have more. */
const readySize = 50
const readyBytes = 100_000
/**
 * How much of the log is looked at first, in positions; then more or less, by how many entries of it concern the user.
 * Without such a bound each page would read as many entries as it has of every chat, and drop nearly all of them.
 */
const firstSpan = 10_000
/** Between attempts while the database is away, in milliseconds. */
const retryMs = { first: 50, last: 1_000 }

/**
 * Everything behind a position that concerns a user: what was missed, then live, each once, in order.
 *
 * It attaches to the hub first, which tells where live begins, then reads the log up to there. A
 * consumer that does not keep up lets its backlog grow to a bound; past it the backlog is dropped and
 * the log is read again from where the consumer is. So a slow client costs a bounded amount of memory
 * and loses nothing. While the database is away it waits.
 */
export function follow<Delivery extends Positioned>(options: FollowOptions<Delivery>): Following<Delivery> {
  const { hub, reader, hydrate, sizeOf, userId, chatId, kinds } = options
  const { maxBacklog = 1000, maxBacklogBytes = 500_000, pageSize = 200 } = options
  let backlog: Delivery[] = []
  let backlogBytes = 0
  /** What the consumer takes next. */
  let ready: Delivery[] = []
  /** What was dropped from a full backlog: behind the one and up to the other position the log has to be read. */
  let dropped: { readonly after: number; through: number } | null = null
  let position = 0
  let failure: Error | null = null
  let release = () => {}
  let wake: (() => void) | null = null
  let detach: (() => void) | null = null
  const ending = new AbortController()
  const { signal } = ending

  function receive(delivery: Delivery): void {
    const [oldest] = backlog
    const isFull = backlog.length >= maxBacklog || backlogBytes >= maxBacklogBytes
    if (dropped === null && isFull && oldest !== undefined) {
      // Nothing lies between what was taken and the oldest that waits, however long nothing came.
      dropped = { after: oldest.position - 1, through: delivery.position }
      setBacklog([])
      options.onOverflow?.()
    }
    if (dropped !== null) dropped.through = delivery.position
    else {
      backlog.push(delivery)
      backlogBytes += sizeOf(delivery)
    }
    wake?.()
  }

  function setBacklog(deliveries: Delivery[]): void {
    backlog = deliveries
    backlogBytes = bytesOf(deliveries)
  }

  function bytesOf(deliveries: readonly Delivery[]): number {
    return deliveries.reduce((sum, each) => sum + sizeOf(each), 0)
  }

  function news(): Promise<void> {
    if (signal.aborted || backlog.length > 0 || dropped !== null) return Promise.resolve()
    return new Promise((resolve) => {
      wake = () => {
        wake = null
        resolve()
      }
    })
  }

  /** The work's result, however long the database is away. @throws what `delay` throws once it has ended */
  async function whenAvailable<Result>(work: () => Promise<Result>): Promise<Result> {
    for (let ms = retryMs.first; ; ms = Math.min(ms * 2, retryMs.last)) {
      try {
        return await work()
      } catch (error) {
        if (!isDatabaseUnavailable(error)) throw error
        await delay(ms, undefined, { signal })
      }
    }
  }

  /** What the log has behind the reader's position, up to `through`. */
  async function* fromLog(through: number): AsyncGenerator<Delivery[], void> {
    let size = readySize
    let span = firstSpan
    while (position < through) {
      signal.throwIfAborted()
      const end = Math.min(through, position + span)
      const request = { userId, chatId, kinds, after: position, through: end, limit: pageSize }
      const events = await whenAvailable(() => reader.read(request))
      for (let from = 0; from < events.length; ) {
        signal.throwIfAborted()
        const next = events.slice(from, from + size)
        from += next.length
        const loaded = await whenAvailable(() => hydrate(next))
        const deliveries = next.flatMap((event) => loaded.get(event.position) ?? [])
        // Of long messages fewer at a time.
        size = Math.ceil(Math.min(readySize, (size * readyBytes) / Math.max(1, bytesOf(deliveries))))
        position = next.at(-1)?.position ?? position
        yield deliveries
      }
      if (events.length < pageSize) position = end
      span = Math.ceil(events.length < pageSize ? span * 4 : Math.max(pageSize, span / 2))
    }
  }

  /** What the hub hands over: for ever, or what is there already up to `through`. */
  async function* fromHub(through: number | null): AsyncGenerator<Delivery[], void> {
    for (;;) {
      signal.throwIfAborted()
      if (dropped !== null) {
        // What arrives from here on goes to the backlog again: it lies behind what was dropped.
        const lost: { readonly after: number; readonly through: number } = dropped
        dropped = null
        position = Math.max(position, lost.after)
        yield* fromLog(lost.through)
        continue
      }
      const next = takeGroup(through ?? Number.POSITIVE_INFINITY)
      if (next.length === 0) {
        if (through !== null) return
        await news()
        continue
      }
      const seen = position
      position = Math.max(position, next.at(-1)?.position ?? position)
      yield next.filter((each) => each.position > seen)
    }
  }

  /** The next of the backlog, as many as are worked on at a time. */
  function takeGroup(through: number): Delivery[] {
    let bytes = 0
    const end = backlog.findIndex((each, i) => {
      bytes += sizeOf(each)
      return each.position > through || i === readySize || (i > 0 && bytes > readyBytes)
    })
    const group = backlog.splice(0, end === -1 ? backlog.length : end)
    backlogBytes -= bytesOf(group)
    return group
  }

  async function* run(): AsyncGenerator<Delivery[], void> {
    try {
      signal.throwIfAborted()
      const attached = await whenAvailable(() =>
        hub.attach({ userId, chatId, kinds, receive, fail, leave: end }),
      )
      detach = attached.detach
      signal.throwIfAborted()
      position = options.after ?? attached.from
      yield* fromLog(attached.from)
      if (options.caughtUp !== null) {
        const head = await whenAvailable(() => options.caughtUp?.head(signal) ?? Promise.resolve(0))
        signal.throwIfAborted()
        yield* fromHub(head)
        yield [options.caughtUp.deliver(Math.max(position, head))]
      }
      yield* fromHub(null)
    } catch (error) {
      // To end without a word would tell the consumer that all is done.
      if (failure !== null) throw failure
      if (!signal.aborted) throw error
    } finally {
      end()
    }
  }

  function fail(reason: Error): void {
    failure = reason
    end()
  }

  function end(): void {
    detach?.()
    setBacklog([])
    dropped = null
    ready = []
    ending.abort()
    wake?.()
    release()
  }

  release = options.lifetime(fail)
  if (signal.aborted) release()
  const groups = run()

  async function next(): Promise<IteratorResult<Delivery, undefined>> {
    for (;;) {
      const delivery = ready.shift()
      if (delivery !== undefined) return { done: false, value: delivery }
      const group = await groups.next()
      if (group.done) return { done: true, value: undefined }
      if (!signal.aborted) ready = group.value
    }
  }

  return {
    next,
    takeReady: (limit) => ready.splice(0, limit),
    get ended() {
      return signal.aborted
    },
    get waiting() {
      return { events: backlog.length + ready.length, bytes: backlogBytes + bytesOf(ready) }
    },
    // A generator that waits for news does not hear of its end until the news comes; this one is woken by it, so
    // that a client which goes away frees what it held at once.
    async return() {
      end()
      await groups.return()
      return { done: true, value: undefined }
    },
    async throw(error) {
      end()
      await groups.return()
      throw error
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}
