import type { ApolloCache, Reference } from '@apollo/client'
import type { StoredConnection, StoredEdge } from '../apollo/cache.ts'
import {
  type MessageRowFragment,
  type NewestMessagesFragment,
  NewestMessagesFragmentDoc,
} from '../gql/graphql.ts'

/**
 * Adds a message to its chat's list, once, however often it comes: by the answer to sending it, by its event, by the
 * event again after a reconnect. Of a chat that was never opened the list begins here, and a page that is fetched later
 * joins it: so an event that overtakes the answer to a query is not lost.
 */
export function addMessage(
  cache: ApolloCache,
  { cursor, node }: { readonly cursor: string; readonly node: MessageRowFragment },
): void {
  if (appendMessage(cache, cursor, node)) return
  const edge = { __typename: 'MessageEdge' as const, cursor, node }
  cache.writeFragment<NewestMessagesFragment>({
    id: idOf(cache, node.chat),
    fragment: NewestMessagesFragmentDoc,
    fragmentName: 'NewestMessages',
    data: {
      __typename: 'Chat',
      messages: {
        __typename: 'MessageConnection',
        edges: [edge],
        pageInfo: { __typename: 'PageInfo', startCursor: cursor, hasPreviousPage: true },
      },
    },
  })
}

/**
 * The common case, and the cheap one: a message newer than all of the list, which the cache has already. Merging it as a
 * page would go through the whole list for each of a thousand that were missed.
 * @returns whether it is in the list now
 */
function appendMessage(cache: ApolloCache, cursor: string, node: MessageRowFragment): boolean {
  const ref = idOf(cache, node)
  let appended = false
  cache.modify<Record<string, StoredConnection>>({
    id: idOf(cache, node.chat),
    fields: {
      messages: (list, { readField, canRead, toReference }) => {
        const { edges, ...rest } = list as StoredConnection
        // Not always the newest: pages are stored as they came. It says that the list goes back far enough.
        const last = edges.at(-1)
        const message = toReference(ref)
        if (last === undefined || message === undefined || !canRead(message)) return list as StoredConnection
        if (edges.some((edge) => edge.node.__ref === ref)) {
          appended = true
          return list as StoredConnection
        }
        const newest = readField<number>('sequence', last.node)
        if (newest === undefined || newest >= node.sequence) return list as StoredConnection
        appended = true
        return { ...rest, edges: [...edges, { __typename: 'MessageEdge', cursor, node: message }] }
      },
    },
  })
  return appended
}

/** Puts a chat, which the cache has already, into the viewer's list. Where it belongs there its activity says. */
export function addChat(cache: ApolloCache, chat: Identified, cursor: string, viewer?: Identified): void {
  const viewerId = viewer === undefined ? onlyViewer(cache) : idOf(cache, viewer)
  addEdge(cache, viewerId, 'chats', { __typename: 'ChatEdge', cursor, node: { __ref: idOf(cache, chat) } })
}

/** Adds to a list that is there, and that `takes` it; one that was never fetched stays unknown. */
export function addEdge(
  cache: ApolloCache,
  owner: string,
  field: string,
  edge: StoredEdge,
  takes: (list: StoredConnection) => boolean = () => true,
): void {
  cache.modify<Record<string, StoredConnection>>({
    id: owner,
    fields: {
      [field]: (list) => {
        const { edges, ...rest } = list as StoredConnection
        const isThere = edges.some(({ node }) => node.__ref === edge.node.__ref)
        if (isThere || !takes(list as StoredConnection)) return list as StoredConnection
        return { ...rest, edges: [...edges, edge] }
      },
    },
  })
}

export interface Identified {
  readonly __typename: string
  readonly id: string
}

/** What the cache keeps a thing under. */
export function idOf(cache: ApolloCache, thing: Identified): string {
  return cache.identify({ __typename: thing.__typename, id: thing.id }) ?? ''
}

function onlyViewer(cache: ApolloCache): string {
  const root = (cache.extract() as Record<string, { viewer?: Reference } | undefined>)['ROOT_QUERY']
  return root?.viewer?.__ref ?? ''
}
