import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  type ParseOptions,
  parse,
  specifiedRules,
  TokenKind,
  type TypeInfo,
  type ValidationRule,
  validate,
} from 'graphql'
import { DocumentLimitsRule, documentLimits, maxValidationErrors } from './limits.ts'

/**
 * Parsed documents are kept, so they must not be large in any way: comments count for no token, but are kept as one.
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

/** The limits first and alone: some of the standard rules compare each field with each. */
export function validateWithinLimits(
  schema: GraphQLSchema,
  document: DocumentNode,
  options: {
    /** @default the standard rules */
    rules?: readonly ValidationRule[]
    /** @default maxValidationErrors */
    maxErrors?: number
    typeInfo?: TypeInfo | undefined
  } = {},
): readonly GraphQLError[] {
  const { rules = specifiedRules, maxErrors = maxValidationErrors, typeInfo } = options
  const oversize = validate(schema, document, [DocumentLimitsRule], { maxErrors: 1 })
  if (oversize.length > 0) return oversize
  // One more than was asked for says that there are too many.
  return validate(schema, document, rules, { maxErrors }, typeInfo).slice(0, maxErrors)
}
