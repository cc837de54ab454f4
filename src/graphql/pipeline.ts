import { complexityFromQuery } from '@pothos/plugin-complexity'
import {
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  getVariableValues,
  Kind,
  NoSchemaIntrospectionCustomRule,
  type ParseOptions,
  parse,
  specifiedRules,
  TokenKind,
  validate,
} from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { RequestError, tokenRefused, unauthenticated } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Principal } from '../features/auth/viewer.ts'
import { createExecutor } from './executor.ts'
import { DocumentLimitsRule, documentLimits, isOpenDocument, maxCost, maxValidationErrors } from './limits.ts'
import { placeOf, toClientError } from './mask.ts'

/** What each transport finds out before an operation starts. */
export interface TransportContext {
  /** Whether the transport itself ends with the session: a WebSocket is closed, a stream of events is not. */
  readonly closesWithSession: boolean
  readonly principal: Principal
  /** Why the token that came along is worth nothing; null when it is good, or none came. */
  readonly tokenProblem: string | null
  readonly requestId: string
  readonly userAgent: string | null
  /** Where the request comes from: the socket's address, or the one that a trusted proxy tells. */
  readonly clientAddress: string
}

/**
 * Parsing, validation, limits, execution and masking, as one plugin, so that an operation meets the
 * same over HTTP, WebSocket and server-sent events.
 */
export function usePipeline(options: {
  schema: GraphQLSchema
  introspection: boolean
  suggestions: boolean
  logger: Logger
}): Plugin<TransportContext> {
  const extraRules = options.introspection ? [] : [NoSchemaIntrospectionCustomRule]
  const executor = createExecutor(options.schema)
  const mask = (error: unknown, context: TransportContext) =>
    toClientError(error, { requestId: context.requestId, logger: options.logger })

  /** What keeps the operation from being run with these variables, in the same words however it would be run. */
  const refuse = (args: ExecutionArgs, context: TransportContext): GraphQLError[] | null => {
    const operation = getOperationAST(args.document, args.operationName)
    const definitions = operation?.variableDefinitions ?? []
    const { errors } = getVariableValues(args.schema, definitions, args.variableValues ?? {}, {
      maxErrors: maxValidationErrors,
    })
    if (errors !== undefined) {
      return errors
        .slice(0, maxValidationErrors)
        .map((error) =>
          withCode(options.suggestions ? error : withoutSuggestion(error), 'GRAPHQL_VALIDATION_FAILED'),
        )
    }
    const refusal = refuseByCost(args)
    return refusal === null ? null : [mask(refusal, context)]
  }

  const validity = new WeakMap<DocumentNode, boolean>()
  const isValid = (document: DocumentNode): boolean => {
    const known = validity.get(document)
    if (known !== undefined) return known
    const valid = [[DocumentLimitsRule], specifiedRules].every(
      (each) => validate(options.schema, document, each, { maxErrors: 1 }).length === 0,
    )
    validity.set(document, valid)
    return valid
  }

  /**
   * Throws rather than replacing the result, which Yoga would remember for this text: whether a
   * document is refused depends on who sends it.
   */
  const refuseStranger = (document: DocumentNode, context: TransportContext): void => {
    const { principal, tokenProblem } = context
    if (tokenProblem !== null && !isOpenDocument(document, 'badToken')) {
      throw mask(tokenRefused(tokenProblem), context)
    }
    if (principal.kind === 'user') return
    if (!isOpenDocument(document, 'anonymous')) throw mask(unauthenticated(), context)
    // Where the schema is not to be read, what is wrong with a document would tell of it, too.
    if (!options.introspection && !isValid(document)) {
      throw withCode(new GraphQLError('The document is not valid.'), 'GRAPHQL_VALIDATION_FAILED')
    }
  }

  return {
    onParse({ context, setParseFn }) {
      setParseFn((source, parseOptions) => parseWithinLimits(String(source), parseOptions))
      return ({ result, replaceParseResult }) => {
        if (result instanceof GraphQLError) replaceParseResult(withCode(result, 'GRAPHQL_PARSE_FAILED'))
        else refuseStranger(result as DocumentNode, context)
      }
    },
    onValidate({ setValidationFn }) {
      setValidationFn((schema, document, standardRules, typeInfo) => {
        // First and alone: some of the standard rules compare each field with each.
        const oversize = validate(schema, document, [DocumentLimitsRule], { maxErrors: 1 })
        if (oversize.length > 0) return oversize
        const rules = [...standardRules, ...extraRules]
        return validate(schema, document, rules, { maxErrors: maxValidationErrors }, typeInfo)
          .slice(0, maxValidationErrors)
          .map((error) => (options.suggestions ? error : withoutSuggestion(error)))
      })
    },
    onExecute({ args, setExecuteFn, setResultAndStopExecution }) {
      const context = args.contextValue as TransportContext
      const errors = refuse(args, context)
      if (errors !== null) {
        setResultAndStopExecution({ errors })
        return
      }
      setExecuteFn(executor.execute as never)
      return {
        onExecuteDone({ result, setResult }) {
          const { errors } = result as ExecutionResult
          if (errors)
            setResult({ ...(result as ExecutionResult), errors: errors.map((e) => mask(e, context)) })
        },
      }
    },
    onSubscribe({ args, setSubscribeFn, setResultAndStopExecution }) {
      const context = args.contextValue as TransportContext
      const errors = refuse(args, context)
      if (errors !== null) {
        setResultAndStopExecution({ errors })
        return
      }
      const masked = (result: ExecutionResult): ExecutionResult =>
        result.errors === undefined
          ? result
          : { ...result, errors: result.errors.map((error) => mask(error, context)) }
      setSubscribeFn(((subscribeArgs: ExecutionArgs) =>
        executor.subscribe(subscribeArgs, masked, hasFailed, isGone, costOf(subscribeArgs))) as never)
    },
  }
}

