import type { TypedDocumentNode } from '@graphql-typed-document-node/core'
import { execute } from './codegen.ts'
import { logIn, Session } from './session.ts'

/** @param url of Parley's `/graphql` @param query a document that the preset made, without variables */
export async function start<Data>(
  url: string,
  login: { identifier: string; password: string },
  query: TypedDocumentNode<Data, Record<string, never>>,
) {
  const session = new Session(url)
  session.begin(await logIn(url, login.identifier, login.password))
  const data = await execute({ url, session, persisted: false }, query, {})
  return { session, data }
}
