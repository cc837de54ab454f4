import { createClient, ErrorReply } from '@redis/client'
import { inTime } from '../../core/in-time.ts'
import type { Logger } from '../../core/logger.ts'
import type { SharedTexts } from './operations.ts'
import { sharedLimits } from './registered.ts'

/** How long Redis may take for an answer, in milliseconds; a good one takes one or two. */
const patienceMs = 250
const reconnectMs = 1_000
/** For how long nothing is asked of what has failed, in milliseconds. */
const restMs = 1_000
/** Commands that may wait for a server which is connected and says nothing. */
const longestQueue = 1_000

/** How often the log tells that Redis refuses something, in milliseconds. */
const complaintMs = 60_000

const keyOf = (hash: string) => `parley:operation:${hash}`

/**
 * What was registered with any process on this Redis, for as long as it keeps it. While Redis is away there is nothing
 * in it: a client that hears so sends its text, and each process keeps what it is sent.
 */
export async function createRedisTexts(options: { url: string; logger: Logger }): Promise<SharedTexts> {
  const { logger } = options
  const client = createClient({
    url: options.url,
    RESP: 2,
    socket: { connectTimeout: patienceMs, reconnectStrategy: reconnectMs },
    disableOfflineQueue: true,
    commandsQueueMaxLength: longestQueue,
  })
  // Whoever asks finds out that Redis is away; this is only why.
  client.on('error', (error) => logger.debug({ err: error }, 'the connection to Redis failed'))
  await inTime(client.connect(), patienceMs, 'Redis').catch(() => {})
  let closed = false
  let away = false
  let restsUntil = 0
  let complainsFrom = Number.NEGATIVE_INFINITY

  /** An answer all the same, such as that a key of this name is no text. What it refuses is nothing to wait for. */
  function hearRefusal(error: unknown): null {
    if (!(error instanceof ErrorReply)) throw error
    const now = performance.now()
    if (now >= complainsFrom) {
      complainsFrom = now + complaintMs
      logger.warn({ err: error }, 'Redis refuses to keep, or to tell, a registered operation')
    }
    return null
  }

  /** Of many calls one finds out whether it is back; nobody else waits for that. */
  async function ask<Answer>(command: () => Promise<Answer>): Promise<Answer | null> {
    const now = performance.now()
    if (now < restsUntil) return null
    if (away) restsUntil = now + restMs
    try {
      const answer = await inTime(command().catch(hearRefusal), patienceMs, 'Redis')
      if (away) logger.info('registered operations are shared by Redis again')
      away = false
      restsUntil = 0
      return answer
    } catch (error) {
      if (!away && !closed)
        logger.warn({ err: error }, 'Redis is away: each process knows what operations it was sent itself')
      away = true
      restsUntil = performance.now() + restMs
      return null
    }
  }

  return {
    async get(hash) {
      // Whoever else writes there may have put down anything: one byte more than there can be tells that it is not ours.
      const text = await ask(() => client.getRange(keyOf(hash), 0, sharedLimits.textBytes))
      return text === null || text === '' || Buffer.byteLength(text) > sharedLimits.textBytes ? null : text
    },
    put(hash, text) {
      const expiration = { type: 'EX', value: sharedLimits.seconds } as const
      void ask(() => client.set(keyOf(hash), text, { expiration }))
    },
    async dispose() {
      closed = true
      client.destroy()
    },
  }
}
