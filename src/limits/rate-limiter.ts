import type { KeyedHash } from '../core/keyed-hash.ts'
import { createLru } from '../core/lru.ts'
import { refuse } from '../core/refuse.ts'
import type { Budget, Budgets } from './budgets.ts'

/** How much of something is let through for each subject. */
export interface Rule {
  /** Keeps the rules' budgets apart. */
  readonly name: string
  /** How many may come at once. */
  readonly burst: number
  /** In how many milliseconds one of them comes back. */
  readonly intervalMs: number
}

/** A rule, and whom it is applied to: an account, an address, a name that someone typed. */
export interface Claim {
  readonly rule: Rule
  readonly subject: string
}

/** Limits that hold over all processes and restarts. */
export interface RateLimiter {
  /**
   * Takes one for each claim, or none for any.
   * @throws RateLimitedError
   */
  take(claims: readonly Claim[]): Promise<void>
  /**
   * Refuses what this process knows to be used up; takes nothing, and asks nobody.
   * @throws RateLimitedError
   */
  check(claims: readonly Claim[]): Promise<void>
  /** Undoes a `take` of something that turned out to be harmless. */
  giveBack(claims: readonly Claim[]): Promise<void>
}

/** How many budgets that are used up a process keeps in mind. */
const remembered = 10_000

export function createRateLimiter(options: { budgets: Budgets; keyedHash: KeyedHash }): RateLimiter {
  const { budgets, keyedHash } = options
  // Until when a budget has nothing. A flood on one of them costs the database nothing.
  const usedUp = createLru<number>(remembered)
  const idOf = ({ key }: Budget) => Buffer.from(key).toString('latin1')

  const budgetOf = ({ rule, subject }: Claim): Budget => ({
    key: keyedHash.hash('rate-limit', `${rule.name}\0${subject}`),
    burst: rule.burst,
    intervalMs: rule.intervalMs,
  })

  async function refuseAny(waits: readonly number[]): Promise<void> {
    const longest = Math.max(...waits)
    if (longest > 0) await refuse(longest)
  }

  async function check(asked: readonly Budget[]): Promise<void> {
    const now = performance.now()
    await refuseAny(asked.map((budget) => (usedUp.get(idOf(budget)) ?? now) - now))
  }

  return {
    check: (claims) => check(claims.map(budgetOf)),
    async take(claims) {
      const asked = claims.map(budgetOf)
      await check(asked)
      const waits = await budgets.take(asked)
      asked.forEach((budget, i) => {
        const wait = waits[i] ?? 0
        if (wait > 0) usedUp.set(idOf(budget), performance.now() + wait)
      })
      await refuseAny(waits)
    },
    async giveBack(claims) {
      const given = claims.map(budgetOf)
      await budgets.giveBack(given)
      for (const budget of given) usedUp.set(idOf(budget), 0)
    },
  }
}

/** `RATE_LIMITS=off`, and whoever works on the server itself. */
export const unlimited: RateLimiter = {
  take: async () => {},
  check: async () => {},
  giveBack: async () => {},
}
