import {
  type ASTVisitor,
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  Kind,
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
 * @param bytes an approximate bound
 */
export function createDocuments(bytes: number): Documents {
  const kept = createLru<DocumentNode>({ weight: bytes, weigh: sizeOfDocument })
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

/** The most that a parsed document takes in memory, in bytes. */
export function sizeOfDocument({ loc }: DocumentNode): number {
  let tokens = 0
  for (let token = loc?.startToken; token != null; token = token.next ?? undefined) tokens++
  return tokens * tokenBytes + 2 * (loc?.source.body.length ?? 0)
}

/**
 * `maxTokens` ignores comments, but the parser keeps them as tokens, so they are dropped.
 * @throws GraphQLError
 */
export function parseWithinLimits(source: string): DocumentNode {
  if (source.length > documentLimits.characters) {
    throw new GraphQLError(`The document has more than ${documentLimits.characters} characters.`)
  }
  const document = parse(source, { maxTokens: documentLimits.tokens })
  for (let token = document.loc?.startToken; token != null; token = token.next ?? undefined) {
    if (token.kind !== TokenKind.COMMENT) continue
    if (token.prev !== null) Object.assign(token.prev, { next: token.next })
    if (token.next !== null) Object.assign(token.next, { prev: token.prev })
  }
  return document
}

/**
 * The limits come first and alone, then the rule on subscriptions: each following rule may take longer with what the one
 * before refuses. Some of the standard rules compare each field with each other, and the one about subscriptions
 * throws if a condition has a variable.
 */
export function validateWithinLimits(
  schema: GraphQLSchema,
  document: DocumentNode,
  { hideSuggestions = false }: { readonly hideSuggestions?: boolean } = {},
): readonly GraphQLError[] {
  for (const rule of [DocumentLimitsRule, UnconditionalSubscriptionRule]) {
    // graphql-js appends an error of its own past `maxErrors`.
    const [error] = validate(schema, document, [rule], { maxErrors: 1 })
    if (error !== undefined) return [error]
  }
  const errors = validate(schema, document, specifiedRules, {
    maxErrors: maxValidationErrors,
    hideSuggestions,
  })
  return errors.slice(0, maxValidationErrors)
}

/**
 * "Single root field" of the specification, as of September 2025: a subscription whose only field may be skipped has
 * nothing to subscribe to.
 */
function UnconditionalSubscriptionRule(context: ValidationContext): ASTVisitor {
  /** @param seen fragments that were checked, so that those within each other are walked once */
  const check = ({ selections }: SelectionSetNode, seen: Set<string>): void => {
    for (const selection of selections) {
      const condition = selection.directives?.find(({ name }) => /^(skip|include)$/.test(name.value))
      if (condition !== undefined) {
        const message = `@${condition.name.value} is not allowed on the root field of a subscription. Remove it.`
        context.reportError(new GraphQLError(message, { nodes: condition }))
      }
      if (selection.kind === Kind.INLINE_FRAGMENT) check(selection.selectionSet, seen)
      if (selection.kind !== Kind.FRAGMENT_SPREAD || seen.has(selection.name.value)) continue
      seen.add(selection.name.value)
      const fragment = context.getFragment(selection.name.value)
      if (fragment) check(fragment.selectionSet, seen)
    }
  }
  return {
    OperationDefinition(operation) {
      if (operation.operation === 'subscription') check(operation.selectionSet, new Set())
    },
  }
}
