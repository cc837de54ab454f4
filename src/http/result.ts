import type { ExecutionResult, FormattedExecutionResult, GraphQLError, GraphQLFormattedError } from 'graphql'

type PlainResult = FormattedExecutionResult<Record<string, unknown>>

/** A result as it is sent where there is no HTTP status to go with it. */
export function plainResult({ errors, ...rest }: ExecutionResult): PlainResult {
  const result = rest as PlainResult
  return errors === undefined ? result : { ...result, errors: errors.map(plainError) }
}

/** Without what an error says to the HTTP transport alone. */
export function plainError(error: GraphQLError): GraphQLFormattedError {
  const { extensions: all, ...rest } = error.toJSON()
  const { http: _http, unexpected: _unexpected, ...extensions } = all ?? {}
  return Object.keys(extensions).length === 0 ? rest : { ...rest, extensions }
}
