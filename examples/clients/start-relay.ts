import { fetchQuery, type GraphQLTaggedNode, type OperationType } from 'relay-runtime'
import { createLiveClient } from './graphql-ws.ts'
import { createRelayEnvironment } from './relay.ts'
import { logIn, Session } from './session.ts'

/** @param url of Parley's `/graphql` @param query what the compiler made of a `graphql` tag */
export async function start<Query extends OperationType>(
  url: string,
  login: { identifier: string; password: string },
  query: GraphQLTaggedNode,
  variables: Query['variables'],
) {
  const session = new Session(url)
  session.begin(await logIn(url, login.identifier, login.password))
  const live = createLiveClient({ url: url.replace('http', 'ws'), session })
  const environment = createRelayEnvironment(url, session, live)
  const data = await fetchQuery<Query>(environment, query, variables).toPromise()
  return { environment, live, data }
}
