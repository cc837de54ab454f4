import { Client, fetchExchange, subscriptionExchange } from '@urql/core'
import { authExchange } from '@urql/exchange-auth'
import { persistedExchange } from '@urql/exchange-persisted'
import { type ExecutionResult, getOperationAST } from 'graphql'
import type { Client as LiveClient } from 'graphql-ws'
import { resuming } from './graphql-ws.ts'
import { fetchAgain, isRepeatable } from './http.ts'
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
    didAuthError: ({ graphQLErrors }) =>
      graphQLErrors.some(({ extensions }) => extensions['code'] === 'UNAUTHENTICATED'),
    refreshAuth: async () => void (await session.refresh()),
  }))
  const persisted = persistedExchange({
    enableForMutation: true,
    preferGetForPersistedQueries: 'within-url-limit',
    ...(ids && {
      enforcePersistedQueries: true,
      enableForSubscriptions: true,
      generateHash: async (_text, document) => ids.get(getOperationAST(document)?.name?.value ?? ''),
    }),
  })
  const subscriptions = subscriptionExchange({
    forwardSubscription: (asked) => ({
      subscribe(sink) {
        const { request, saw } = resuming(asked)
        const unsubscribe = live.subscribe<Record<string, unknown>>(request, {
          next(result) {
            sink.next(result as ExecutionResult)
            saw(result.data)
          },
          error: (error) => sink.error(error),
          complete: () => sink.complete(),
        })
        return { unsubscribe }
      },
    }),
  })
  return new Client({
    url,
    preferGetMethod: 'within-url-limit',
    fetch: (input, init = {}) => {
      const body = init.method === 'POST' ? JSON.parse(String(init.body)) : null
      return fetchAgain(String(input), init, isRepeatable(body !== null, body?.variables))
    },
    exchanges: [createUrqlCache(schema), auth, persisted, fetchExchange, subscriptions],
  })
}
