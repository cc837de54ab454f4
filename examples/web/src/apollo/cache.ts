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
}

type ReadField = FieldFunctionOptions['readField']
type Key = (node: Reference, readField: ReadField) => number

/** Apollo's cache for Parley: lists in which each item is once, in the server's order, whatever comes twice. */
export function createCache(): InMemoryCache {
  return new InMemoryCache({
    possibleTypes,
    typePolicies: {
      Viewer: { fields: { chats: listPolicy(newestFirst) } },
      Chat: { fields: { messages: listPolicy(sequence), members: listPolicy() } },
      // Without an id of its own it is a part of its user.
      User: { fields: { presence: { merge: true } } },
      Message: { fields: { reactions: { merge: false } } },
    },
  })
}

const sequence: Key = (node, readField) => readField<number>('sequence', node) ?? 0
const newestFirst: Key = (node, readField) => -Date.parse(readField<string>('lastActivityAt', node) ?? '')

/**
 * A list in the cache, whatever pages it came in and whatever events added to it: pages are merged by the identity of
 * their items. It is sorted when it is read, by fields that events change.
 */
function listPolicy(key?: Key): FieldPolicy<StoredConnection> {
  return {
    keyArgs: false,
    merge(existing, incoming, { args, readField }) {
      if (existing === undefined) return incoming
      const edges = new Map(existing.edges.map((edge) => [edge.node.__ref, edge]))
      for (const edge of incoming.edges) edges.set(edge.node.__ref, edge)
      const goesOn =
        args?.['after'] != null || args?.['before'] != null || reachesBack(incoming, existing, readField)
      return { ...existing, edges: [...edges.values()], pageInfo: (goesOn ? incoming : existing).pageInfo }
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

/** Whether a newest page goes back farther than what events had gathered before it came. */
function reachesBack(incoming: StoredConnection, existing: StoredConnection, readField: ReadField): boolean {
  const oldest = ({ edges }: StoredConnection) =>
    Math.min(...edges.map(({ node }) => sequence(node, readField)))
  return 'hasPreviousPage' in incoming.pageInfo && oldest(incoming) < oldest(existing)
}
