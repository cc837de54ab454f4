import { createAuth } from './app/auth.ts'
import { startBackground } from './app/background.ts'
import { openDatabases } from './app/databases.ts'
import { watchParts } from './app/gauges.ts'
import { createBudgets, createSharedTexts, createSignals } from './app/redis-or-not.ts'
import { createTransports } from './app/transports.ts'
import { readTrustedDocuments } from './app/trusted-documents.ts'
import type { Config } from './config.ts'
import { createFairGate } from './core/gate.ts'
import { createKeyedHash } from './core/keyed-hash.ts'
import { createLogger, type Logger } from './core/logger.ts'
import { createMetrics, type Metrics } from './core/metrics.ts'
import { createParts, type Parts } from './core/parts.ts'
import { spareWords } from './core/sparing-logger.ts'
import type { Database } from './db/client.ts'
import { loadHashKey } from './db/hash-key.ts'
import { isDatabaseUnavailable } from './db/unavailable.ts'
import { createBell } from './events/bell.ts'
import { createFeed } from './events/feed.ts'
import { createStore } from './events/store.ts'
import type { PasswordCost } from './features/auth/passwords.ts'
import { createOnline } from './features/presence/online.ts'
import { createPresenceWatch } from './features/presence/presence-watch.ts'
import { type LiveTimings, liveTimings } from './features/presence/timings.ts'
import { createTyping } from './features/presence/typing.ts'
import { createExportLinks } from './features/privacy/export-links.ts'
import { hydrate, sizeOf } from './features/realtime/delivery.ts'
import type { Services } from './graphql/context.ts'
import { parseTexts, type TrustedTexts } from './graphql/persisted/manifests.ts'
import { createPersistedOperations } from './graphql/persisted/operations.ts'
import { listen } from './http/server.ts'
import { createRateLimiter, unlimited } from './limits/rate-limiter.ts'

/** A running Parley on a migrated database. Nothing of it is global: a process may hold several. */
export interface App {
  readonly url: string
  readonly port: number
  readonly services: Services
  readonly database: Database
  /** The connections of live delivery and authentication. */
  readonly control: Database
  readonly metrics: Metrics
  /**
   * Reads the manifests of trusted documents again, all or none: operations under way go on with what they have.
   * @throws StartupError with one line where they are not good; then those before stay
   */
  reloadOperations(): Promise<{ readonly manifests: number; readonly documents: number }>
  /**
   * Stops accepting, lets requests finish, closes sockets so that clients reconnect elsewhere, and frees everything.
   * Takes as long as its slowest part, a database that hangs among them.
   */
  dispose(): Promise<void>
  /** The parts that have not been freed yet. */
  readonly undisposed: readonly string[]
}

/** What an app is made from, beyond the environment. */
export interface AppOptions {
  readonly config: Config
  readonly databaseUrl: string
  readonly jwtSecrets: readonly string[]
  /** Whether the demo accounts are there, for the pages to tell their logins. @default false */
  readonly demo?: boolean
  /** @default by `config.logLevel`, readable in a terminal */
  readonly logger?: Logger
  /** Whether `/metrics` tells of the process, too. @default false */
  readonly processMetrics?: boolean
  /** What `/metrics` answers. @default the metrics of this app */
  readonly renderMetrics?: () => Promise<string>
  /** Manifests of trusted documents besides those of the folder that `config` names. @default none */
  readonly extraManifests?: readonly string[]
  /** What another process has read of the manifests, in their place; asked for anew whenever they are to be read again. */
  readonly trustedTexts?: () => TrustedTexts
  /** Tests do not want to wait. @default `liveTimings` */
  readonly timings?: Partial<LiveTimings>
  /** Tests do not want to wait. @default `passwordCost` */
  readonly passwordCost?: PasswordCost
}

