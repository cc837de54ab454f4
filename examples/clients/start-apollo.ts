import { ApolloClient, gql } from '@apollo/client'
import { createApolloLink } from './apollo.ts'
import { createApolloCache } from './apollo-cache.ts'
import { createLiveClient } from './graphql-ws.ts'
import { logIn, Session } from './session.ts'

/** @param url of Parley's `/graphql` */
export async function start(url: string, identifier: string, password: string) {
  const session = new Session(url)
  session.begin(await logIn(url, identifier, password))
  const live = createLiveClient({ url: url.replace('http', 'ws'), session })
  const link = createApolloLink(url, session, live)
  const client = new ApolloClient({ cache: createApolloCache(), link })
  const { data } = await client.query({ query: gql`query Me { viewer { id user { id username } } }` })
  return { client, live, data }
}