const ourFailures: ReadonlySet<unknown> = new Set(['INTERNAL_SERVER_ERROR', 'SERVICE_UNAVAILABLE'])

/** Whether something went wrong on our side. */
function hasFailed({ errors }: ExecutionResult): boolean {
  return errors?.some(({ extensions }) => ourFailures.has(extensions['code'])) ?? false
}

/** Whether nothing is left of what it was to show, because that is not for the client any more. */
function isGone({ data, errors }: ExecutionResult): boolean {
  const nothing = data == null || Object.values(data).every((value) => value === null)
  return nothing && errors?.every(({ extensions }) => extensions['code'] === 'NOT_FOUND') === true
}

/** Parsed documents are kept, so they must not be large in any way: comments count for no token, but are kept as one. */
function parseWithinLimits(source: string, options: ParseOptions | undefined): DocumentNode {
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

/** What the operation costs with these very variables; of a subscription, one event. */
function costOf({ schema, document, operationName, variableValues, contextValue }: ExecutionArgs): number {
  const operation = getOperationAST(document, operationName)
  if (operation == null) return 0
  const definitions = document.definitions.filter((each) => each.kind === Kind.FRAGMENT_DEFINITION)
  const single: DocumentNode = { kind: Kind.DOCUMENT, definitions: [operation, ...definitions] }
  return complexityFromQuery(single, {
    schema,
    ctx: contextValue as object,
    ...(variableValues && { variables: variableValues }),
  }).complexity
}

/** Refuses what would cost too much. */
function refuseByCost(args: ExecutionArgs): Error | null {
  const cost = costOf(args)
  if (cost <= maxCost) return null
  return new RequestError(
    'QUERY_TOO_EXPENSIVE',
    `The operation costs ${cost}, and ${maxCost} is the limit: ask for smaller pages or fewer fields.`,
    { cost, limit: maxCost },
  )
}

function withCode(error: GraphQLError, code: string): GraphQLError {
  return new GraphQLError(error.message, {
    ...placeOf(error),
    extensions: { ...error.extensions, code, http: { status: 400, spec: true } },
  })
}

/** A suggestion tells names of the schema to somebody who may not read it. */
function withoutSuggestion(error: GraphQLError): GraphQLError {
  const message = error.message.replace(/ Did you mean .+$/s, '')
  if (message === error.message) return error
  return new GraphQLError(message, { ...placeOf(error), extensions: { ...error.extensions } })
}
