import {
  type ASTVisitor,
  type FieldNode,
  type FragmentDefinitionNode,
  GraphQLError,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  type ValidationContext,
} from 'graphql'

/**
 * Bounds on a document, checked before anything of it runs. They are far above what a real client
 * asks for and far below what would keep the server busy. docs/errors.md names the codes.
 */
export const documentLimits = {
  /** Characters (UTF-16 units), checked before parsing. */
  characters: 32_000,
  /** Lexical tokens, checked while parsing. */
  tokens: 1000,
  /** Fields within fields; introspection needs 15 and is bounded by a rule of its own. */
  depth: 12,
  /** Fields, fragments expanded. Following every kind of event, with what a client shows of each, takes some 400. */
  fields: 500,
  /** Fields about the schema itself; the query of graphql's own tools needs some 250. */
  introspectionFields: 400,
  /** Fragment spreads, those within fragments counted as often as they are reached. */
  spreads: 200,
  /** Fields of the operation itself. */
  rootFields: 10,
  aliases: 15,
  /** Directives at one place. */
  directives: 5,
} as const

/** At most this many validation errors are reported. */
export const maxValidationErrors = 3

/** The sum over all fields, each counted as often as its page size allows. */
export const maxCost = 10_000

/** The limits on an operation, in the order of checking, as a message calls what they count. */
const limits = {
  depth: 'levels of fields',
  fields: 'fields',
  introspectionFields: 'introspection fields',
  spreads: 'fragment spreads',
  rootFields: 'root fields',
  aliases: 'aliases',
  directives: 'directives in one place',
} as const

type Limit = keyof typeof limits
type Size = Record<Limit, number>

const limitNames = Object.keys(limits) as Limit[]

/** Reports an operation that is out of bounds. */
export function DocumentLimitsRule(context: ValidationContext): ASTVisitor {
  return {
    OperationDefinition(operation) {
      const size = measure(operation, context)
      for (const limit of limitNames) {
        if (size[limit] > documentLimits[limit]) {
          const message = `The operation exceeds the limit of ${documentLimits[limit]} ${limits[limit]}.`
          context.reportError(new GraphQLError(message, { nodes: operation }))
          return
        }
      }
    },
  }
}

/** Counts with fragments expanded, and stops as soon as any limit is passed. */
function measure(operation: OperationDefinitionNode, context: ValidationContext): Size {
  const size: Size = {
    depth: 0,
    fields: 0,
    introspectionFields: 0,
    spreads: 0,
    rootFields: 0,
    aliases: 0,
    directives: operation.directives?.length ?? 0,
  }
  const open = new Set<FragmentDefinitionNode>()

  function within(): boolean {
    return limitNames.every((limit) => size[limit] <= documentLimits[limit])
  }

  function walk(selections: SelectionSetNode, depth: number): void {
    for (const selection of selections.selections) {
      if (!within()) return
      size.directives = Math.max(size.directives, selection.directives?.length ?? 0)
      if (selection.kind === Kind.FIELD) field(selection, depth)
      else if (selection.kind === Kind.INLINE_FRAGMENT) walk(selection.selectionSet, depth)
      else spread(selection.name.value, depth)
    }
  }

  function field(node: FieldNode, depth: number): void {
    if (depth < 0) size.introspectionFields++
    // Clients put it into every selection, and it costs nothing.
    else if (depth === 0 || node.name.value !== '__typename') size.fields++
    if (depth === 0) size.rootFields++
    if (node.alias !== undefined) size.aliases++
    // Introspection is as deep as types are wrapped; graphql's own rule bounds its recursion.
    if (depth === 0 && node.name.value.startsWith('__')) {
      if (node.selectionSet !== undefined) walk(node.selectionSet, Number.NEGATIVE_INFINITY)
      return
    }
    size.depth = Math.max(size.depth, depth + 1)
    if (node.selectionSet !== undefined) walk(node.selectionSet, depth + 1)
  }

  function spread(name: string, depth: number): void {
    size.spreads++
    const fragment = context.getFragment(name)
    // Unknown and cyclic fragments are reported by the standard rules.
    if (!fragment || open.has(fragment)) return
    open.add(fragment)
    size.directives = Math.max(size.directives, fragment.directives?.length ?? 0)
    walk(fragment.selectionSet, depth)
    open.delete(fragment)
  }

  walk(operation.selectionSet, 0)
  return size
}
