import { setTimeout as delay } from 'node:timers/promises'
import { isDatabaseUnavailable } from '../db/unavailable.ts'
import type { EventKind, LogEvent } from './event.ts'
import type { Hub } from './hub.ts'
import type { LogReader } from './reader.ts'

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
