import { createClient } from '@redis/client'
import { inTime } from '../core/in-time.ts'
import type { Logger } from '../core/logger.ts'
import type { Budget, Budgets } from './budgets.ts'

/** A script runs alone, so that what it sees used up is what there is. Keys expire when they are whole again. */
const takeScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local waits, refused = {}, false
for i, key in ipairs(KEYS) do
  local free_at = tonumber(redis.call('GET', key) or 0)
  local slack = tonumber(ARGV[2 * i])
  waits[i] = math.max(0, free_at - slack - now)
  refused = refused or waits[i] > 0
end
if refused then return waits end
for i, key in ipairs(KEYS) do
  local free_at = math.max(now, tonumber(redis.call('GET', key) or 0)) + tonumber(ARGV[2 * i - 1])
  redis.call('SET', key, string.format('%.0f', free_at), 'PX', string.format('%.0f', free_at - now))
end
return waits`

const giveBackScript = `
for i, key in ipairs(KEYS) do
  if redis.call('EXISTS', key) == 1 then redis.call('DECRBY', key, ARGV[i]) end
end`

/** How long Redis may take for an answer, in milliseconds; a good one takes one or two. */
const patienceMs = 250
const reconnectMs = 1_000
/** Commands that may wait for a server which is connected and says nothing. */
const longestQueue = 1_000

/**
 * The budgets of all processes on one Redis, by its clock. Without a connection, or without an answer in time,
 * a call fails at once; the connection comes back by itself.
 */
export async function createRedisBudgets(options: {
  url: string
  logger: Logger
}): Promise<Budgets & { dispose(): Promise<void> }> {
  const client = createClient({
    url: options.url,
    RESP: 2,
    socket: { connectTimeout: patienceMs, reconnectStrategy: reconnectMs },
    disableOfflineQueue: true,
    commandsQueueMaxLength: longestQueue,
  })
  // Whoever asks is told that Redis is away; this is only why.
  client.on('error', (error) => options.logger.debug({ err: error }, 'the connection to Redis failed'))
  // A server that starts with its Redis begins with the budgets there; without, it does not wait for it.
  await inTime(client.connect(), patienceMs, 'Redis').catch(() => {})

  const run = async (script: string, budgets: readonly Budget[], values: readonly number[]) =>
    inTime(
      client.eval(script, {
        keys: budgets.map(({ key }) => `parley:limit:${Buffer.from(key).toString('base64url')}`),
        arguments: values.map(String),
      }),
      patienceMs,
      'Redis',
    )

  return {
    async take(budgets) {
      const values = budgets.flatMap(({ burst, intervalMs }) => [intervalMs, (burst - 1) * intervalMs])
      return (await run(takeScript, budgets, values)) as number[]
    },
    async giveBack(budgets) {
      const values = budgets.map(({ intervalMs }) => intervalMs)
      await run(giveBackScript, budgets, values)
    },
    async dispose() {
      client.destroy()
    },
  }
}
