import type { Config } from '../config.ts'
import type { Logger } from '../core/logger.ts'
import type { Parts } from '../core/parts.ts'
import type { Database } from '../db/client.ts'
import type { Signals } from '../events/signals.ts'
import { createPostgresSignals } from '../events/signals-postgres.ts'
import type { SharedTexts } from '../graphql/persisted/operations.ts'
import type { Budgets } from '../limits/budgets.ts'
import { createFallbackBudgets } from '../limits/fallback.ts'
import { createPostgresBudgets } from '../limits/postgres.ts'

// Its client takes a while to load, for the few who have Redis: so only where there is one.

interface Options {
  readonly config: Config
  readonly logger: Logger
  readonly parts: Parts
}

/** Over Redis where there is one. */
export async function createSignals(options: Options & { database: Database }): Promise<Signals> {
  const { database, config, logger, parts } = options
  const { redisUrl: url } = config
  const signals =
    url === null
      ? createPostgresSignals({ database, logger })
      : await (await import('../events/signals-redis.ts')).createRedisSignals({ database, logger, url })
  parts.add('signals', signals.dispose)
  return signals
}

/** In Redis where there is one. */
export async function createBudgets(options: Options & { database: Database }): Promise<Budgets> {
  const { config, logger, parts } = options
  const otherwise = createPostgresBudgets(options.database.query)
  if (config.redisUrl === null || !config.rateLimits) return otherwise
  const { createRedisBudgets } = await import('../limits/redis.ts')
  const first = await createRedisBudgets({ url: config.redisUrl, logger })
  parts.add('budgets', first.dispose)
  return createFallbackBudgets({ first, otherwise, logger })
}

/** In Redis where there is one; otherwise each process knows what was registered with it. */
export async function createSharedTexts({ config, logger, parts }: Options): Promise<SharedTexts | null> {
  if (config.redisUrl === null || config.persistedOperations !== 'allow') return null
  const { createRedisTexts } = await import('../graphql/persisted/redis.ts')
  const texts = await createRedisTexts({ url: config.redisUrl, logger })
  parts.add('registered operations', texts.dispose)
  return texts
}
