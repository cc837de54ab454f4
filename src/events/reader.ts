import type { Database } from '../db/client.ts'
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
  text: `WITH mine AS MATERIALIZED (
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
    ORDER BY position LIMIT $5`,
}

const readChat = {
  name: 'log_read_chat',
  text: `SELECT ${eventColumns} FROM chat_members m JOIN chats c ON c.id = m.chat_id AND c.deleted_at IS NULL
    JOIN events e ON e.chat_id = m.chat_id
    WHERE m.chat_id = $6 AND m.user_id = $1
      AND e.position > $2 AND e.position <= $3 AND e.kind = ANY($4::event_kind[]) AND ${visible}
    ORDER BY e.position LIMIT $5`,
}

export function createLogReader(database: Database): LogReader {
  return {
    async read({ userId, chatId, kinds, after, through, limit }) {
      const values = [userId, after, through, [...kinds], limit]
      const rows =
        chatId === null
          ? await database.query<EventRow>(readAll, values)
          : await database.query<EventRow>(readChat, [...values, chatId])
      return rows.map(toLogEvent)
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
  readonly userId: string
  readonly chatId: string | null
  readonly kinds: ReadonlySet<EventKind>
  /** Resume behind this position. Null: from now on. */
  readonly after: number | null
  /** What to hand over, once, where the backlog ends and live begins. Null: nothing. */
  readonly caughtUp: {
    /** The newest position of the log, once the hub has handed over everything up to it. */
    readonly head: () => Promise<number>
    readonly deliver: (position: number) => Delivery
  } | null
  /** Watches for a reason to end it, and calls `fail` with it then. @returns a function that stops watching */
  readonly lifetime: (fail: (reason: Error) => void) => () => void
  /** How many live entries may wait before they are dropped and read from the log instead. @default 1000 */
  readonly maxBacklog?: number
  /** @default 200 entries */
  readonly pageSize?: number
}

/** One after the other; and what is there without waiting, for whoever works on several at a time. */
export interface Following<Delivery> extends AsyncIterableIterator<Delivery> {
  /** The next ones that need no waiting for, this many at most; often none. */
  takeReady(limit: number): Delivery[]
  /** Whether it has ended: what was taken before and not handed on is not for the client any more. */
  readonly ended: boolean
}

/** How many are got ready at a time. */
const readySize = 50

/**
 * Everything behind a position that concerns a user: what was missed, then live, each once, in order.
 *
 * It attaches to the hub first, which tells where live begins, then reads the log up to there. A
 * consumer that does not keep up lets its backlog grow to a bound; past it the backlog is dropped and
 * the log is read again from where the consumer is. So a slow client costs a bounded amount of memory
 * and loses nothing.
 */
export function follow<Delivery extends Positioned>(options: FollowOptions<Delivery>): Following<Delivery> {
  const { hub, reader, hydrate, userId, chatId, kinds, maxBacklog = 1000, pageSize = 200 } = options
  let backlog: Delivery[] = []
  /** What the consumer takes next. */
  let ready: Delivery[] = []
  /** The last position dropped from a full backlog: up to here the log has to be read. */
  let dropped: number | null = null
  let position = 0
  let closed = false
  let failure: Error | null = null
  let release = () => {}
  let wake: (() => void) | null = null
  let detach: (() => void) | null = null

  function receive(delivery: Delivery): void {
    if (backlog.length >= maxBacklog) {
      dropped = backlog.at(-1)?.position ?? null
      backlog = []
    }
    if (dropped === null) backlog.push(delivery)
    else dropped = delivery.position
    wake?.()
  }

  function news(): Promise<void> {
    if (closed || backlog.length > 0 || dropped !== null) return Promise.resolve()
    return new Promise((resolve) => {
      wake = () => {
        wake = null
        resolve()
      }
    })
  }

  /** What the log has behind the reader's position, up to `through`. */
  async function* fromLog(through: number): AsyncGenerator<Delivery[], void> {
    while (!closed && position < through) {
      const events = await reader.read({ userId, chatId, kinds, after: position, through, limit: pageSize })
      const deliveries = await hydrate(events)
      for (let from = 0; from < events.length; from += readySize) {
        if (closed) return
        const next = events.slice(from, from + readySize)
        position = next.at(-1)?.position ?? position
        yield next.flatMap((event) => deliveries.get(event.position) ?? [])
      }
      if (events.length < pageSize) position = through
    }
  }

  /** What the hub hands over: for ever, or what is there already up to `through`. */
  async function* fromHub(through: number | null): AsyncGenerator<Delivery[], void> {
    while (!closed) {
      if (dropped !== null) {
        // What arrives from here on goes to the backlog again: it lies behind what was dropped.
        const lost: number = dropped
        dropped = null
        yield* fromLog(lost)
        continue
      }
      const next = backlog.slice(0, readySize).filter((each) => through === null || each.position <= through)
      if (next.length === 0) {
        if (through !== null) return
        await news()
        continue
      }
      backlog.splice(0, next.length)
      const seen = position
      position = Math.max(position, next.at(-1)?.position ?? position)
      yield next.filter((each) => each.position > seen)
    }
  }

  async function* run(): AsyncGenerator<Delivery[], void> {
    const attached = await hub.attach({ userId, chatId, kinds, receive })
    detach = attached.detach
    try {
      position = options.after ?? attached.from
      yield* fromLog(attached.from)
      if (options.caughtUp !== null) {
        const head = await options.caughtUp.head()
        yield* fromHub(head)
        if (!closed) yield [options.caughtUp.deliver(Math.max(position, head))]
      }
      yield* fromHub(null)
      if (failure !== null) throw failure
    } finally {
      end()
    }
  }

  function end(): void {
    closed = true
    detach?.()
    backlog = []
    ready = []
    wake?.()
    release()
  }

  // To end without a word would tell the consumer that all is done.
  release = options.lifetime((reason) => {
    failure = reason
    end()
  })
  if (closed) release()
  const groups = run()

  async function next(): Promise<IteratorResult<Delivery, undefined>> {
    for (;;) {
      const delivery = ready.shift()
      if (delivery !== undefined) return { done: false, value: delivery }
      const group = await groups.next()
      if (group.done) return { done: true, value: undefined }
      if (!closed) ready = group.value
    }
  }

  return {
    next,
    takeReady: (limit) => ready.splice(0, limit),
    get ended() {
      return closed
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
