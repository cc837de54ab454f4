import { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { Logger } from '../core/logger.ts'
import type { Database } from '../db/client.ts'
import { type Carrier, createCarriedSignals, type Receiver } from './signal-carrier.ts'
import type { Signals } from './signals.ts'

const channel = 'parley_signals'
const retryMs = 500
/** How often to ask whether the connection still hears. */
const checkMs = 500
/** A listening connection that says nothing for this long, in milliseconds, is taken for dead. */
const silenceMs = 2_000

const notifyStatement = {
  name: 'signals_notify',
  text: 'SELECT pg_notify($1, said) FROM unnest($2::text[]) AS said',
}

/**
 * The signals of all processes on one database. A notification takes a lock that all committing transactions share,
 * so words are sent on their own, together: a thousand messages a second need a few dozen statements.
 */
export function createPostgresSignals(options: { database: Database; logger: Logger }): Signals {
  const { logger } = options
  return createCarriedSignals({
    logger,
    carry: (receiver) => createPostgresCarrier({ ...options, receiver }),
  })
}

/** Packets over `LISTEN` and `NOTIFY`. */
export function createPostgresCarrier(options: {
  database: Database
  logger: Logger
  receiver: Receiver
}): Carrier & { /** Resolves when it is known whether the others can be heard. */ ready: Promise<void> } {
  const { database, logger, receiver } = options
  let closed = false
  let listening: pg.Client | null = null
  let drop = () => {}
  let retry: NodeJS.Timeout | undefined

  const listen = async (): Promise<void> => {
    const socket = new Socket()
    const client = new pg.Client({
      connectionString: database.url,
      application_name: 'parley signals',
      connectionTimeoutMillis: 5_000,
      query_timeout: silenceMs,
      keepAlive: true,
      stream: () => socket,
    })
    const reconnect = () => {
      if (listening !== client) return
      drop()
      if (!closed) retry = setTimeout(listen, retryMs)
    }
    drop = () => {
      listening = null
      client.removeAllListeners('end')
      client.on('error', () => {})
      client.end().catch(() => {})
      // Where nobody answers, nobody takes leave either.
      socket.destroySoon()
    }
    listening = client
    client.once('error', reconnect)
    client.once('end', reconnect)
    client.on('notification', ({ payload }) => receiver.hear(payload ?? ''))
    try {
      await client.connect()
      await client.query(`LISTEN ${channel}`)
      receiver.resume()
      void keep(client).then(reconnect)
    } catch (error) {
      if (!closed) logger.warn({ err: error }, 'the other processes cannot be heard; trying again')
      reconnect()
    }
  }

  /** Resolves once the connection does not answer any more. */
  const keep = async (client: pg.Client): Promise<void> => {
    while (listening === client) {
      await delay(checkMs, undefined, { ref: false })
      try {
        await client.query('SELECT 1')
      } catch {
        return
      }
    }
  }

  return {
    ready: listen(),
    async send(packets) {
      await database.query(notifyStatement, [channel, packets])
    },
    async dispose() {
      closed = true
      clearTimeout(retry)
      drop()
    },
  }
}
