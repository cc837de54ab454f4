import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { uuidv7 } from '../core/ids.ts'
import type { Logger } from '../core/logger.ts'
import type { Database } from '../db/client.ts'

/**
 * Short words from each process to all of them, itself included. What is said while a process does not hear is
 * lost to it, so nothing goes this way that cannot be lost or looked up.
 */
export interface Signals {
  /**
   * Returns at once. Call it after a commit, never inside a transaction. The same word said several times in a
   * moment may be heard once.
   * @throws RangeError when topic and payload have more than 4,000 bytes as JSON
   */
  publish(topic: string, payload: string): void
  /** @param listener must not throw and must not wait. @returns a function that stops it */
  subscribe(topic: string, listener: (payload: string) => void): () => void
  /** Tells that words may have been missed, each time that the others can be heard (again). @returns as above */
  onResumed(listener: () => void): () => void
  /** Says what is waiting, then stops. */
  dispose(): Promise<void>
}

const maxBytes = 4_000

type Word = readonly [topic: string, payload: string]

const bytesOf = (word: Word): number => Buffer.byteLength(JSON.stringify(word))

/** The signals of a single process. */
export function createMemorySignals(): Signals & { resume(): void } {
  const listeners = new Map<string, Set<(payload: string) => void>>()
  const resumed = new Set<() => void>()
  return {
    publish(topic, payload) {
      if (bytesOf([topic, payload]) > maxBytes)
        throw new RangeError(`A signal has at most ${maxBytes} bytes.`)
      for (const listener of listeners.get(topic) ?? []) listener(payload)
    },
    subscribe(topic, listener) {
      const ofTopic = listeners.get(topic) ?? new Set()
      listeners.set(topic, ofTopic.add(listener))
      return () => ofTopic.delete(listener)
    },
    onResumed(listener) {
      resumed.add(listener)
      return () => resumed.delete(listener)
    },
    resume() {
      for (const listener of resumed) listener()
    },
    async dispose() {
      listeners.clear()
      resumed.clear()
    },
  }
}

const channel = 'parley_signals'
/** Between two statements: the first word goes at once, those that follow it closely go together. */
const pauseMs = 10
const retryMs = 500
/** Words that may wait where the database is away; the oldest are dropped. */
const maxWaiting = 1_000
/** Postgres takes less than 8,000 in one notification; the rest is what stands around the words. */
const maxWordsBytes = 7_800

const notifyStatement = {
  name: 'signals_notify',
  text: 'SELECT pg_notify($1, said) FROM unnest($2::text[]) AS said',
}

/**
 * The signals of all processes on one database, over `LISTEN` and `NOTIFY`. Its own process is told directly. A
 * notification takes a lock that all committing transactions share, so words are sent on their own, together, by
 * one statement at a time: a thousand messages a second need a few dozen.
 */
export function createPostgresSignals(options: { database: Database; logger: Logger }): Signals {
  const { database, logger } = options
  const local = createMemorySignals()
  // So that a process does not hear itself a second time.
  const self = uuidv7()
  const waiting = new Map<string, Word>()
  let sending: Promise<void> | null = null
  let closed = false
  let listening: pg.Client | null = null
  let retry: NodeJS.Timeout | undefined

  function enqueue(word: Word): void {
    const key = word.join('\0')
    // Of a start, a stop and a start again the last one counts, and comes last.
    waiting.delete(key)
    waiting.set(key, word)
    if (waiting.size <= maxWaiting) return
    for (const oldest of waiting.keys()) {
      waiting.delete(oldest)
      break
    }
  }

  const send = async (): Promise<void> => {
    while (waiting.size > 0) {
      const words = [...waiting.values()]
      waiting.clear()
      try {
        await database.query(notifyStatement, [channel, pack(self, words)])
        await delay(pauseMs)
      } catch (error) {
        logger.warn({ err: error }, 'the other processes cannot be told; they look by themselves')
        if (closed) break
        const newer = [...waiting.values()]
        waiting.clear()
        for (const word of [...words, ...newer]) enqueue(word)
        await delay(retryMs)
      }
    }
    sending = null
  }

  const listen = async (): Promise<void> => {
    const client = new pg.Client({
      connectionString: database.url,
      application_name: 'parley signals',
      connectionTimeoutMillis: 5_000,
      keepAlive: true,
    })
    const reconnect = () => {
      client.removeAllListeners('end')
      client.on('error', () => {})
      client.end().catch(() => {})
      if (closed || listening !== client) return
      listening = null
      retry = setTimeout(listen, retryMs)
    }
    listening = client
    client.once('error', reconnect)
    client.once('end', reconnect)
    client.on('notification', ({ payload }) => {
      const { from, words } = JSON.parse(payload ?? '') as Notification
      if (from === self) return
      for (const [topic, said] of words) local.publish(topic, said)
    })
    try {
      await client.connect()
      await client.query(`LISTEN ${channel}`)
      local.resume()
    } catch (error) {
      logger.warn({ err: error }, 'the other processes cannot be heard; trying again')
      reconnect()
    }
  }
  const ready = listen()

  return {
    publish(topic, payload) {
      local.publish(topic, payload)
      if (closed) return
      enqueue([topic, payload])
      sending ??= send()
    },
    subscribe: local.subscribe,
    onResumed: local.onResumed,
    async dispose() {
      closed = true
      clearTimeout(retry)
      await ready
      await sending
      const client = listening
      listening = null
      await client?.end().catch(() => {})
      await local.dispose()
    },
  }
}

interface Notification {
  readonly from: string
  readonly words: readonly Word[]
}

/** As few notifications as the words fit into. */
function pack(from: string, words: readonly Word[]): string[] {
  const packed: string[] = []
  let batch: Word[] = []
  const toText = (): string => JSON.stringify({ from, words: batch } satisfies Notification)
  let bytes = 0
  for (const word of words) {
    const size = bytesOf(word) + 1
    if (batch.length > 0 && bytes + size > maxWordsBytes) {
      packed.push(toText())
      batch = []
      bytes = 0
    }
    batch.push(word)
    bytes += size
  }
  packed.push(toText())
  return packed
}
