import { setTimeout as delay } from 'node:timers/promises'
import { createClient } from '@redis/client'
import { inTime } from '../core/in-time.ts'
import type { Logger } from '../core/logger.ts'
import type { Database } from '../db/client.ts'
import { type Carrier, createCarriedSignals, type Receiver } from './signal-carrier.ts'
import type { Signals } from './signals.ts'
import { createPostgresCarrier } from './signals-postgres.ts'

/** How long Redis may take for an answer, in milliseconds; a good one takes one or two. */
const patienceMs = 250
/** How often a process asks Redis whether it is there, and how soon it connects again. */
const checkMs = 500
/** A connection that says nothing for this long is given up for a new one. */
const silenceMs = 5_000
/** Commands that may wait for a server which is connected and says nothing. */
const longestQueue = 1_000
/** Said by a process that does not hear Redis. For the time after it, everybody speaks by Postgres. */
const notice = 'redis-away'
const noticeHoldsMs = 2_000

/** The database's, wherever it is told of: two Parleys on one Redis do not hear each other. */
const identityStatement = {
  name: 'signals_identity',
  text: `SELECT s.system_identifier || ':' || d.oid AS identity
    FROM pg_control_system() s, pg_database d WHERE d.datname = current_database()`,
}

/**
 * The signals of all processes on one database, over Redis, and over Postgres while Redis is away from any of them:
 * all of them listen to both, and a packet that comes by both ways counts once. It starts without a Redis, too.
 */
export async function createRedisSignals(options: {
  url: string
  database: Database
  logger: Logger
}): Promise<Signals> {
  const { database, logger } = options
  const [row] = await database.query<{ identity: string }>(identityStatement, [])
  const channel = `parley:signals:${row?.identity}`
  let ready: Promise<void> | null = null
  const signals = createCarriedSignals({
    logger,
    carry(receiver) {
      const carrier = createRedisCarrier({ ...options, channel, receiver })
      ready = carrier.ready
      return carrier
    },
  })
  await ready
  return signals
}

function createRedisCarrier(options: {
  url: string
  channel: string
  database: Database
  logger: Logger
  receiver: Receiver
}): Carrier & {
  /** Resolves when it is known whether Redis and Postgres are there. */ ready: Promise<void>
} {
  const { channel, logger, receiver } = options
  const stop = new AbortController()
  let state: 'starting' | 'here' | 'away' = 'starting'
  /** Somebody does not hear Redis until then, as far as anybody knows. */
  let noticedUntil = 0
  let mustLook = false
  let subscribed = false
  let problem: unknown = null

  const postgres = createPostgresCarrier({
    ...options,
    receiver: {
      resume: receiver.resume,
      hear(packet) {
        if (packet === notice) noticedUntil = performance.now() + noticeHoldsMs
        else receiver.hear(packet)
      },
    },
  })

  // It speaks and listens on one connection (the protocol of Redis 6), so that an answer tells that it hears, too.
  const client = createClient({
    url: options.url,
    RESP: 3,
    socket: { connectTimeout: patienceMs, reconnectStrategy: checkMs, socketTimeout: silenceMs },
    disableOfflineQueue: true,
    commandsQueueMaxLength: longestQueue,
  })
  client.on('error', (error) => {
    problem = error
  })
  const connected = client.connect()
  connected.catch(() => {})

  /** Resolves when Redis has answered on a connection that hears. */
  async function ask(): Promise<void> {
    await connected
    if (subscribed) await client.ping()
    else await client.subscribe(channel, receiver.hear)
    // The client subscribes by itself where it connects again.
    subscribed = true
  }

  function comeBack(): void {
    if (state === 'away') {
      logger.info('signals go by Redis again')
      mustLook = true
    }
    state = 'here'
  }

  function goAway(error: unknown): void {
    if (state === 'away' || stop.signal.aborted) return
    logger.warn({ err: problem ?? error }, 'Redis is away: signals go by Postgres until it is back')
    state = 'away'
    mustLook = true
  }

  /** One notice in a while is enough for all. */
  const noticeIsDue = () => state === 'away' && noticedUntil - performance.now() < noticeHoldsMs / 2

  async function watch(onFirst: () => void): Promise<void> {
    let asking: Promise<void> | null = null
    while (!stop.signal.aborted) {
      problem = null
      asking ??= ask().finally(() => {
        asking = null
      })
      try {
        await inTime(asking, patienceMs, 'Redis')
        comeBack()
      } catch (error) {
        goAway(error)
        // Where Postgres is away as well, the next round tells.
        if (noticeIsDue()) await postgres.send([notice]).catch(() => {})
      }
      onFirst()
      await delay(checkMs, undefined, { signal: stop.signal, ref: false }).catch(() => {})
      // What was said by a way that this process did not hear at that moment, before the others knew.
      if (mustLook && !stop.signal.aborted) receiver.resume()
      mustLook = false
    }
  }

  const watching = new Promise<void>((resolve) => {
    void watch(resolve)
  })
  return {
    ready: Promise.all([watching, postgres.ready]).then(() => {}),
    async send(packets) {
      if (state === 'here' && performance.now() >= noticedUntil) {
        try {
          await inTime(
            Promise.all(packets.map((packet) => client.publish(channel, packet))),
            patienceMs,
            'Redis',
          )
          return
        } catch (error) {
          goAway(error)
        }
      }
      await postgres.send(noticeIsDue() ? [notice, ...packets] : packets)
    },
    async dispose() {
      stop.abort()
      client.destroy()
      await postgres.dispose()
    },
  }
}
