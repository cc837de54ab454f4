import type { Database } from '../db/client.ts'
import type { Budget, Budgets } from './budgets.ts'

/**
 * Read when it is asked for, after what it is compared with: a transaction's own time would be before what
 * others wrote while it waited. In milliseconds, as the rows are.
 */
const clock = `date_trunc('milliseconds', clock_timestamp())`

/**
 * What is seen to be used up is refused before anything is taken. What others used up in the same moment is
 * found under the row's lock, which is taken in the order of the keys: no two calls wait for each other.
 */
const takeStatement = {
  name: 'rate_limits_take',
  text: `WITH asked AS (
      SELECT place, key, step * interval '1 millisecond' AS step, slack * interval '1 millisecond' AS slack
      FROM unnest($1::bytea[], $2::int[], $3::int[]) WITH ORDINALITY AS asked (key, step, slack, place)
    ), seen AS (
      SELECT a.*, greatest(0, ceil(extract(epoch FROM r.free_at - a.slack - ${clock}) * 1000)) AS wait_ms
      FROM asked a LEFT JOIN rate_limits r USING (key)
    ), taken AS (
      INSERT INTO rate_limits AS r (key, free_at)
      SELECT key, ${clock} + step FROM seen WHERE NOT EXISTS (SELECT FROM seen WHERE wait_ms > 0) ORDER BY key
      ON CONFLICT (key) DO UPDATE
        SET free_at = greatest(r.free_at, ${clock}) + (SELECT step FROM asked a WHERE a.key = excluded.key)
        WHERE r.free_at <= ${clock} + (SELECT slack FROM asked a WHERE a.key = excluded.key)
      RETURNING key
    )
    SELECT wait_ms::int, taken.key IS NOT NULL AS taken FROM seen LEFT JOIN taken USING (key) ORDER BY place`,
}

const giveBackStatement = {
  name: 'rate_limits_give_back',
  text: `WITH given AS (
      SELECT r.key, given.step FROM rate_limits r
      JOIN unnest($1::bytea[], $2::int[]) AS given (key, step) USING (key) ORDER BY r.key FOR UPDATE OF r
    )
    UPDATE rate_limits r SET free_at = free_at - step * interval '1 millisecond' FROM given
    WHERE r.key = given.key`,
}

/** A row that is free holds nothing back any more. */
const pruneStatement = {
  name: 'rate_limits_prune',
  text: `DELETE FROM rate_limits WHERE key IN (
      SELECT key FROM rate_limits WHERE free_at < now() ORDER BY free_at LIMIT $1 FOR UPDATE SKIP LOCKED
    ) RETURNING 1`,
}

/** The budgets of all processes on one database, by its clock. */
export function createPostgresBudgets(query: Database['query']): Budgets {
  const keysOf = (budgets: readonly Budget[]) => budgets.map(({ key }) => key)
  const stepsOf = (budgets: readonly Budget[]) => budgets.map(({ intervalMs }) => intervalMs)
  const slackOf = ({ burst, intervalMs }: Budget) => (burst - 1) * intervalMs

  const giveBack = async (budgets: readonly Budget[]): Promise<void> => {
    await query(giveBackStatement, [keysOf(budgets), stepsOf(budgets)])
  }

  return {
    giveBack,
    async take(budgets) {
      const values = [keysOf(budgets), stepsOf(budgets), budgets.map(slackOf)]
      const rows = await query<{ wait_ms: number; taken: boolean }>(takeStatement, values)
      const taken = budgets.filter((_, i) => rows[i]?.taken)
      // Others used one of them up in this very moment: at most an interval, then.
      const overtaken = rows.every(({ wait_ms }) => wait_ms === 0) && taken.length < budgets.length
      if (overtaken && taken.length > 0) await giveBack(taken)
      return budgets.map((budget, i) =>
        overtaken && !rows[i]?.taken ? budget.intervalMs : (rows[i]?.wait_ms ?? 0),
      )
    },
  }
}

const pruneAtATime = 1_000

/** Deletes what nobody has used for long enough, some at a time. @returns whether there may be more */
export async function pruneBudgets(query: Database['query']): Promise<boolean> {
  return (await query(pruneStatement, [pruneAtATime])).length === pruneAtATime
}
