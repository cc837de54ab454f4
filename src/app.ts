import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from './config.ts'
import { createFairGate } from './core/gate.ts'
import { createKeyedHash } from './core/keyed-hash.ts'
import { createLogger, type Logger } from './core/logger.ts'
import { createWorker } from './core/worker.ts'
import { createDatabase, type Database } from './db/client.ts'
import { loadHashKey } from './db/hash-key.ts'
import { createBell } from './events/bell.ts'
import { createFeed } from './events/feed.ts'
import { createPostgresSignals } from './events/signals.ts'
import { createStore, type Store } from './events/store.ts'
import type { Auth } from './features/auth/actions.ts'
import { createIsCommonPassword } from './features/auth/common-passwords.ts'
import { createPasswords } from './features/auth/passwords.ts'
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
import { hydrate } from './features/realtime/delivery.ts'
import type { Services } from './graphql/context.ts'
import { createSchema } from './graphql/schema.ts'
import { createClientAddresses } from './http/client-address.ts'
import { createExportSender } from './http/exports.ts'
import { findUnreadiness } from './http/health.ts'
import { createOrigins } from './http/origins.ts'
import { createHttpServer, graphqlPath, listen } from './http/server.ts'
import { createWebSocketServer } from './http/websocket.ts'
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
  /** Stops accepting, closes sockets so that clients reconnect elsewhere, and frees everything. */
  dispose(): Promise<void>
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
  /** Tests do not want to wait. @default `liveTimings` */
  readonly timings?: Partial<LiveTimings>
}

/** Looking for people by similarity can take the database a while; the rest of the pool is for everyone else. */
const searchesAtATime = 2
/** How many searches of one user may wait. */
const searchesOfOne = 20
/** How soon a process notices an erasure, or a clearing, that another one began and did not finish. */
const erasurePollMs = 30_000
const drainMs = 5_000
/** How often to look for rows that have served their time. */
const pruneMs = 60_000
/** A connection of ours that is silent for this long is taken for dead. */
const controlTimeoutMs = 5_000

/** The only place where the parts are put together. */
export async function startApp(options: AppOptions): Promise<App> {
  // What was made last is let go first, also where the start fails half way.
  const made: (() => Promise<void>)[] = []
  const dispose = async (): Promise<void> => {
    for (const disposePart of made.splice(0).reverse()) await disposePart()
  }
  try {
    return { ...(await assemble(options, made)), dispose }
  } catch (error) {
    await dispose()
    throw error
  }
}

