import { uuidv7 } from '../../core/ids.ts'
import type { Logger } from '../../core/logger.ts'
import { createWorker } from '../../core/worker.ts'
import type { Database } from '../../db/client.ts'
import { isForeignKeyViolation } from '../../db/violations.ts'
import type { Signals } from '../../events/signals.ts'
import { announce } from './announcements.ts'
import type { LiveTimings } from './timings.ts'

/** Who is connected to this process, kept in the database for all of them to see. */
export interface Online {
  /** Somebody has opened a connection. @returns what to call when it is closed */
  enter(userId: string): () => void
  /** Takes everybody off at once. What is opened or closed from then on is not looked at. */
  dispose(): Promise<void>
}

/** Who comes and goes within this time goes into one statement. */
const batchMs = 100
/** People in one statement. */
const batchSize = 1_000

const registerStatement = {
  name: 'online_register',
  text: 'INSERT INTO server_processes (id) VALUES ($1)',
}

const beatStatement = {
  name: 'online_beat',
  text: `UPDATE server_processes SET seen_at = now() WHERE id = $1
    RETURNING EXISTS (SELECT 1 FROM server_processes
      WHERE seen_at < now() - $2 * interval '1 millisecond') AS "othersAreDead"`,
}

/**
 * Those without a time have come, the others have gone that many milliseconds ago. The accounts are locked against
 * being erased first, in one order, as everybody does who writes rows that refer to several.
 */
const storeStatement = {
  name: 'online_store',
  text: `WITH known AS MATERIALIZED (
      SELECT u.id, given.ago FROM unnest($2::uuid[], $3::int[]) AS given(id, ago) JOIN users u ON u.id = given.id
      ORDER BY u.id FOR KEY SHARE OF u
    ), came AS (
      INSERT INTO online_users (process_id, user_id) SELECT $1, id FROM known WHERE ago IS NULL
      ON CONFLICT DO NOTHING
    ), went AS (
      DELETE FROM online_users o USING known k WHERE k.ago IS NOT NULL AND o.process_id = $1 AND o.user_id = k.id
      RETURNING o.user_id, now() - k.ago * interval '1 millisecond' AS at
    )
    INSERT INTO last_seen (user_id, at) SELECT user_id, at FROM went ORDER BY user_id
    ON CONFLICT (user_id) DO UPDATE SET at = greatest(last_seen.at, excluded.at)`,
}

/** One statement, so that a process is there with all its people, or has to begin anew. Their accounts come first, too. */
const removal = (which: string, seenAt: string) => `WITH gone AS (
    DELETE FROM server_processes WHERE ${which} RETURNING id, ${seenAt} AS at
  ), known AS MATERIALIZED (
    SELECT u.id FROM users u WHERE u.id IN (SELECT user_id FROM online_users JOIN gone ON process_id = gone.id)
    ORDER BY u.id FOR KEY SHARE OF u
  ), went AS (
    DELETE FROM online_users o USING gone, known
    WHERE o.process_id = gone.id AND o.user_id = known.id RETURNING o.user_id, gone.at
  ), seen AS (
    INSERT INTO last_seen (user_id, at) SELECT user_id, max(at) FROM went GROUP BY user_id ORDER BY user_id
    ON CONFLICT (user_id) DO UPDATE SET at = greatest(last_seen.at, excluded.at)
  )
  SELECT user_id FROM went`
const leaveStatement = { name: 'online_leave', text: removal('id = $1', 'now()') }
const removeDeadStatement = {
  name: 'online_remove_dead',
  text: removal(`seen_at < now() - $1 * interval '1 millisecond'`, 'seen_at'),
}

interface Person {
  connections: number
  /** When the last one closed, by the clock that `performance.now` reads. */
  closedAt: number
  /** Runs from then on, until they count as gone. */
  grace: NodeJS.Timeout | null
}

