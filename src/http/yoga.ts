import { createYoga, type YogaServerInstance } from 'graphql-yoga'
import { uuidv7 } from '../core/ids.ts'
import type { Logger } from '../core/logger.ts'
import { toClientError } from '../graphql/operation/client-errors.ts'
import type { OperationRunner } from '../graphql/operation/runner.ts'
import { type HttpContext, useEventStreams } from './event-stream.ts'
import { useOperationRunner } from './operations.ts'

export type Yoga = YogaServerInstance<HttpContext, object>

/** GraphQL over HTTP: reads requests and writes answers, by the specification. Operations are run by the runner. */
export function createYogaServer(options: { runner: OperationRunner; logger: Logger }): Yoga {
  const { runner, logger } = options
  return createYoga<HttpContext, object>({
    plugins: [useOperationRunner(runner, logger), useEventStreams()],
    maskedErrors: {
      // What fails outside an operation: reading the request.
      maskError: (error) => toClientError(error, { requestId: uuidv7(), logger }),
    },
    parserAndValidationCache: false,
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