async function assemble(options: AppOptions, made: (() => Promise<void>)[]): Promise<Omit<App, 'dispose'>> {
  const { config } = options
  const logger = options.logger ?? createLogger({ level: config.logLevel, pretty: process.stdout.isTTY })
  const database = createDatabase({
    url: options.databaseUrl,
    onError: (error) => logger.warn({ err: error }, 'a database connection was lost'),
  })
  made.push(database.dispose)
  // Live delivery and the question who is asking must not stand in line behind what clients ask for.
  const control = createDatabase({
    url: options.databaseUrl,
    poolSize: 3,
    queryTimeoutMs: controlTimeoutMs,
    onError: (error) => logger.warn({ err: error }, 'a database connection was lost'),
  })
  made.push(control.dispose)
  // Work in the background goes on for minutes: of what clients ask for it takes nothing away.
  const background = createDatabase({
    url: options.databaseUrl,
    poolSize: 3,
    onError: (error) => logger.warn({ err: error }, 'a database connection was lost'),
  })
  made.push(background.dispose)
  const signals = createPostgresSignals({ database: control, logger })
  made.push(signals.dispose)
  const bell = createBell(signals)
  const keyedHash = createKeyedHash(await loadHashKey(control, options.jwtSecrets, logger))
  const store = createStore(database, bell, keyedHash)
  if (config.production && !config.rateLimits) {
    logger.warn('RATE_LIMITS is off: anyone may try passwords without end')
  }
  const budgets = await createBudgets({ database, config, logger, made })
  const [auth, feed] = await Promise.all([
    createAuth({
      store: createStore(control, bell, keyedHash),
      config,
      jwtSecrets: options.jwtSecrets,
      limits: config.rateLimits ? createRateLimiter({ budgets, keyedHash }) : unlimited,
    }),
    createFeed({
      database,
      control,
      bell,
      logger,
      hydrate: (events, through) => hydrate(createStore(through, bell, keyedHash), events),
    }),
  ])
  made.push(feed.dispose)
  feed.onSessionRevoked(auth.authenticator.forget)
  const backgroundStore = createStore(background, bell, keyedHash)
  const startWorker = (name: string, pollMs: number, step: () => Promise<boolean>) => {
    const worker = createWorker({ name, step, pollMs, logger })
    made.push(worker.dispose)
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
  const exporter = createExporter({ database: background, logger })
  made.push(exporter.dispose)
  const links = createExportLinks(options.jwtSecrets)
  const timings = { ...liveTimings, ...options.timings }
  const live = { query: control.query, signals, logger, timings }
  const typing = createTyping(live)
  made.push(async () => typing.dispose())
  const presence = createPresenceWatch(live)
  feed.onEntries(presence.consider)
  made.push(async () => presence.dispose())
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
    introspection: config.introspection,
    suggestions: !config.production,
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
    onConnected: online.enter,
    origins,
    graphiql: config.graphiql,
    demo: options.demo ?? false,
    logger,
  })
  const { server } = http
  const sockets = createWebSocketServer({
    server,
    yoga,
    path: graphqlPath,
    origins,
    authenticator,
    addressOf,
    feed,
    onConnected: online.enter,
    logger,
  })
  made.push(async () => {
    // Nobody is kept online by a request that takes its time to finish.
    await Promise.all([online.dispose(), http.close(drainMs), sockets.dispose()])
  })
  const port = await listen(server, config.host, config.port)
  const host = config.host.includes(':') ? `[${config.host}]` : config.host
  return { url: `http://${host}:${port}`, port, services, database, control }
}

/** Redis where there is one. Its client takes a while to load, for the few who have. */
async function createBudgets(options: {
  database: Database
  config: Config
  logger: Logger
  made: (() => Promise<void>)[]
}): Promise<Budgets> {
  const { config, logger } = options
  const otherwise = createPostgresBudgets(options.database.query)
  if (config.redisUrl === null || !config.rateLimits) return otherwise
  const { createRedisBudgets } = await import('./limits/redis.ts')
  const first = await createRedisBudgets({ url: config.redisUrl, logger })
  options.made.push(first.dispose)
  return createFallbackBudgets({ first, otherwise, logger })
}

/** What logging in and being logged in take; the shell uses it without a server. */
export async function createAuth(options: {
  store: Store
  config: Config
  jwtSecrets: readonly string[]
  limits: RateLimiter
}): Promise<Auth> {
  const { store, config } = options
  const accessTokens = createAccessTokens({
    secrets: options.jwtSecrets,
    ttlSeconds: config.accessTokenTtlSeconds,
  })
  return {
    passwords: await createPasswords(),
    accessTokens,
    authenticator: createAuthenticator({ store, accessTokens }),
    refreshTokenTtlSeconds: config.refreshTokenTtlSeconds,
    // The password of the demo accounts is common, and whoever tries things out uses it.
    isCommonPassword: createIsCommonPassword(config.production ? null : seedPassword),
    limits: options.limits,
  }
}

/** The signing secrets: the configured ones, or one made up once and kept in the data folder. */
export function loadJwtSecrets(config: Config): readonly string[] {
  if (config.jwtSecrets !== null) return config.jwtSecrets
  const file = join(config.dataDir, 'jwt-secret')
  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 })
  try {
    writeFileSync(file, randomBytes(48).toString('base64url'), { flag: 'wx', mode: 0o600 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return [readFileSync(file, 'utf8').trim()]
}
