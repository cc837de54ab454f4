import { Client, type Exchange, fetchExchange, subscriptionExchange } from '@urql/core'
import { authExchange } from '@urql/exchange-auth'
import { persistedExchange } from '@urql/exchange-persisted'
import { getOperationAST } from 'graphql'
import type { Client as LiveClient } from 'graphql-ws'
import { subscribe } from './graphql-ws.ts'
import { fetchAgain, isRepeatable, isUnauthenticated } from './http.ts'
import type { Session } from './session.ts'
import { createUrqlCache, type Schema } from './urql-cache.ts'

/**
 * Queries by GET, subscriptions over `live`. Queries and mutations go by their hash, and by their text where the server
 * has not seen it yet; where there are ids of operations, by their names, everything goes by its id.
 */
export function createUrqlClient(
  url: string,
  session: Session,
  live: LiveClient,
  schema: Schema,
  ids?: ReadonlyMap<string, string>,
): Client {
  const auth = authExchange(async ({ appendHeaders }) => ({
    addAuthToOperation: (operation) => appendHeaders(operation, { ...session.headers }),
    didAuthError: ({ graphQLErrors }) => graphQLErrors.some(isUnauthenticated),
    refreshAuth: async () => void (await session.refresh()),
  }))
  const subscriptions = subscriptionExchange({
    forwardSubscription: (request) => ({
      subscribe: (sink) => ({ unsubscribe: subscribe(live, request, sink) }),
    }),
  })
  return new Client({
    url,
    preferGetMethod: 'within-url-limit',
    fetch: repeating(session),
    exchanges: [createUrqlCache(schema), auth, persisted(ids), fetchExchange, subscriptions],
  })
}

/** What is posted is a mutation. */
const repeating =
  (session: Session): typeof fetch =>
  (input, init = {}) => {
    const body = init.method === 'POST' ? JSON.parse(String(init.body)) : null
    const repeatable = isRepeatable(body !== null, body?.variables)
    return fetchAgain(String(input), init, repeatable, session.timeoutMs)
  }

function persisted(ids?: ReadonlyMap<string, string>): Exchange {
  return persistedExchange({
    enableForMutation: true,
    preferGetForPersistedQueries: 'within-url-limit',
    ...(ids && {
      enforcePersistedQueries: true,
      enableForSubscriptions: true,
      generateHash: async (_text, document) => ids.get(getOperationAST(document)?.name?.value ?? ''),
    }),
  })
}
