import type { Metrics } from '../core/metrics.ts'
import type { Services } from '../graphql/context.ts'
import type { PersistedOperations } from '../graphql/persisted/operations.ts'
import type { HttpServer } from '../http/server.ts'
import type { WebSocketServer } from '../http/websocket.ts'
import type { Databases } from './databases.ts'

/** What `/metrics` reads from the parts when somebody asks. */
export function watchParts(
  metrics: Metrics,
  parts: {
    operations: PersistedOperations
    feed: Services['feed']
    http: HttpServer
    sockets: WebSocketServer
    databases: Databases
  },
): void {
  const { operations, feed, http, sockets, databases } = parts
  metrics.watch('trusted_documents', 'Documents of manifests.', () => operations.trusted.documents, 'max')
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
  for (const [pool, database] of Object.entries(databases) as [string, Databases['main']][]) {
    metrics.watchStates(
      `database_${pool}_connections`,
      `Connections of the ${pool} pool; waiting: work that has none.`,
      () => database.connections,
    )
  }
}
