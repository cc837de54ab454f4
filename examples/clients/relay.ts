import type { Client } from 'graphql-ws'
import {
  Environment,
  type GraphQLResponse,
  Network,
  Observable,
  RecordSource,
  type RequestParameters,
  Store,
} from 'relay-runtime'
import { subscribe } from './graphql-ws.ts'
import { post } from './http.ts'
import type { Session } from './session.ts'

/** Repeats what may be, refreshes tokens, and sends subscriptions over `live`. */
export function createRelayEnvironment(url: string, session: Session, live: Client): Environment {
  const network = Network.create(
    async (params, variables) => {
      const body = { ...requestOf(params), variables }
      return (await post(url, session, body, params.operationKind === 'mutation')) as GraphQLResponse
    },
    (params, variables) =>
      Observable.create((sink) => subscribe(live, { ...requestOf(params), variables }, sink)),
  )
  return new Environment({ network, store: new Store(new RecordSource()) })
}

/** With `persistConfig` the compiler leaves an id in place of the text. */
function requestOf({ id, text }: RequestParameters) {
  return id ? { doc_id: id } : { query: text ?? '' }
}
