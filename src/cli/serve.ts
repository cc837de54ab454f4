import type { App } from '../app.ts'
import type { Config } from '../config.ts'
import { createLogger, type Logger } from '../core/logger.ts'
import { StartupError } from '../db/startup-error.ts'
import { hasDemoLogins, seedDemo } from '../seed/demo.ts'
import { checkAddress, explainListenError } from './address.ts'
import { announce } from './banner.ts'
import { type OpenDatabase, openDatabase } from './database.ts'
import { exitSoon } from './failure.ts'
import { onOrphaned, onStopSignal } from './signals.ts'

/**
 * Runs the server until it is told to end (exit code 0) or its database is lost (one line, exit code 1).
 * @throws StartupError with one line where it cannot start
 */
export async function serve(config: Config, environment: Record<string, string | undefined>): Promise<void> {
  const logger = createLogger({ level: config.logLevel, pretty: process.stdout.isTTY })
  const stop = createStop(environment)
  try {
    const running = await start(config, logger, stop)
    if (!stop.isRequested()) announce({ config, logger, ...running })
    const problem = await stop.requested
    if (problem !== null) return await endWithout(running, logger, problem)
    if (process.stdout.isTTY) console.log('\nStopping. Press Ctrl-C again to stop at once.')
    await running.app.dispose()
    await running.database.dispose()
    exitSoon()
  } finally {
    stop.dispose()
  }
}

interface Stop {
  /** Resolves when the server is to end: with null by somebody's wish, else with what has gone wrong. */
  readonly requested: Promise<string | null>
  isRequested(): boolean
  request(problem: string | null): void
  dispose(): void
}

function createStop(environment: Record<string, string | undefined>): Stop {
  let isRequested = false
  let request: Stop['request'] = () => {}
  const requested = new Promise<string | null>((resolve) => {
    request = (problem) => {
      isRequested = true
      resolve(problem)
    }
  })
  const signals = onStopSignal()
  signals.first.then(() => request(null))
  // Only npm's shell is known to end before us; otherwise a parent may well go, and the server stay.
  const stopWatching =
    environment['npm_lifecycle_event'] === undefined ? () => {} : onOrphaned(() => request(null))
  return {
    requested,
    isRequested: () => isRequested,
    request,
    dispose() {
      signals.dispose()
      stopWatching()
    },
  }
}

interface Running {
  readonly app: App
  readonly database: OpenDatabase
  readonly demo: boolean
}

async function start(config: Config, logger: Logger, stop: Stop): Promise<Running> {
  await checkAddress(config)
  const opening = openSeeded(config, logger, stop)
  // Loading the server takes about as long as starting Postgres does: at the same time, then.
  const loading = import('../app.ts')
  const [opened, loaded] = await Promise.allSettled([opening, loading])
  if (opened.status === 'rejected') throw opened.reason
  const { database, demo } = opened.value
  try {
    if (loaded.status === 'rejected') throw loaded.reason
    const { loadJwtSecrets, startApp } = loaded.value
    const jwtSecrets = checkSecrets(() => loadJwtSecrets(config), config)
    const app = await startApp({ config, databaseUrl: database.url, jwtSecrets, logger, demo })
    return { database, demo, app }
  } catch (error) {
    await database.dispose()
    throw explainListenError(error, config)
  }
}

async function openSeeded(config: Config, logger: Logger, stop: Stop): Promise<Omit<Running, 'app'>> {
  const database = await openDatabase(config, {
    onWarning: (message) => logger.warn(message),
    onExit: (message) => stop.request(message),
  })
  try {
    if (config.seed === 'demo' || (config.seed === null && database.embedded && !config.production)) {
      await seedDemo({ databaseUrl: database.url, when: config.seed === 'demo' ? 'empty' : 'fresh' })
    }
    return { database, demo: await hasDemoLogins(database.url) }
  } catch (error) {
    await database.dispose()
    throw error
  }
}

/** A key that cannot be read, or is not one, is found here and not at the first login. */
function checkSecrets(load: () => readonly string[], config: Config): readonly string[] {
  const repair = `delete the file jwt-secret in ${config.dataDir} for a new one, and everyone logs in anew`
  let secrets: readonly string[]
  try {
    secrets = load()
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new StartupError(`The signing secret cannot be read (${reason}): ${repair}`, { cause: error })
  }
  if (secrets.every((secret) => Buffer.byteLength(secret) >= 32)) return secrets
  throw new StartupError(`The signing secret is damaged: ${repair}`)
}

/** How long the server may take to end without its database, in milliseconds. */
const patienceMs = 5_000

/** Nothing that it says from here on adds to what is wrong. */
async function endWithout({ app, database }: Running, logger: Logger, problem: string): Promise<void> {
  logger.level = 'silent'
  setTimeout(() => process.exit(1), patienceMs).unref()
  await app.dispose()
  await database.dispose()
  throw new StartupError(problem)
}
