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
import { resuming } from './graphql-ws.ts'
import { post } from './http.ts'
import type { Session } from './session.ts'

/** With `persistConfig` the compiler leaves an id in place of the text. */
function requestOf({ id, text }: RequestParameters) {
  return id ? { doc_id: id } : { query: text ?? '' }
}

/** Retries, refreshes, and sends subscriptions over `live`. */
export function createRelayEnvironment(url: string, session: Session, live: Client): Environment {
  const network = Network.create(
    async (params, variables) => {
      const body = { ...requestOf(params), variables }
      return (await post(url, session, body, params.operationKind === 'mutation')) as GraphQLResponse
    },
    (params, variables) => {
      const { request, saw } = resuming({ ...requestOf(params), variables })
      return Observable.create((sink) =>
        live.subscribe<Record<string, unknown>>(request, {
          next(result) {
            sink.next(result as GraphQLResponse)
            saw(result.data)
          },
          error: (error) => sink.error(error instanceof Error ? error : new Error(JSON.stringify(error))),
          complete: () => sink.complete(),
        }),
      )
    },
  )
  return new Environment({ network, store: new Store(new RecordSource()) })
}
