import { type FieldFunctionOptions, type FieldPolicy, InMemoryCache, type Reference } from '@apollo/client'
import { possibleTypes } from '../gql/possibleTypes.ts'

export interface StoredEdge {
  readonly __typename?: string
  readonly cursor: string
  readonly node: Reference
}

/** A list as the cache stores it. */
export interface StoredConnection {
  readonly edges: readonly StoredEdge[]
  readonly pageInfo: Readonly<Record<string, unknown>>
  /** Of messages: what was there when this page of the newest came. See `settle`. */
  readonly known?: StoredConnection
}

type ReadField = FieldFunctionOptions['readField']
type Reading = Pick<FieldFunctionOptions, 'readField' | 'canRead'>
type Key = (node: Reference, readField: ReadField) => number

/** Apollo's cache for Parley: lists in which each item is once, in the server's order, whatever comes twice. */
export function createCache(): InMemoryCache {
  return new InMemoryCache({
    possibleTypes,
    typePolicies: {
      Viewer: { fields: { chats: listPolicy(newestFirst) } },
      Chat: { fields: { messages: messagesPolicy, members: listPolicy() } },
      // Without an id of its own it is a part of its user.
      User: { fields: { presence: { merge: true } } },
      Message: { fields: { reactions: { merge: false } } },
    },
  })
}

const newestFirst: Key = (node, readField) => -Date.parse(readField<string>('lastActivityAt', node) ?? '')

/**
 * A list in the cache, whatever pages it came in and whatever events added to it: pages are merged by the identity of
 * their items. It is sorted when it is read, by fields that events change.
 */
function listPolicy(key?: Key): FieldPolicy<StoredConnection | undefined, StoredConnection> {
  return {
    keyArgs: false,
    merge(existing, incoming, { args }) {
      if (isFartherPage(args)) return joinsOn(existing, args) ? unite(existing, incoming) : existing
      return existing === undefined ? incoming : { ...unite(existing, incoming), pageInfo: existing.pageInfo }
    },
    read(existing, { canRead, readField }) {
      if (existing === undefined) return undefined
      // What was evicted (a chat that was left, a member who is gone) leaves its place without a trace.
      const edges = existing.edges.filter(({ node }) => canRead(node))
      if (key === undefined) return { ...existing, edges }
      const keyed = edges.map((edge) => ({ edge, by: key(edge.node, readField) }))
      return { ...existing, edges: keyed.sort((a, b) => a.by - b.by).map(({ edge }) => edge) }
    },
  }
}

/**
 * The messages of a chat have no gap: the list is what stands between its oldest message and its newest, each number once
 * and in order. Older ones come by pages that begin where it ends; newer ones by events, which are followed from a place in
 * the log that is older than every list (live/followEvents.ts). What does not join on replaces the list, or is dropped: what
 * is older then can be fetched by scrolling, while nothing would ever fill a gap. Only the answer to sending a message may be
 * ahead of the events of those before it (`addMessage` in live/lists.ts).
 */
const messagesPolicy: FieldPolicy<StoredConnection | undefined, StoredConnection> = {
  keyArgs: false,
  merge(existing, incoming, { args, ...reading }) {
    if (existing === undefined) return isFartherPage(args) ? undefined : incoming
    const known = settle(existing, reading)
    if (!isFartherPage(args)) return { ...incoming, known }
    if (!joinsOn(known, args)) return known
    return { ...incoming, edges: [...incoming.edges, ...known.edges] }
  },
  read(existing, reading) {
    return existing && settle(existing, reading)
  },
}

const isFartherPage = (args: Record<string, unknown> | null) =>
  args?.['after'] != null || args?.['before'] != null

/** Whether a farther page begins where the list ends. One that was asked for of an earlier list need not. */
function joinsOn(
  list: StoredConnection | undefined,
  args: Record<string, unknown> | null,
): list is StoredConnection {
  if (list === undefined) return false
  const { startCursor, endCursor } = list.pageInfo
  return args?.['before'] != null ? args['before'] === startCursor : args?.['after'] === endCursor
}

function unite(existing: StoredConnection, incoming: StoredConnection): StoredConnection {
  const edges = new Map(existing.edges.map((edge) => [edge.node.__ref, edge]))
  for (const edge of incoming.edges) edges.set(edge.node.__ref, edge)
  return { ...incoming, edges: [...edges.values()] }
}

/**
 * Joins a newest page to what was known before it. That is not done when it comes: Apollo merges a list before it has
 * stored the messages in it, whose numbers are needed here.
 */
export function settle({ known, ...page }: StoredConnection, reading: Reading): StoredConnection {
  const newest = withoutGone(page, reading)
  if (known === undefined) return newest
  const before = withoutGone(known, reading)
  const number = ({ node }: StoredEdge) => reading.readField<number>('sequence', node) ?? 0
  const [first, last] = [newest.edges[0], newest.edges.at(-1)]
  if (first === undefined || last === undefined) return before.edges.length > 0 ? before : newest
  const older = before.edges.filter((edge) => number(edge) < number(first))
  const newer = before.edges.filter((edge) => number(edge) > number(last))
  // Overtaken: the page had been read before those that have come by now, and others between may be in neither.
  if (newer.length === before.edges.length && newer[0] && number(newer[0]) > number(last) + 1) return before
  let start = older.length
  for (let next = number(first); start > 0; start--) {
    next -= 1
    if (number(older[start - 1] as StoredEdge) !== next) break
  }
  return {
    ...newest,
    edges: [...older.slice(start), ...newest.edges, ...newer],
    pageInfo: start < older.length ? before.pageInfo : newest.pageInfo,
  }
}

/** Messages that were cleared are evicted, and their edges stay. */
function withoutGone(list: StoredConnection, { canRead }: Reading): StoredConnection {
  return list.edges.every(({ node }) => canRead(node))
    ? list
    : { ...list, edges: list.edges.filter(({ node }) => canRead(node)) }
}
