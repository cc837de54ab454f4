import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config.ts'
import { startEmbeddedPostgres } from '../db/embedded.ts'
import { checkServer, migrate } from '../db/migrations.ts'
import { StartupError } from '../db/startup-error.ts'
import { Interrupted } from './failure.ts'
import { onStopSignal } from './signals.ts'

/** A migrated database, until it is let go. */
export interface OpenDatabase {
  readonly url: string
  /** Which one it is, for people; never with a password. */
  readonly place: string
  readonly embedded: boolean
  dispose(): Promise<void>
}

export interface OpenOptions {
  readonly onWarning: (message: string) => void
  /** The embedded server has ended although nobody disposed of it. One line. */
  readonly onExit?: (message: string) => void
  /** Where a running server has the embedded database open already, use it along with it. @default false */
  readonly attach?: boolean
  /** Refuse to begin an embedded database where there is none. @default false */
  readonly existing?: boolean
  /** What an embedded server must have to spare. @default 100 */
  readonly connections?: number
}

/**
 * The configured database, or the embedded one, at this version.
 * @throws StartupError with one line that says what is wrong
 */
export async function openDatabase(config: Config, options: OpenOptions): Promise<OpenDatabase> {
  if (config.databaseUrl === null) return openEmbedded(config.dataDir, options)
  await checkServer(config.databaseUrl)
  await migrate(config.databaseUrl)
  return {
    url: config.databaseUrl,
    place: `PostgreSQL at ${placeOf(config.databaseUrl)}`,
    embedded: false,
    dispose: async () => {},
  }
}

async function openEmbedded(dataDir: string, options: OpenOptions): Promise<OpenDatabase> {
  const { onWarning, onExit, attach = false, existing = false, connections } = options
  const place = `embedded PostgreSQL in ${dataDir}`
  if (existing && !existsSync(join(dataDir, 'postgres'))) {
    throw new StartupError(
      `There is no database in ${dataDir}: set DATABASE_URL, or DATA_DIR, as the server has it`,
    )
  }
  try {
    const server = await startEmbeddedPostgres({
      dataDir,
      onWarning,
      ...(onExit && { onExit }),
      ...(connections && { maxConnections: connections }),
    })
    try {
      await migrate(server.url)
    } catch (error) {
      await server.dispose()
      throw error
    }
    return { url: server.url, place, embedded: true, dispose: server.dispose }
  } catch (error) {
    const url = attach ? await findRunning(dataDir) : null
    if (url === null) throw error
    return { url, place: `${place}, along with the running server`, embedded: true, dispose: async () => {} }
  }
}

/** The address of the embedded server that another process has started here, if it answers. */
async function findRunning(dataDir: string): Promise<string | null> {
  try {
    // The fourth line is the port.
    const port = readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[3]
    const password = readFileSync(join(dataDir, 'postgres-password'), 'utf8').trim()
    const url = `postgresql://parley:${password}@127.0.0.1:${port}/parley`
    await checkServer(url)
    return url
  } catch {
    return null
  }
}

function placeOf(databaseUrl: string): string {
  const { hostname, port, pathname, searchParams } = new URL(databaseUrl)
  const host = hostname === '' ? (searchParams.get('host') ?? 'localhost') : hostname
  return `${host}:${port === '' ? 5432 : port}${pathname}`
}

/**
 * Does a piece of work on the database and lets it go, also when a signal comes first; the work then meets a closed
 * connection.
 * @throws Interrupted after a signal
 */
export async function withDatabase<Result>(
  config: Config,
  options: OpenOptions,
  work: (database: OpenDatabase) => Promise<Result>,
): Promise<Result> {
  const signals = onStopSignal()
  const interrupted = signals.first.then((signal) => {
    throw new Interrupted(signal)
  })
  try {
    const database = await openDatabase(config, options)
    try {
      return await Promise.race([work(database), interrupted])
    } finally {
      await database.dispose()
    }
  } finally {
    signals.dispose()
  }
}

/** For commands that speak to a person: what is worth knowing goes to the terminal. */
export const warnOnTerminal = (message: string): void => console.error(message)
