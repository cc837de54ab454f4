import { Client, type Exchange, fetchExchange, subscriptionExchange } from '@urql/core'
import { authExchange } from '@urql/exchange-auth'
import { type Cache, type CacheExchangeOpts, cacheExchange } from '@urql/exchange-graphcache'
import { relayPagination } from '@urql/exchange-graphcache/extras'
import { persistedExchange } from '@urql/exchange-persisted'
import { type ExecutionResult, getOperationAST } from 'graphql'
import type { Client as LiveClient } from 'graphql-ws'
import { resuming } from './graphql-ws.ts'
import { fetchAgain, isRepeatable } from './http.ts'
import type { Session } from './session.ts'

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
    exchanges: [createCache(schema), auth, persisted, fetchExchange, subscriptions],
  })
}

/** The introspected schema: it says which types stand behind an interface. */
type Schema = NonNullable<CacheExchangeOpts['schema']>

const hasNoId = () => null
const keys: NonNullable<CacheExchangeOpts['keys']> = {
  // By default a place in a list is a part of that list; so it is one that an event can bring.
  MessageEdge: (edge) => Object(edge['node']).id ?? null,
  AuthTokens: hasNoId,
  Presence: hasNoId,
  ReactionGroup: hasNoId,
  SystemMessage: hasNoId,
  TextRange: hasNoId,
}

/** Pages of messages as one list, and what happens live at its end. */
function createCache(schema: Schema): Exchange {
  return cacheExchange({
    schema,
    keys,
    resolvers: { Chat: { messages: relayPagination({ mergeMode: 'outwards' }) } },
    updates: { Subscription: { events: ({ events }, _args, cache) => append(events as LiveEvent, cache) } },
  })
}

interface LiveEvent {
  readonly chat?: { readonly __typename: 'Chat'; readonly id: string }
  readonly messageEdge?: { readonly __typename: 'MessageEdge' }
}

/** To the page that has the newest messages, if it was loaded; what is edited is replaced without any doing. */
function append({ chat, messageEdge }: LiveEvent, cache: Cache): void {
  if (!chat || !messageEdge) return
  const edge = cache.keyOfEntity(messageEdge)
  for (const { fieldName, fieldKey } of cache.inspectFields(chat)) {
    if (fieldName !== 'messages') continue
    const page = cache.resolve(chat, fieldKey) as string
    const edges = cache.resolve(page, 'edges') as string[]
    const hasNext = cache.resolve(cache.resolve(page, 'pageInfo') as string, 'hasNextPage')
    if (!hasNext && !edges.includes(String(edge))) cache.link(page, 'edges', [...edges, edge])
  }
}
