import type { Config } from './config.ts'
import { createFairGate } from './core/gate.ts'
import { createKeyedHash } from './core/keyed-hash.ts'
import { createLogger, type Logger } from './core/logger.ts'
import { createMetrics, type Metrics } from './core/metrics.ts'
import { createParts, type Parts } from './core/parts.ts'
import { spareWords } from './core/sparing-logger.ts'
import { createWorker } from './core/worker.ts'
import { createDatabase, type Database } from './db/client.ts'
import { poolSizes } from './db/connections.ts'
import { loadHashKey } from './db/hash-key.ts'
import { isDatabaseUnavailable } from './db/unavailable.ts'
import { createBell } from './events/bell.ts'
import { createFeed } from './events/feed.ts'
import { pruneLog } from './events/retention.ts'
import type { Signals } from './events/signals.ts'
import { createPostgresSignals } from './events/signals-postgres.ts'
import { createStore, type Store } from './events/store.ts'
import type { Auth } from './features/auth/actions.ts'
import { createIsCommonPassword } from './features/auth/common-passwords.ts'
import { createPasswords, type PasswordCost } from './features/auth/passwords.ts'
import { pruneReservedUsernames } from './features/auth/reserved-usernames.ts'
import { pruneSessions } from './features/auth/session-actions.ts'
import { createAuthenticator } from './features/auth/sessions.ts'
import { createAccessTokens } from './features/auth/tokens.ts'
import { purgeStep } from './features/messages/purging.ts'
import { createOnline } from './features/presence/online.ts'
import { createPresenceWatch } from './features/presence/presence-watch.ts'
import { type LiveTimings, liveTimings } from './features/presence/timings.ts'
import { createTyping } from './features/presence/typing.ts'
import { eraseStep } from './features/privacy/erasure.ts'
import { createExportLinks } from './features/privacy/export-links.ts'
import { createExporter } from './features/privacy/exporter.ts'
import { hydrate, sizeOf } from './features/realtime/delivery.ts'
import type { Services } from './graphql/context.ts'
import { createPersistedOperations, type SharedTexts } from './graphql/persisted/operations.ts'
import { createSchema } from './graphql/schema.ts'
import { createClientAddresses } from './http/client-address.ts'
import { createExportSender } from './http/exports.ts'
import { findUnreadiness } from './http/health.ts'
import { createMetricsSender } from './http/metrics.ts'
import { createOrigins } from './http/origins.ts'
import { webAppManifests } from './http/pages/web-app.ts'
import { createHttpServer, graphqlPath, type HttpServer, listen } from './http/server.ts'
import { createWebSocketServer, type WebSocketServer } from './http/websocket.ts'
import { createYogaServer } from './http/yoga.ts'
import type { Budgets } from './limits/budgets.ts'
import { createFallbackBudgets } from './limits/fallback.ts'
import { createPostgresBudgets, pruneBudgets } from './limits/postgres.ts'
import { createRateLimiter, type RateLimiter, unlimited } from './limits/rate-limiter.ts'
import { seedPassword } from './seed/rows.ts'

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
  /** Tests do not want to wait. @default `liveTimings` */
  readonly timings?: Partial<LiveTimings>
  /** Tests do not want to wait. @default `passwordCost` */
  readonly passwordCost?: PasswordCost
}

/** Looking for people by similarity can take the database a while; the rest of the pool is for everyone else. */
const searchesAtATime = 2
/** How many searches of one user may wait. */
const searchesOfOne = 20
/** How soon a process notices an erasure, or a clearing, that another one began and did not finish. */
const erasurePollMs = 30_000
/** How long requests, and operations on sockets, may take to finish: longer than a lock is waited for. */
const drainMs = 6_000
/** How often to look for rows that have served their time. */
const pruneMs = 60_000
/** How long a statement may take that a client waits for, and one that all of them wait for. */
const clientTimeoutMs = 10_000
const controlTimeoutMs = 5_000

