import type { App } from '../app.ts'
import type { Config } from '../config.ts'
import { createLogger, type Logger } from '../core/logger.ts'
import { connectionsOfProcess, countAllowedConnections } from '../db/connections.ts'
import { StartupError } from '../db/startup-error.ts'
import type { TrustedTexts } from '../graphql/persisted/manifests.ts'
import { hasDemoLogins, seedDemo } from '../seed/demo.ts'
import { checkAddress, explainListenError } from './address.ts'
import { announce } from './banner.ts'
import { type OpenDatabase, openDatabase } from './database.ts'
import { drain, endInTime } from './drain.ts'
import { exitSoon } from './failure.ts'
import { hangUpReloads } from './hang-up.ts'
import { loadJwtSecrets } from './jwt-secrets.ts'
import { createReloads } from './reload.ts'
import { onOrphaned, onReloadSignal, onStopSignal, stopSignals } from './signals.ts'
import { type Address, forkWorkers, type Server } from './workers.ts'

/**
 * Runs the server until it is told to end (exit code 0) or its database is lost (one line, exit code 1).
 * @throws StartupError with one line where it cannot start
 */
export async function serve(config: Config, environment: Record<string, string | undefined>): Promise<void> {
  const logger = createLogger({ level: config.logLevel, pretty: process.stdout.isTTY })
  const reloads = hangUpReloads(config.persistedOperationsDir)
  const stop = createStop(
    environment,
    reloads ? stopSignals.filter((each) => each !== 'SIGHUP') : stopSignals,
  )
  try {
    const running = await start(config, logger, stop, reloads)
    if (running === null) return exitSoon()
    const isAnnounced = !stop.isRequested()
    if (isAnnounced) announce({ config, logger, ...running })
    const problem = await stop.requested
    if (problem !== null) return await endWithout(running, logger, problem)
    if (process.stdout.isTTY) console.log('\nStopping. Press Ctrl-C again to stop at once.')
    else if (isAnnounced) logger.info('Parley is stopping')
    endInTime(logger)
    const begun = performance.now()
    await running.server.dispose()
    await running.database.dispose()
    if (isAnnounced && !process.stdout.isTTY) {
      logger.info({ ms: Math.round(performance.now() - begun) }, 'Parley has stopped')
    }
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

function createStop(
  environment: Record<string, string | undefined>,
  stopSignals: readonly NodeJS.Signals[],
): Stop {
  let isRequested = false
  let request: Stop['request'] = () => {}
  const requested = new Promise<string | null>((resolve) => {
    request = (problem) => {
      isRequested = true
      resolve(problem)
    }
  })
  const signals = onStopSignal(stopSignals)
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
  readonly server: Server
  readonly address: Address
  readonly database: OpenDatabase
  readonly demo: boolean
}

/** @returns null where it was told to end before it could start, which the same Ctrl-C may have kept it from */
async function start(config: Config, logger: Logger, stop: Stop, reloads: boolean): Promise<Running | null> {
  await checkAddress(config)
  const trusted = readTexts(config)
  // Whoever starts the server hears of it, too.
  trusted.catch(() => {})
  // What is wrong with them is told before anything is started.
  if (config.persistedOperationsDir !== null) await trusted
  // Loading the server takes about as long as starting Postgres does: at the same time, then.
  const server = config.workers > 1 ? forkWorkers(config.workers, trusted, logger) : loadServer(logger)
  if (reloads) onReloadSignal(() => server.reload())
  let database: OpenDatabase | null = null
  try {
    const seeded = await openSeeded(config, logger, stop)
    database = seeded.database
    const jwtSecrets = loadJwtSecrets(config)
    const address = await server.start({ config, databaseUrl: database.url, jwtSecrets, demo: seeded.demo })
    return { ...seeded, server, address }
  } catch (error) {
    await server.dispose()
    await database?.dispose()
    if (!stop.isRequested()) throw explainListenError(error, config)
    const problem = await stop.requested
    if (problem !== null) throw new StartupError(problem)
    return null
  }
}

async function readTexts(config: Config): Promise<TrustedTexts> {
  const { noTexts, readTrustedTexts } = await import('../app/trusted-documents.ts')
  return readTrustedTexts(config, noTexts)
}

/** A server in this process. */
function loadServer(logger: Logger): Server {
  const loading = import('../app.ts')
  loading.catch(() => {})
  let app: App | null = null
  const reloads = createReloads(logger)
  return {
    async start(options) {
      const { startApp } = await loading
      app = await startApp({ ...options, logger, processMetrics: true })
      reloads.begin(app)
      return app
    },
    reload: reloads.ask,
    async dispose() {
      if (app !== null) await drain(app, logger)
    },
  }
}

async function openSeeded(
  config: Config,
  logger: Logger,
  stop: Stop,
): Promise<Pick<Running, 'database' | 'demo'>> {
  const needed = config.workers * connectionsOfProcess(config.databasePoolSize)
  const database = await openDatabase(config, {
    onWarning: (message) => logger.warn(message),
    onExit: (message) => stop.request(message),
    connections: needed + sparedConnections,
  })
  try {
    if (!database.embedded) await warnOfConnections(database.url, needed, logger)
    if (config.seed === 'demo' || (config.seed === null && database.embedded && !config.production)) {
      await seedDemo({ databaseUrl: database.url, when: config.seed === 'demo' ? 'empty' : 'fresh' })
    }
    return { database, demo: await hasDemoLogins(database.url) }
  } catch (error) {
    await database.dispose()
    throw error
  }
}

/** Of an embedded database, for other commands and whoever looks into it. */
const sparedConnections = 50

async function warnOfConnections(databaseUrl: string, needed: number, logger: Logger): Promise<void> {
  const allowed = await countAllowedConnections(databaseUrl)
  if (needed <= allowed) return
  logger.warn(
    { needed, allowed },
    `${needed} database connections may be needed, and the server allows ${allowed}: raise its max_connections, or lower DATABASE_POOL_SIZE or WORKERS`,
  )
}

/** How long the server may take to end without its database, in milliseconds. */
const patienceMs = 5_000

/** Nothing that it says from here on adds to what is wrong. */
async function endWithout({ server, database }: Running, logger: Logger, problem: string): Promise<void> {
  logger.level = 'silent'
  setTimeout(() => process.exit(1), patienceMs).unref()
  await server.dispose()
  await database.dispose()
  throw new StartupError(problem)
}