/** @param options.query on connections that no client's work can use up */
export function createOnline(options: {
  query: Database['query']
  signals: Signals
  logger: Logger
  timings: LiveTimings
}): Online {
  const { query, signals, logger } = options
  const { graceMs, beatMs, deadMs } = options.timings
  const people = new Map<string, Person>()
  /** Those of whom the database may not know the truth. */
  const changed = new Set<string>()
  let processId: string | null = null
  let beatenAt = 0
  let gathering: NodeJS.Timeout | null = null
  let disposed = false

  function change(userId: string): void {
    changed.add(userId)
    gathering ??= setTimeout(() => {
      gathering = null
      worker.wake()
    }, batchMs)
  }

  const isGone = ({ connections, grace }: Person) => connections === 0 && grace === null

  function leave(userId: string, person: Person): void {
    if (disposed || --person.connections > 0) return
    person.closedAt = performance.now()
    person.grace = setTimeout(() => {
      person.grace = null
      change(userId)
    }, graceMs)
  }

  async function register(): Promise<string> {
    const id = uuidv7()
    await query(registerStatement, [id])
    for (const userId of people.keys()) changed.add(userId)
    beatenAt = performance.now()
    processId = id
    return id
  }

  /** @returns the id of this process, a new one where the others took it for dead */
  async function beat(id: string): Promise<string> {
    const [row] = await query<{ othersAreDead: boolean }>(beatStatement, [id, deadMs])
    if (row === undefined) return register()
    // Who could not give a sign of life themselves cannot tell who else is alive: the database was away.
    const wasAway = performance.now() - beatenAt > 2 * beatMs
    beatenAt = performance.now()
    if (!row.othersAreDead || wasAway) return id
    const went = await query<{ user_id: string }>(removeDeadStatement, [deadMs])
    tell(went)
    logger.warn({ users: went.length }, 'another process has ended without a word')
    return id
  }

  /** @returns whether there is more to store */
  async function storeSome(id: string): Promise<boolean> {
    const batch = [...changed].slice(0, batchSize)
    for (const userId of batch) changed.delete(userId)
    if (batch.length === 0) return false
    const now = performance.now()
    const ago = batch.map((userId) => {
      const person = people.get(userId)
      return person === undefined || isGone(person) ? Math.round(now - (person?.closedAt ?? now)) : null
    })
    try {
      await query(storeStatement, [id, batch, ago])
    } catch (error) {
      for (const userId of batch) changed.add(userId)
      if (!isForeignKeyViolation(error)) throw error
      // The others took this process for dead.
      processId = null
      return true
    }
    // All of them: an earlier attempt may have stored some, and its answer was lost.
    announce(signals, batch)
    for (const userId of batch) {
      const person = people.get(userId)
      if (person !== undefined && isGone(person) && !changed.has(userId)) people.delete(userId)
    }
    return changed.size > 0
  }

  function tell(rows: readonly { user_id: string }[]): void {
    announce(
      signals,
      rows.map((row) => row.user_id),
    )
  }

  const worker = createWorker({
    name: 'presence',
    async step() {
      let id = processId ?? (await register())
      if (performance.now() - beatenAt >= beatMs) id = await beat(id)
      return storeSome(id)
    },
    pollMs: beatMs / 5,
    logger,
  })

  return {
    enter(userId) {
      if (disposed) return () => {}
      const person = people.get(userId) ?? { connections: 0, closedAt: 0, grace: null }
      if (person.grace !== null) clearTimeout(person.grace)
      else if (person.connections === 0) change(userId)
      person.grace = null
      person.connections++
      people.set(userId, person)
      return () => leave(userId, person)
    },
    async dispose() {
      disposed = true
      if (gathering !== null) clearTimeout(gathering)
      for (const { grace } of people.values()) if (grace !== null) clearTimeout(grace)
      await worker.dispose()
      if (processId === null) return
      // Where it fails the others find out.
      await query<{ user_id: string }>(leaveStatement, [processId]).then(tell, (error: unknown) =>
        logger.warn({ err: error }, 'the others take this process for alive for a few seconds more'),
      )
    },
  }
}
