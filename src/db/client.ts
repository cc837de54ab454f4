import type { Socket } from 'node:net'
import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import { PrismaClient } from './generated/prisma/client.ts'

export type { Prisma } from './generated/prisma/client.ts'
export type Transaction = Parameters<Parameters<PrismaClient['$transaction']>[0]>[0]

/** One pool, spoken to in two ways: Prisma for ordinary reads and writes, SQL for the hot paths. */
export interface Database {
  readonly prisma: PrismaClient
  /**
   * Runs a prepared statement. The name is part of the statement's identity: one name, one text.
   * Rows come as objects by column name.
   */
  query<Row extends object>(statement: Statement, values: readonly unknown[]): Promise<Row[]>
  /**
   * Reads of one moment, on a connection of their own: they see nothing that is committed meanwhile, and can
   * write nothing. More than 10 s between two of them end the connection.
   */
  snapshot<Result>(read: (query: Database['query']) => Promise<Result>): Promise<Result>
  /** Every statement sent, for tests that pin their number. Null: nobody listens. */
  onStatement: ((sql: string) => void) | null
  /** Connections at work and at rest, and who waits for one. */
  readonly connections: Readonly<Record<'busy' | 'idle' | 'waiting', number>>
  readonly url: string
  dispose(): Promise<void>
}

export interface Statement {
  /** Left out where one plan does not fit all values: such a statement is planned each time, for its own. */
  readonly name?: string
  readonly text: string
}

export interface DatabaseOptions {
  readonly url: string
  /** @default 10 connections */
  readonly poolSize?: number
  /**
   * How long a statement may take, in milliseconds. A connection that says nothing for two seconds more is given up:
   * its server, or the way there, is gone without a word. @default 30,000
   */
  readonly statementTimeoutMs?: number
  readonly onError: (error: Error) => void
}

/** How much longer than a statement may take its answer is waited for, in milliseconds. */
const patienceMs = 2_000

export function createDatabase(options: DatabaseOptions): Database {
  const { statementTimeoutMs = 30_000 } = options
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.poolSize ?? 10,
    connectionTimeoutMillis: 5_000,
    application_name: 'parley',
    // A client that waits for a lock held by a stuck transaction gets an error, not silence.
    statement_timeout: statementTimeoutMs,
    lock_timeout: 5_000,
    // A process that froze with a transaction open must not hold up the log for the others.
    idle_in_transaction_session_timeout: 10_000,
    keepAlive: true,
  })
  // An idle connection that breaks is replaced by the pool; without a listener it would end the process.
  pool.on('error', (error) => {
    // A connection that is being closed may be cut by a server that stops at the same time.
    if (!disposing) options.onError(error)
  })
  // Nor may one that breaks in the moment between being handed out and being used, when nobody listens yet; whoever
  // uses it hears of it from the next statement.
  pool.on('connect', (client) => {
    client.on('error', () => {})
    const patience = giveUpWhenSilent(client, statementTimeoutMs)
    onQuery(client, (sql) => {
      database.onStatement?.(sql)
      patience.hear(sql)
    })
  })
  let disposing = false
  const database: Database = {
    prisma: new PrismaClient({ adapter: new PrismaPg(pool, { disposeExternalPool: false }) }),
    onStatement: null,
    url: options.url,
    get connections() {
      const { totalCount, idleCount, waitingCount } = pool
      return { busy: totalCount - idleCount, idle: idleCount, waiting: waitingCount }
    },
    query: queryOf(pool),
    snapshot: (read) => readSnapshot(pool, read),
    dispose: async () => {
      disposing = true
      await database.prisma.$disconnect()
      await pool.end()
    },
  }
  return database
}

/**
 * A statement on a connection that was cut without a word would wait for as long as the system takes to notice.
 * @param ms how long a statement may take, unless its transaction gives itself longer
 */
function giveUpWhenSilent(client: pg.PoolClient, ms: number): { hear(sql: string): void } {
  const internals = client as unknown as { connection: { stream: Socket }; _getActiveQuery(): unknown }
  const { stream } = internals.connection
  const wait = (statementMs: number) => stream.setTimeout(statementMs + patienceMs)
  wait(ms)
  stream.on('timeout', () => {
    if (internals._getActiveQuery() == null) return
    stream.destroy(new Error('Connection terminated: the database has not answered.'))
  })
  return {
    hear(sql) {
      const given = /^SET LOCAL statement_timeout = (\d+)$/.exec(sql)?.[1]
      if (given !== undefined) wait(Number(given))
      else if (/^(COMMIT|ROLLBACK)/.test(sql)) wait(ms)
    },
  }
}

function queryOf(connection: pg.Pool | pg.PoolClient): Database['query'] {
  return async <Row extends object>({ name, text }: Statement, values: readonly unknown[]) => {
    const { rows } = await connection.query<Row>({
      ...(name !== undefined && { name }),
      text,
      values: values as unknown[],
    })
    return rows
  }
}

async function readSnapshot<Result>(
  pool: pg.Pool,
  read: (query: Database['query']) => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect()
  // A connection that breaks between two reads must not end the process: the next read reports it.
  const ignore = () => {}
  client.on('error', ignore)
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    const result = await read(queryOf(client))
    await client.query('COMMIT')
    client.off('error', ignore)
    client.release()
    return result
  } catch (error) {
    client.release(true)
    throw error
  }
}

/** Hears of each statement, whichever way it reached the connection, Prisma's among them. */
function onQuery(client: pg.PoolClient, hear: (sql: string) => void): void {
  const query = client.query
  client.query = function (this: pg.PoolClient, ...args: unknown[]) {
    const [config] = args
    hear(typeof config === 'string' ? config : (config as { text: string }).text)
    return Reflect.apply(query, this, args)
  } as typeof client.query
}
