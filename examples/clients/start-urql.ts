import { gql } from '@urql/core'
import { createLiveClient } from './graphql-ws.ts'
import { logIn, Session } from './session.ts'
import { createUrqlClient } from './urql.ts'
import type { Schema } from './urql-cache.ts'

/** @param url of Parley's `/graphql` */
export async function start(url: string, identifier: string, password: string, schema: Schema) {
  const session = new Session(url)
  session.begin(await logIn(url, identifier, password))
  const live = createLiveClient({ url: url.replace('http', 'ws'), session })
  const client = createUrqlClient(url, session, live, schema)
  const { data } = await client.query(gql`query Me { viewer { id user { id username } } }`, {})
  return { client, live, data }
}
