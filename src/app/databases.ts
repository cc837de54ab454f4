import type { Logger } from '../core/logger.ts'
import type { Parts } from '../core/parts.ts'
import { createDatabase, type Database } from '../db/client.ts'
import { poolSizes } from '../db/connections.ts'

/** How long a statement may take that a client waits for, and one that all of them wait for. */
const clientTimeoutMs = 10_000
const controlTimeoutMs = 5_000

/** Pools of connections to the one database, so that no kind of work stands in line behind another. */
export interface Databases {
  /** For what clients ask for. */
  readonly main: Database
  /** For live delivery, and the question who is asking. */
  readonly control: Database
  /** For work that goes on for minutes. */
  readonly background: Database
}

export function openDatabases(options: {
  url: string
  /** Connections for what clients ask for. */
  poolSize: number
  logger: Logger
  parts: Parts
}): Databases {
  const { url, logger, parts } = options
  const open = (name: string, poolSize: number, statementTimeoutMs?: number) => {
    const database = createDatabase({
      url,
      poolSize,
      ...(statementTimeoutMs !== undefined && { statementTimeoutMs }),
      onError: (error) => logger.warn({ err: error }, 'a database connection was lost'),
    })
    parts.add(name, database.dispose)
    return database
  }
  return {
    main: open('database', options.poolSize, clientTimeoutMs),
    control: open('control connections', poolSizes.control, controlTimeoutMs),
    background: open('background connections', poolSizes.background),
  }
}
