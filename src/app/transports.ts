import type { Config } from '../config.ts'
import type { Metrics } from '../core/metrics.ts'
import type { Parts } from '../core/parts.ts'
import type { Database } from '../db/client.ts'
import type { Online } from '../features/presence/online.ts'
import type { Services } from '../graphql/context.ts'
import { createOperationRunner } from '../graphql/operation/runner.ts'
import type { PersistedOperations } from '../graphql/persisted/operations.ts'
import { createSchema } from '../graphql/schema.ts'
import { createClientAddresses } from '../http/client-address.ts'
import { createExportSender } from '../http/exports.ts'
import { findUnreadiness } from '../http/health.ts'
import { createMetricsSender } from '../http/metrics.ts'
import { createOrigins } from '../http/origins.ts'
import { createHttpServer, type HttpServer } from '../http/server.ts'
import { createWebSocketServer, type WebSocketServer } from '../http/websocket.ts'
import { createYogaServer } from '../http/yoga.ts'

/** How long requests, and operations on sockets, may take to finish: longer than a lock is waited for. */
const drainMs = 6_000

export interface Transports {
  readonly http: HttpServer
  readonly sockets: WebSocketServer
}

/** The ways in: HTTP with its event streams, and WebSockets, which run operations by the same runner. */
export function createTransports(options: {
  services: Services
  operations: PersistedOperations
  database: Database
  online: Online
  config: Config
  /** Whether the demo accounts are there. */
  demo: boolean
  renderMetrics: () => Promise<string>
  heartbeatMs: number
  metrics: Metrics
  parts: Parts
}): Transports {
  const { services, operations, online, config, metrics, parts, heartbeatMs } = options
  const { store, feed, logger } = services
  const runner = createOperationRunner({
    schema: createSchema(),
    services,
    operations,
    introspection: config.introspection,
    suggestions: !config.production,
    metrics,
  })
  const common = {
    authenticator: services.auth.authenticator,
    addressOf: createClientAddresses({ trustedProxies: config.trustedProxies, logger }),
    origins: createOrigins(config.corsOrigins),
    onConnected: online.enter,
    logger,
    heartbeatMs,
  }
  const http = createHttpServer({
    ...common,
    yoga: createYogaServer({ runner, logger }),
    findUnreadiness: () => findUnreadiness(options.database, feed),
    sendExport: createExportSender({
      store,
      links: services.dataExports.links,
      onSessionRevoked: feed.onSessionRevoked,
    }),
    corsAllowedHeaders: config.corsAllowedHeaders,
    sendMetrics: createMetricsSender({ access: config.metrics, render: options.renderMetrics }),
    graphiql: config.graphiql,
    webApp: config.webApp,
    demo: options.demo,
    onlyPersisted: config.persistedOperations === 'only',
  })
  const sockets = createWebSocketServer({
    ...common,
    server: http.server,
    runner,
    feed,
  })
  parts.addBusy('requests', () => http.close(drainMs))
  parts.addBusy('sockets', () => sockets.close(drainMs))
  return { http, sockets }
}
