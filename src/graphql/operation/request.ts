import { GraphQLError } from 'graphql'

/** What a client asks for, in whichever transport. Nothing of it has been checked, and what else comes along is ignored. */
export interface OperationRequest {
  readonly query?: unknown
  readonly operationName?: unknown
  readonly variables?: unknown
  readonly extensions?: unknown
  readonly documentId?: unknown
  readonly doc_id?: unknown
  /** The name that some tools have for `documentId`. Counts only without a `query`. */
  readonly id?: unknown
}

/** The keys that say which document to run. */
export const documentKeys = [
  'query',
  'extensions',
  'documentId',
  'doc_id',
  'id',
] as const satisfies readonly (keyof OperationRequest)[]

export const requestKeys = [...documentKeys, 'operationName', 'variables'] as const

/**
 * Which operation of the document is asked for; an empty name is none.
 * @throws GraphQLError `BAD_REQUEST`
 */
export function readOperationName({ operationName }: OperationRequest): string | null {
  if (operationName == null || operationName === '') return null
  if (typeof operationName === 'string') return operationName
  throw badRequest('operationName must be a string.')
}

/** @throws GraphQLError `BAD_REQUEST` */
export function readVariables({ variables }: OperationRequest): Readonly<Record<string, unknown>> {
  if (variables == null) return {}
  if (isRecord(variables)) return variables
  throw badRequest('variables must be an object.')
}

/** @throws GraphQLError `BAD_REQUEST` */
export function readText({ query }: OperationRequest): string {
  if (typeof query === 'string') return query
  if (query != null) throw badRequest('query must be a string.')
  throw badRequest('The request has neither a query nor the id of a document.')
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function badRequest(message: string, status = 400): GraphQLError {
  return requestError(message, 'BAD_REQUEST', { status, spec: false })
}

/**
 * Why a request is not executed.
 * @param http the status; by the specification of GraphQL over HTTP alone (`spec`), or whatever the media type
 */
export function requestError(
  message: string,
  code: string,
  http: {
    readonly status: number
    readonly spec: boolean
    readonly headers?: Readonly<Record<string, string>>
  },
): GraphQLError {
  return new GraphQLError(message, { extensions: { code, http } })
}