/** The only place where the parts are put together. */
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
  const { config } = options
  const metrics = createMetrics({ process: options.processMetrics ?? false })
  const operations = await createPersistedOperations({
    mode: config.persistedOperations,
    folder: config.persistedOperationsDir,
    files: [...(options.extraManifests ?? []), ...(config.webApp ? webAppManifests() : [])],
    shared: await createSharedTexts({ config, logger, parts }),
    metrics,
    logger,
  })
  const database = createDatabase({
    url: options.databaseUrl,
    poolSize: config.databasePoolSize,
    statementTimeoutMs: clientTimeoutMs,
    onError: (error) => logger.warn({ err: error }, 'a database connection was lost'),
  })
  parts.add('database', database.dispose)
  // Live delivery and the question who is asking must not stand in line behind what clients ask for.
  const control = createDatabase({
    url: options.databaseUrl,
    poolSize: poolSizes.control,
    statementTimeoutMs: controlTimeoutMs,
    onError: (error) => logger.warn({ err: error }, 'a database connection was lost'),
  })
  parts.add('control connections', control.dispose)
  // Work in the background goes on for minutes: of what clients ask for it takes nothing away.
  const background = createDatabase({
    url: options.databaseUrl,
    poolSize: poolSizes.background,
    onError: (error) => logger.warn({ err: error }, 'a database connection was lost'),
  })
  parts.add('background connections', background.dispose)
  const signals = await createSignals({ database: control, config, logger })
  parts.add('signals', signals.dispose)
  const bell = createBell(signals)
  const keyedHash = createKeyedHash(await loadHashKey(control, options.jwtSecrets, logger))
  const store = createStore(database, bell, keyedHash)
  if (config.production && !config.rateLimits) {
    logger.warn('RATE_LIMITS is off: anyone may try passwords without end')
  }
  const budgets = await createBudgets({ database, config, logger, parts })
  const [auth, feed] = await Promise.all([
    createAuth({
      store: createStore(control, bell, keyedHash),
      config,
      jwtSecrets: options.jwtSecrets,
      limits: config.rateLimits ? createRateLimiter({ budgets, keyedHash }) : unlimited,
      ...(options.passwordCost && { passwordCost: options.passwordCost }),
    }),
    createFeed({
      database,
      control,
      bell,
      logger,
      metrics,
      hydrate: (events, through) => hydrate(createStore(through, bell, keyedHash), events),
      sizeOf,
    }),
  ])
  parts.add('feed', feed.dispose)
  feed.onSessionRevoked(auth.authenticator.forget)
  feed.onLost(auth.authenticator.forgetAll)
  const backgroundStore = createStore(background, bell, keyedHash)
  const startWorker = (name: string, pollMs: number, step: () => Promise<boolean>) => {
    const worker = createWorker({ name, step, pollMs, logger })
    parts.addBusy(name, worker.dispose)
    return worker
  }
  const eraser = startWorker('erasure', erasurePollMs, () => eraseStep(backgroundStore))
  const purger = startWorker('purging', erasurePollMs, () => purgeStep(backgroundStore))
  startWorker(
    'pruning',
    pruneMs,
    async () =>
      (await pruneBudgets(background.query)) ||
      (await pruneSessions(backgroundStore)) ||
      pruneReservedUsernames(backgroundStore),
  )
  startWorker('log retention', pruneMs, async () => {
    const { pruned, more } = await pruneLog(background, config.eventRetentionSeconds)
    metrics.eventsPruned.inc(pruned)
    return more
  })
  const exporter = createExporter({ database: background, logger })
  parts.addBusy('exports', exporter.dispose)
  const links = createExportLinks(options.jwtSecrets)
  const timings = { ...liveTimings, ...options.timings }
  const live = { query: control.query, signals, logger, timings }
  const typing = createTyping(live)
  parts.add('typing', typing.dispose)
  const presence = createPresenceWatch(live)
  feed.onEntries(presence.consider)
  parts.add('presence', presence.dispose)
  const online = createOnline(live)
  const services: Services = {
    store,
    feed,
    logger,
    auth,
    eraser,
    purger,
    searchGate: createFairGate(searchesAtATime, searchesOfOne),
    dataExports: { links, wake: exporter.wake },
    presence,
    typing,
  }
  const yoga = createYogaServer({
    schema: createSchema(),
    services,
    operations,
    introspection: config.introspection,
    suggestions: !config.production,
    metrics,
  })
  const { authenticator } = auth
  const origins = createOrigins(config.corsOrigins)
  const addressOf = createClientAddresses({ trustedProxies: config.trustedProxies, logger })
  const http = createHttpServer({
    yoga,
    authenticator,
    addressOf,
    findUnreadiness: () => findUnreadiness(database, feed),
    sendExport: createExportSender({ store, links, onSessionRevoked: feed.onSessionRevoked }),
    sendMetrics: createMetricsSender({
      access: config.metrics,
      render: options.renderMetrics ?? (() => metrics.registry.metrics()),
    }),
    onConnected: online.enter,
    origins,
    graphiql: config.graphiql,
    webApp: config.webApp,
    demo: options.demo ?? false,
    onlyPersisted: config.persistedOperations === 'only',
    logger,
    heartbeatMs: timings.heartbeatMs,
  })
  const { server } = http
  const sockets = createWebSocketServer({
    server,
    yoga,
    operations,
    path: graphqlPath,
    origins,
    authenticator,
    addressOf,
    feed,
    onConnected: online.enter,
    logger,
    heartbeatMs: timings.heartbeatMs,
  })
  // Nobody is kept online by a request that takes its time to finish.
  parts.addBusy('online', online.dispose)
  parts.addBusy('requests', () => http.close(drainMs))
  parts.addBusy('sockets', () => sockets.close(drainMs))
  metrics.watch('trusted_documents', 'Documents of manifests.', () => operations.trusted, 'max')
  watchMetrics(metrics, { feed, http, sockets, databases: { main: database, control, background } })
  const port = await listen(server, config.host, config.port)
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

