import type { GraphQLError } from 'graphql'
import { badRequest, isRecord, type OperationRequest, requestError } from '../operation/request.ts'

/** What a request names its document by. */
export interface DocumentName {
  /** By Apollo's hash protocol, which lets a text come along, or by an id alone. */
  readonly kind: 'hash' | 'id'
  readonly key: string
}

const prefixed = /^sha256:([0-9a-f]{64})$/

/** A SHA-256 is the same with the prefix that the specification of persisted documents gives it, and without. */
export function keyOf(id: string): string {
  return prefixed.exec(id)?.[1] ?? id
}

/**
 * The first that is there of `documentId`, `extensions.persistedQuery.sha256Hash`, `doc_id` and, without a text, `id`;
 * null for a request that has none of them.
 * @throws GraphQLError `BAD_REQUEST`
 */
export function nameIn(request: OperationRequest): DocumentName | null {
  const { documentId, doc_id: docId, id, query } = request
  const hash = hashIn(request.extensions)
  if (documentId != null) return { kind: 'id', key: readId(documentId, 'documentId') }
  if (hash !== null) return { kind: 'hash', key: hash }
  if (docId != null) return { kind: 'id', key: readId(docId, 'doc_id') }
  return id == null || (query != null && query !== '') ? null : { kind: 'id', key: readId(id, 'id') }
}

function readId(id: unknown, what: string): string {
  if (typeof id === 'string' && id !== '') return keyOf(id)
  throw badRequest(`${what} must be a non-empty string.`)
}

function hashIn(extensions: unknown): string | null {
  if (extensions == null) return null
  if (!isRecord(extensions)) throw badRequest('extensions must be an object.')
  const { persistedQuery } = extensions
  if (persistedQuery == null) return null
  if (!isRecord(persistedQuery)) throw badRequest('extensions.persistedQuery must be an object.')
  const { version, sha256Hash } = persistedQuery
  if (version !== 1) throw badRequest('Unsupported persisted query version: only 1 is known.')
  return readId(sha256Hash, 'extensions.persistedQuery.sha256Hash')
}

/**
 * Statuses of the hash protocol are Apollo's own, whatever the media type: 200 where a client is to send its text.
 * Everybody else's are those of GraphQL over HTTP. What may be different a moment later must not be kept by caches.
 */
function refusal(message: string, code: string, status: { status: number; spec: boolean }): GraphQLError {
  return requestError(message, code, { ...status, headers: { 'cache-control': 'no-store' } })
}

const always = (status: number) => ({ status, spec: false })
const bySpecification = (status: number) => ({ status, spec: true })

/** The message is part of the protocol: clients go by it. */
export function notFound({ kind }: DocumentName): GraphQLError {
  const status = kind === 'hash' ? always(200) : bySpecification(400)
  return refusal('PersistedQueryNotFound', 'PERSISTED_QUERY_NOT_FOUND', status)
}

/** Likewise: clients send texts from then on, and no hashes. */
export function notSupported({ kind }: DocumentName): GraphQLError {
  const status = kind === 'hash' ? always(200) : bySpecification(400)
  return refusal('PersistedQueryNotSupported', 'PERSISTED_QUERY_NOT_SUPPORTED', status)
}

/** Not in the words of the protocol: nobody is to send the text in answer. */
export function notInList(): GraphQLError {
  const message = 'This server runs the operations of its manifests only, and this is none of them.'
  return refusal(message, 'PERSISTED_QUERY_NOT_IN_LIST', bySpecification(400))
}

export function hashMismatch(): GraphQLError {
  return refusal('provided sha does not match query', 'PERSISTED_QUERY_HASH_MISMATCH', always(400))
}