/** Looking for people by similarity can take the database a while; the rest of the pool is for everyone else. */
const searchesAtATime = 2
/** How many searches of one user may wait. */
const searchesOfOne = 20
/** The only place where the parts are put together: those of `app/`, each of which is several, and the rest here. */
export async function startApp(options: AppOptions): Promise<App> {
  const logger = spareWords(
    options.logger ?? createLogger({ level: options.config.logLevel, pretty: process.stdout.isTTY }),
    isDatabaseUnavailable,
  )
  const parts = createParts(logger)
  try {
    const app = await assemble(options, logger, parts)
    return {
      ...app,
      dispose: parts.dispose,
      get undisposed() {
        return parts.left
      },
    }
  } catch (error) {
    await parts.dispose()
    throw error
  }
}

async function assemble(
  options: AppOptions,
  logger: Logger,
  parts: Parts,
): Promise<Omit<App, 'dispose' | 'undisposed'>> {
  const { config, databaseUrl: url, jwtSecrets } = options
  const base = { config, logger, parts }
  const metrics = createMetrics({ process: options.processMetrics ?? false })
  const { extraManifests: extra, trustedTexts } = options
  const operations = await createPersistedOperations({
    mode: config.persistedOperations,
    load: (known) =>
      trustedTexts ? parseTexts(trustedTexts(), known) : readTrustedDocuments(config, { extra, known }),
    shared: await createSharedTexts(base),
    metrics,
  })
  if (config.persistedOperationsDir !== null && trustedTexts === undefined) {
    logger.info(operations.trusted, 'the manifests of operations were read')
  }
  const databases = openDatabases({ url, poolSize: config.databasePoolSize, logger, parts })
  const { main: database, control, background } = databases
  const signals = await createSignals({ ...base, database: control })
  const bell = createBell(signals)
  const keyedHash = createKeyedHash(await loadHashKey(control, jwtSecrets, logger))
  const storeOn = (pool: Database) => createStore(pool, bell, keyedHash)
  const store = storeOn(database)
  if (config.production && !config.rateLimits) {
    logger.warn('RATE_LIMITS is off: anyone may try passwords without end')
  }
  const budgets = await createBudgets({ ...base, database })
  const [auth, feed] = await Promise.all([
    createAuth({
      store: storeOn(control),
      config,
      jwtSecrets,
      limits: config.rateLimits ? createRateLimiter({ budgets, keyedHash }) : unlimited,
      ...(options.passwordCost && { passwordCost: options.passwordCost }),
    }),
    createFeed({
      database,
      control,
      bell,
      logger,
      metrics,
      hydrate: (events, through) => hydrate(storeOn(through), events),
      sizeOf,
    }),
  ])
  parts.add('feed', feed.dispose)
  feed.onSessionRevoked(auth.authenticator.forget)
  feed.onLost(auth.authenticator.forgetAll)
  const { eraser, purger, exporter } = startBackground({
    ...base,
    database: background,
    store: storeOn(background),
    metrics,
  })
  const timings = { ...liveTimings, ...options.timings }
  const live = { query: control.query, signals, logger, timings }
  const typing = createTyping(live)
  parts.add('typing', typing.dispose)
  const presence = createPresenceWatch(live)
  feed.onEntries(presence.consider)
  parts.add('presence', presence.dispose)
  // Nobody is kept online by a request that takes its time to finish.
  const online = createOnline(live)
  parts.addBusy('online', online.dispose)
  const services: Services = {
    store,
    feed,
    logger,
    auth,
    eraser,
    purger,
    searchGate: createFairGate(searchesAtATime, searchesOfOne),
    dataExports: { links: createExportLinks(jwtSecrets), wake: exporter.wake },
    presence,
    typing,
  }
  const { http, sockets } = createTransports({
    services,
    operations,
    database,
    online,
    config,
    demo: options.demo ?? false,
    renderMetrics: options.renderMetrics ?? (() => metrics.registry.metrics()),
    heartbeatMs: timings.heartbeatMs,
    metrics,
    parts,
  })
  watchParts(metrics, { operations, feed, http, sockets, databases })
  const port = await listen(http.server, config.host, config.port)
  const host = config.host.includes(':') ? `[${config.host}]` : config.host
  return {
    url: `http://${host}:${port}`,
    port,
    services,
    database,
    control,
    metrics,
    reloadOperations: operations.reload,
  }
}