function watchMetrics(
  metrics: Metrics,
  sources: {
    feed: Services['feed']
    http: HttpServer
    sockets: WebSocketServer
    databases: Record<string, Database>
  },
): void {
  const { feed, http, sockets, databases } = sources
  metrics.watch('sockets', 'WebSockets that are open.', () => sockets.connections)
  metrics.watch('streams', 'Streams of server-sent events that are open.', () => http.streams)
  metrics.watch('subscribed_users', 'Users who are subscribed to the log.', () => feed.stats.users)
  metrics.watch(
    'tail_lag_ms',
    'How long ago the log was read last: up to 500 at rest.',
    () => feed.lag,
    'max',
  )
  metrics.watch('log_position', 'Up to where the log has been handed over.', () => feed.position, 'max')
  metrics.watch(
    'backlog_events',
    'Events that wait for subscriptions to take them.',
    () => feed.stats.waiting.events,
  )
  metrics.watch('backlog_bytes', 'What those take in memory, about.', () => feed.stats.waiting.bytes)
  for (const [pool, database] of Object.entries(databases)) {
    metrics.watchStates(
      `database_${pool}_connections`,
      `Connections of the ${pool} pool; waiting: work that has none.`,
      () => database.connections,
    )
  }
}

/** Over Redis where there is one. Its client takes a while to load, for the few who have. */
async function createSignals(options: {
  database: Database
  config: Config
  logger: Logger
}): Promise<Signals> {
  const { redisUrl: url } = options.config
  if (url === null) return createPostgresSignals(options)
  return (await import('./events/signals-redis.ts')).createRedisSignals({ ...options, url })
}

/** In Redis where there is one. */
async function createBudgets(options: {
  database: Database
  config: Config
  logger: Logger
  parts: Parts
}): Promise<Budgets> {
  const { config, logger } = options
  const otherwise = createPostgresBudgets(options.database.query)
  if (config.redisUrl === null || !config.rateLimits) return otherwise
  const { createRedisBudgets } = await import('./limits/redis.ts')
  const first = await createRedisBudgets({ url: config.redisUrl, logger })
  options.parts.add('budgets', first.dispose)
  return createFallbackBudgets({ first, otherwise, logger })
}

/** In Redis where there is one; otherwise each process knows what was registered with it. */
async function createSharedTexts(options: {
  config: Config
  logger: Logger
  parts: Parts
}): Promise<SharedTexts | null> {
  const { config, logger } = options
  if (config.redisUrl === null || config.persistedOperations !== 'allow') return null
  const { createRedisTexts } = await import('./graphql/persisted/redis.ts')
  const texts = await createRedisTexts({ url: config.redisUrl, logger })
  options.parts.add('registered operations', texts.dispose)
  return texts
}

/** What logging in and being logged in take; the shell uses it without a server. */
export async function createAuth(options: {
  store: Store
  config: Config
  jwtSecrets: readonly string[]
  limits: RateLimiter
  passwordCost?: PasswordCost
}): Promise<Auth> {
  const { store, config } = options
  const accessTokens = createAccessTokens({
    secrets: options.jwtSecrets,
    ttlSeconds: config.accessTokenTtlSeconds,
  })
  return {
    passwords: await createPasswords(options.passwordCost && { cost: options.passwordCost }),
    accessTokens,
    authenticator: createAuthenticator({ store, accessTokens }),
    refreshTokenTtlSeconds: config.refreshTokenTtlSeconds,
    // The password of the demo accounts is common, and whoever tries things out uses it.
    isCommonPassword: createIsCommonPassword(config.production ? null : seedPassword),
    limits: options.limits,
  }
}
