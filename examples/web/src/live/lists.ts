import type { ApolloCache, FieldFunctionOptions, Reference } from '@apollo/client'
import { type StoredConnection, type StoredEdge, settle } from '../apollo/cache.ts'
import {
  type MessageRowFragment,
  MessageRowFragmentDoc,
  type NewestMessagesFragment,
  NewestMessagesFragmentDoc,
} from '../gql/graphql.ts'

interface MessageEdge {
  readonly cursor: string
  readonly node: MessageRowFragment
}

/**
 * Adds a message to its chat's list, once, however often it comes: by the answer to sending it, by its event, by the
 * event again after a reconnect. Of a chat that was never opened the list begins here, and a page that is fetched later
 * joins it: so an event that overtakes the answer to a query is not lost.
 * @param inTurn whether everything before it has come, as of an event. The answer to sending may be ahead of events
 */
export function addMessage(cache: ApolloCache, edge: MessageEdge, { inTurn = false } = {}): void {
  const { cursor, node } = edge
  let isList = false
  let isStored = true
  cache.modify<Record<string, StoredConnection>>({
    id: idOf(cache, node.chat),
    fields: {
      messages: (list, { readField, canRead, toReference }) => {
        isList = true
        const message = toReference(idOf(cache, node))
        // As a whole, and not the few fields that the list of chats shows of it.
        isStored = message !== undefined && readField('reactions', message) !== undefined
        if (message === undefined || !isStored) return list as StoredConnection
        const added = { __typename: 'MessageEdge', cursor, node: message }
        return insert(list as StoredConnection, added, inTurn, { readField, canRead })
      },
    },
  })
  if (!isList) beginList(cache, edge)
  else if (!isStored) {
    cache.writeFragment({
      id: idOf(cache, node),
      fragment: MessageRowFragmentDoc,
      fragmentName: 'MessageRow',
      data: node,
    })
    addMessage(cache, edge, { inTurn })
  }
}

function beginList(cache: ApolloCache, { cursor, node }: MessageEdge): void {
  cache.writeFragment<NewestMessagesFragment>({
    id: idOf(cache, node.chat),
    fragment: NewestMessagesFragmentDoc,
    fragmentName: 'NewestMessages',
    data: {
      __typename: 'Chat',
      messages: {
        __typename: 'MessageConnection',
        edges: [{ __typename: 'MessageEdge', cursor, node }],
        pageInfo: { __typename: 'PageInfo', startCursor: cursor, hasPreviousPage: true },
      },
    },
  })
}

/** Looks from the end, where it mostly belongs: of a thousand that were missed each is added to a long list. */
function insert(
  list: StoredConnection,
  added: StoredEdge,
  inTurn: boolean,
  reading: Pick<FieldFunctionOptions, 'readField' | 'canRead'>,
): StoredConnection {
  const isSettled =
    list.known === undefined && list.edges.length > 0 && reading.canRead(list.edges.at(-1)?.node)
  const { edges, ...rest } = isSettled ? list : settle(list, reading)
  const number = (edge: StoredEdge | undefined) => edge && reading.readField<number>('sequence', edge.node)
  const own = number(added) ?? 0
  let end = edges.length
  while (end > 0 && (number(edges[end - 1]) ?? 0) > own) end--
  const isThere = number(edges[end - 1]) === own
  // Older than all of the list: it comes with its page.
  if (end === 0 && edges.length > 0) return list
  const before = number(edges[isThere ? end - 2 : end - 1])
  // Ones between that never came: it begins anew, and the pages before it bring them.
  if (inTurn && before !== undefined && before < own - 1) {
    const pageInfo = { ...rest.pageInfo, startCursor: added.cursor, hasPreviousPage: true }
    return { ...rest, edges: [added, ...edges.slice(end)], pageInfo }
  }
  return isThere ? list : { ...rest, edges: [...edges.slice(0, end), added, ...edges.slice(end)] }
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
