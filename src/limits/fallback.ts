import type { Logger } from '../core/logger.ts'
import type { Budgets } from './budgets.ts'

/** For how long nothing is asked of what has failed, in milliseconds. */
const restMs = 1_000

/**
 * Budgets in one place, and in another while that one is away. They are not carried over: what was used up
 * there is whole here.
 */
export function createFallbackBudgets(options: {
  first: Budgets
  otherwise: Budgets
  logger: Logger
}): Budgets {
  const { first, otherwise, logger } = options
  let away = false
  let restsUntil = 0

  async function run<Result>(work: (budgets: Budgets) => Promise<Result>): Promise<Result> {
    const now = performance.now()
    if (now < restsUntil) return work(otherwise)
    // Of many calls one finds out whether it is back; nobody else waits for that.
    if (away) restsUntil = now + restMs
    try {
      const result = await work(first)
      if (away) logger.info('rate limits are counted in Redis again')
      away = false
      restsUntil = 0
      return result
    } catch (error) {
      if (!away)
        logger.warn({ err: error }, 'Redis is away: rate limits are counted in Postgres until it is back')
      away = true
      restsUntil = performance.now() + restMs
      return work(otherwise)
    }
  }

  return {
    take: (budgets) => run((where) => where.take(budgets)),
    giveBack: (budgets) => run((where) => where.giveBack(budgets)),
  }
}
