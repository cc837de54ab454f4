import {
  type ASTVisitor,
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  Kind,
  type ParseOptions,
  parse,
  type SelectionSetNode,
  specifiedRules,
  TokenKind,
  type ValidationContext,
  validate,
} from 'graphql'
import { createLru } from '../../core/lru.ts'
import { DocumentLimitsRule, documentLimits, maxValidationErrors } from './limits.ts'

/** Parsed documents, by their texts. */
export interface Documents {
  /** @throws GraphQLError */
  parse(text: string): DocumentNode
}

/**
 * Keeps the documents that were used last.
 * @param bytes how much memory they may take, about
 */
export function createDocuments(bytes: number): Documents {
  const kept = createLru<DocumentNode>({ weight: bytes, weigh: sizeOf })
  return {
    parse(text) {
      const known = kept.get(text)
      if (known !== undefined) return known
      const document = parseWithinLimits(text)
      kept.set(text, document)
      return document
    },
  }
}

/** Measured: a parsed token, with its share of nodes and locations, takes up to 480 bytes. */
const tokenBytes = 480

/** What a parsed document takes in memory, in bytes, at most. */
function sizeOf({ loc }: DocumentNode): number {
  let tokens = 0
  for (let token = loc?.startToken; token != null; token = token.next ?? undefined) tokens++
  return tokens * tokenBytes + 2 * (loc?.source.body.length ?? 0)
}

/**
 * Comments count for no token, but would be kept as one: they are dropped.
 * @throws GraphQLError
 */
export function parseWithinLimits(source: string, options?: ParseOptions): DocumentNode {
  if (source.length > documentLimits.characters) {
    throw new GraphQLError(`The document has more than ${documentLimits.characters} characters.`)
  }
  const document = parse(source, { ...options, maxTokens: documentLimits.tokens })
  for (let token = document.loc?.startToken; token != null; token = token.next ?? undefined) {
    if (token.kind !== TokenKind.COMMENT) continue
    if (token.prev !== null) Object.assign(token.prev, { next: token.next })
    if (token.next !== null) Object.assign(token.next, { prev: token.prev })
  }
  return document
}

/**
 * Our own rules come first and alone: some of the standard ones compare each field with each other, and the one about
 * subscriptions throws where a condition has a variable.
 */
export function validateWithinLimits(
  schema: GraphQLSchema,
  document: DocumentNode,
  { hideSuggestions = false }: { readonly hideSuggestions?: boolean } = {},
): readonly GraphQLError[] {
  const refusal = validate(schema, document, [DocumentLimitsRule, UnconditionalSubscriptionRule], {
    maxErrors: 1,
  })
  // One more than was asked for says that there are too many.
  if (refusal.length > 0) return refusal.slice(0, 1)
  const errors = validate(schema, document, specifiedRules, {
    maxErrors: maxValidationErrors,
    hideSuggestions,
  })
  return errors.slice(0, maxValidationErrors)
}

/**
 * "Single root field" of the specification, as of September 2025: a subscription whose only field may be skipped has
 * none, and nothing to subscribe to.
 */
function UnconditionalSubscriptionRule(context: ValidationContext): ASTVisitor {
  const check = (selections: SelectionSetNode, seen: ReadonlySet<string>): void => {
    for (const selection of selections.selections) {
      const condition = selection.directives?.find(({ name }) => /^(skip|include)$/.test(name.value))
      if (condition !== undefined) {
        const message = `The root field of a subscription must not depend on a condition: remove @${condition.name.value}.`
        context.reportError(new GraphQLError(message, { nodes: condition }))
      }
      if (selection.kind === Kind.INLINE_FRAGMENT) check(selection.selectionSet, seen)
      if (selection.kind !== Kind.FRAGMENT_SPREAD) continue
      const name = selection.name.value
      const fragment = context.getFragment(name)
      if (fragment && !seen.has(name)) check(fragment.selectionSet, new Set([...seen, name]))
    }
  }
  return {
    OperationDefinition(operation) {
      if (operation.operation === 'subscription') check(operation.selectionSet, new Set())
    },
  }
}
