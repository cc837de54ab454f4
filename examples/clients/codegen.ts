import type { TypedDocumentNode } from '@graphql-typed-document-node/core'
import { getOperationAST, print } from 'graphql'
import { type Body, post } from './http.ts'
import type { Session } from './session.ts'

/** A document of the client preset as what is sent: its id, where it was generated with `persistedDocuments`. */
export function requestOf(document: TypedDocumentNode<unknown, never>, persisted: boolean): Body {
  const { hash } = Object((document as { __meta__?: unknown }).__meta__)
  return persisted ? { documentId: hash } : { query: print(document) }
}

/** Any operation, with the types that the client preset gave it. */
export async function execute<Data, Variables extends Record<string, unknown>>(
  { url, session, persisted }: { url: string; session: Session; persisted: boolean },
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
): Promise<Data> {
  const isMutation = getOperationAST(document)?.operation === 'mutation'
  const body = { ...requestOf(document, persisted), variables }
  const { data, errors } = await post<Data>(url, session, body, isMutation)
  if (!data || errors) throw new AggregateError(errors ?? [], errors?.[0]?.message)
  return data
}
