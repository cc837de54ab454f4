import type { GraphQLSchema } from 'graphql'
import { createYoga, type YogaServerInstance } from 'graphql-yoga'
import { uuidv7 } from '../core/ids.ts'
import { createLru } from '../core/lru.ts'
import type { Metrics } from '../core/metrics.ts'
import { createContext, type Services } from '../graphql/context.ts'
import { toClientError } from '../graphql/mask.ts'
import type { PersistedOperations } from '../graphql/persisted/operations.ts'
import { usePipeline } from '../graphql/pipeline.ts'
import { type HttpContext, useEventStreams } from './event-stream.ts'
import { usePersistedOperations } from './persisted.ts'

export type Yoga = YogaServerInstance<HttpContext, ReturnType<typeof createContext>>

/** GraphQL over HTTP and server-sent events. What is ours about an operation is in the pipeline. */
export function createYogaServer(options: {
  schema: GraphQLSchema
  services: Services
  operations: PersistedOperations
  introspection: boolean
  suggestions: boolean
  metrics: Metrics
}): Yoga {
  const { schema, services, operations } = options
  const { logger } = services
  return createYoga<HttpContext, ReturnType<typeof createContext>>({
    schema,
    context: (transport) => createContext(services, transport),
    plugins: [
      usePersistedOperations(operations),
      usePipeline({
        schema,
        introspection: options.introspection,
        suggestions: options.suggestions,
        metrics: options.metrics,
        logger,
      }),
      useEventStreams(),
    ],
    maskedErrors: {
      // What fails outside an operation: reading the request, building the context.
      maskError: (error) => toClientError(error, { requestId: uuidv7(), logger }),
    },
    parserAndValidationCache: { documentCache: operations.documents, errorCache: createLru(16) },
    logging: false,
    graphiql: false,
    landingPage: false,
    // Done before Yoga sees the request: by a list of origins, and by the length of the body.
    cors: false,
    maxRequestBodySize: false,
    multipart: false,
    batching: false,
  })
}
