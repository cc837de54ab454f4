import { brandWithType } from '@pothos/core'
import { RequestError } from '../core/errors.ts'
import { type NodeType, parseGlobalId, toGlobalId } from '../core/ids.ts'
import { maxPageSize } from '../core/pages.ts'
import { builder } from './builder.ts'
import type { Context } from './context.ts'

export const Node = builder.nodeInterfaceRef()

/**
 * How to load nodes of a type for whoever is asking: only what its feature's access function lets
 * through, and in a constant number of statements. Field scopes do not cover `node`, so this is where
 * its authorisation happens.
 */
type LoadNodes = (context: Context, ids: readonly string[]) => Promise<ReadonlyMap<string, object>>

const loaders = new Map<NodeType, LoadNodes>()

/** Makes a type reachable through `node` and `nodes`. */
export function nodeLoader(type: NodeType, load: LoadNodes): void {
  loaders.set(type, load)
}

async function loadNode(context: Context, globalId: string): Promise<object | null> {
  const parsed = parseGlobalId(globalId)
  const load = parsed === null ? undefined : loaders.get(parsed.type)
  if (parsed === null || load === undefined) return null
  const node = await context.batch.load(`node:${parsed.type}`, parsed.id, (ids) => load(context, ids))
  if (node === undefined) return null
  brandWithType(node, parsed.type as never)
  return node
}

async function loadNodes(context: Context, ids: readonly string[]): Promise<(object | null)[]> {
  if (ids.length > maxPageSize) {
    throw new RequestError('VALIDATION_FAILED', `\`ids\` may have at most ${maxPageSize} items.`)
  }
  return Promise.all(ids.map((id) => loadNode(context, id)))
}

/** A resolver for `id`. */
export function globalId(type: NodeType) {
  return (row: { readonly id: string }): string => toGlobalId(type, row.id)
}

builder.queryFields((t) => ({
  node: t.field({
    type: Node,
    nullable: true,
    description: 'Anything that has an id. Null when there is no such thing or the viewer may not see it.',
    args: { id: t.arg.id({ required: true, description: 'An id from any answer of this server.' }) },
    resolve: (_root, { id }, context) => loadNode(context, id) as never,
  }),
  nodes: t.field({
    type: [Node],
    nullable: { list: false, items: true },
    complexity: ({ ids }) => ({ field: 1, multiplier: ids.length }),
    description:
      'Several things by their ids, in the same order; null for each that does not exist or that the viewer may not see. At most 100.',
    args: {
      ids: t.arg.idList({ required: true, description: 'Ids from any answer of this server, at most 100.' }),
    },
    resolve: (_root, { ids }, context) => loadNodes(context, ids) as never,
  }),
}))
