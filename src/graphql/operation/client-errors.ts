import { GraphQLError, type GraphQLErrorOptions, Kind } from 'graphql'
import { RateLimitedError, RequestError, type RequestErrorCode, UserError } from '../../core/errors.ts'
import type { Logger } from '../../core/logger.ts'
import { isDatabaseUnavailable } from '../../db/unavailable.ts'

/** The HTTP status that goes with a code, where the media type lets errors have one. */
const httpStatus: Partial<Record<RequestErrorCode, number>> = {
  UNAUTHENTICATED: 401,
  QUERY_TOO_EXPENSIVE: 400,
}

/** Why an operation is not executed, where that is more than one error. Each has its code. */
export class OperationErrors extends Error {
  override readonly name = 'OperationErrors'
  readonly errors: readonly GraphQLError[]
  constructor(errors: readonly GraphQLError[]) {
    super('The operation cannot be executed.')
    this.errors = errors
  }
}

/**
 * The one place where failures become what a client sees. Ours keep their code; errors of GraphQL
 * itself keep their message; everything else is masked behind a request id, and told to the log.
 */
export function toClientError(error: unknown, options: { requestId: string; logger: Logger }): GraphQLError {
  const cause = error instanceof GraphQLError ? innermost(error) : error
  if (cause instanceof GraphQLError) {
    const located = cause === error ? cause : relocate(cause, error as GraphQLError)
    if (located.extensions['code'] !== undefined) return located
    if (isAboutArguments(cause)) return withCode(located, 'GRAPHQL_VALIDATION_FAILED')
  }
  const place = error instanceof GraphQLError ? placeOf(error) : {}
  if (cause instanceof RequestError || cause instanceof UserError) {
    const details =
      cause instanceof RequestError
        ? cause.details
        : cause instanceof RateLimitedError
          ? { retryAfterMs: cause.retryAfterMs }
          : {}
    const status = httpStatus[cause.code as RequestErrorCode]
    return new GraphQLError(cause.message, {
      ...place,
      extensions: {
        code: cause.code,
        ...details,
        ...(status !== undefined && { http: { status, spec: true } }),
      },
    })
  }
  options.logger.error({ err: cause, requestId: options.requestId }, 'an operation failed')
  if (isDatabaseUnavailable(cause)) {
    return new GraphQLError('The database is away. Try again in a moment; a send is safe to repeat.', {
      ...place,
      extensions: { code: 'SERVICE_UNAVAILABLE', requestId: options.requestId, unexpected: true },
    })
  }
  return new GraphQLError('Something went wrong on the server. The request id helps to find it in the log.', {
    ...place,
    extensions: { code: 'INTERNAL_SERVER_ERROR', requestId: options.requestId, unexpected: true },
  })
}

/** A GraphQL error of ours to which the specification gives a status. */
export function withCode(error: GraphQLError, code: string): GraphQLError {
  return new GraphQLError(error.message, {
    ...placeOf(error),
    extensions: { ...error.extensions, code, http: { status: 400, spec: true } },
  })
}

/** The same for an answer that has data, and so a status of its own. */
export function withoutStatus(error: GraphQLError): GraphQLError {
  const { http, ...extensions } = error.extensions
  return http === undefined ? error : new GraphQLError(error.message, { ...placeOf(error), extensions })
}

/**
 * Whether an argument could not take its value when the field was executed, such as null from a nullable variable that
 * has a default. Whatever else graphql-js finds wrong then is what a resolver returned.
 */
function isAboutArguments({ nodes = [] }: GraphQLError): boolean {
  return nodes.length > 0 && nodes.every(({ kind }) => kind === Kind.VARIABLE || kind.endsWith('Value'))
}

function innermost(error: GraphQLError): unknown {
  const { originalError } = error
  return originalError instanceof GraphQLError ? innermost(originalError) : (originalError ?? error)
}

function relocate(cause: GraphQLError, outer: GraphQLError): GraphQLError {
  return new GraphQLError(cause.message, {
    ...placeOf(outer),
    extensions: { ...cause.extensions },
  })
}

/** Where in the document and in the answer an error belongs. */
function placeOf({ nodes, source, positions, path }: GraphQLError): GraphQLErrorOptions {
  return { nodes: nodes ?? null, source: source ?? null, positions: positions ?? null, path: path ?? null }
}
