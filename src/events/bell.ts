import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { uuidv7 } from '../core/ids.ts'
import type { Logger } from '../core/logger.ts'
import type { Database } from '../db/client.ts'

/**
 * Says "look at the log" to every process. It carries no news itself, so a ring that is lost costs a
 * moment and never an event: each tailer also looks by itself.
 */
export interface Bell {
  /** Call after the commit, never inside the transaction. Returns at once; rings are coalesced. */
  ring(): void
  /** @returns a function that stops listening */
  onRing(listener: () => void): () => void
  dispose(): Promise<void>
}

/** The bell of a single process. */
function createMemoryBell(): Bell {
  const listeners = new Set<() => void>()
  return {
    ring() {
      for (const listener of listeners) listener()
    },
    onRing(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    async dispose() {
      listeners.clear()
    },
  }
}

const channel = 'parley_bell'
/** Between two notifications: the first goes at once, those that follow it closely go together. */
const pauseMs = 10
const reconnectDelayMs = 500

/**
 * The bell of all processes on one database, over `LISTEN` and `NOTIFY`. Its own process is told
 * directly. A notification takes a lock that all committing transactions share, so it is sent on its
 * own, at most one at a time: a thousand messages a second need a few dozen notifications.
 */
export function createPostgresBell(options: { database: Database; logger: Logger }): Bell {
  const { database, logger } = options
  const local = createMemoryBell()
  // So that a process does not wake itself a second time.
  const self = uuidv7()
  let sending: Promise<void> | null = null
  let again = false
  let closed = false
  let listening: pg.Client | null = null
  let retry: NodeJS.Timeout | undefined

  const send = async (): Promise<void> => {
    while (again && !closed) {
      again = false
      try {
        await database.query({ name: 'bell_notify', text: 'SELECT pg_notify($1, $2)' }, [channel, self])
      } catch (error) {
        logger.warn({ err: error }, 'the bell could not be rung; other processes look by themselves')
      }
      await delay(pauseMs)
    }
    sending = null
  }

  const listen = async (): Promise<void> => {
    const client = new pg.Client({
      connectionString: database.url,
      application_name: 'parley bell',
      connectionTimeoutMillis: 5_000,
      keepAlive: true,
    })
    const reconnect = () => {
      client.removeAllListeners('end')
      client.on('error', () => {})
      client.end().catch(() => {})
      if (closed || listening !== client) return
      listening = null
      retry = setTimeout(listen, reconnectDelayMs)
    }
    listening = client
    client.once('error', reconnect)
    client.once('end', reconnect)
    client.on('notification', ({ payload }) => {
      if (payload !== self) local.ring()
    })
    try {
      await client.connect()
      await client.query(`LISTEN ${channel}`)
      // What was rung while nobody listened.
      local.ring()
    } catch (error) {
      logger.warn({ err: error }, 'the bell has no connection; trying again')
      reconnect()
    }
  }
  const ready = listen()

  return {
    ring() {
      local.ring()
      if (closed) return
      again = true
      sending ??= send()
    },
    onRing: local.onRing,
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
