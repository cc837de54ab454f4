import type { Exchange } from '@urql/core'
import { type Cache, type CacheExchangeOpts, cacheExchange } from '@urql/exchange-graphcache'
import { relayPagination } from '@urql/exchange-graphcache/extras'

/** The introspected schema: it says which types stand behind an interface. */
export type Schema = NonNullable<CacheExchangeOpts['schema']>

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
export function createUrqlCache(schema: Schema): Exchange {
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
