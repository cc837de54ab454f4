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
} from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { tokenRefused, unauthenticated } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Metrics } from '../core/metrics.ts'
import type { TokenProblem } from '../features/auth/sessions.ts'
import type { Principal } from '../features/auth/viewer.ts'
import { costOf, refuseByCost } from './cost.ts'
import { parseWithinLimits, validateWithinLimits } from './documents.ts'
import { createExecutor, type Failure } from './executor.ts'
import { isOpenDocument, maxValidationErrors } from './limits.ts'
import { placeOf, toClientError } from './mask.ts'

/** What each transport finds out before an operation starts. */
export interface TransportContext {
  /** Whether the transport itself ends with the session: a WebSocket is closed, a stream of events is not. */
  readonly closesWithSession: boolean
  /** The cursor that the transport brought along to resume behind: what `Last-Event-ID` says, and newer than `after`. */
  readonly resumeAfter: string | null
  readonly principal: Principal
  /** Why the token that came along is worth nothing; null when it is good, or none came. */
  readonly tokenProblem: TokenProblem | null
  readonly requestId: string
  readonly userAgent: string | null
  /** Where the request comes from: the socket's address, or the one that a trusted proxy tells. */
  readonly clientAddress: string
  /** Called once the document has turned out to be one that the caller may run. */
  readonly onValid?: (() => void) | undefined
}

/**
 * Parsing, validation, limits, execution and masking, as one plugin, so that an operation meets the
 * same over HTTP, WebSocket and server-sent events.
 */
export function usePipeline(options: {
  schema: GraphQLSchema
  introspection: boolean
  suggestions: boolean
  metrics: Metrics
  logger: Logger
}): Plugin<TransportContext> {
  const { metrics } = options
  const extraRules = options.introspection ? [] : [NoSchemaIntrospectionCustomRule]
  const executor = createExecutor()
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
    const valid = validateWithinLimits(options.schema, document, { maxErrors: 1 }).length === 0
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
        const rules = [...standardRules, ...extraRules]
        return validateWithinLimits(schema, document, { rules, typeInfo }).map((error) =>
          options.suggestions ? error : withoutSuggestion(error),
        )
      })
    },
    onExecute({ args, setExecuteFn, setResultAndStopExecution }) {
      const context = args.contextValue as TransportContext
      context.onValid?.()
      const count = counting(metrics, args, context)
      const errors = refuse(args, context)
      if (errors !== null) {
        count('refused')
        setResultAndStopExecution({ errors })
        return
      }
      setExecuteFn(executor.execute as never)
      return {
        onExecuteDone({ result, setResult }) {
          const { errors } = result as ExecutionResult
          if (errors === undefined) return count('ok')
          const masked = { ...(result as ExecutionResult), errors: errors.map((e) => mask(e, context)) }
          count(failureOf(masked) === null ? 'errors' : 'failed')
          setResult(masked)
        },
      }
    },
    onSubscribe({ args, setSubscribeFn, setResultAndStopExecution }) {
      const context = args.contextValue as TransportContext
      context.onValid?.()
      const count = counting(metrics, args, context)
      const errors = refuse(args, context)
      if (errors !== null) {
        count('refused')
        setResultAndStopExecution({ errors })
        return
      }
      const masked = (result: ExecutionResult): ExecutionResult =>
        result.errors === undefined
          ? result
          : { ...result, errors: result.errors.map((error) => mask(error, context)) }
      setSubscribeFn((async (subscribeArgs: ExecutionArgs) => {
        const cost = costOf(subscribeArgs)
        const results = await executor.subscribe(subscribeArgs, masked, failureOf, isGone, cost)
        if (Symbol.asyncIterator in results) {
          count('ok')
          return counted(metrics, results, subscribeArgs, context)
        }
        count(failureOf(results) === null ? 'errors' : 'failed')
        return results
      }) as never)
    },
  }
}

/** Counts the operation and how long it took, once it is known what came of it. */
function counting(metrics: Metrics, { document, operationName }: ExecutionArgs, context: TransportContext) {
  const begun = performance.now()
  const type = getOperationAST(document, operationName)?.operation ?? 'query'
  const transport = context.closesWithSession ? 'websocket' : 'http'
  return (outcome: 'ok' | 'errors' | 'failed' | 'refused'): void => {
    metrics.operations.inc({ transport, type, outcome })
    if (outcome !== 'refused') metrics.operationDuration.observe({ type }, performance.now() - begun)
  }
}

/** Counts a subscription for as long as it is open, and what it hands over. */
function counted(
  metrics: Metrics,
  results: AsyncIterableIterator<ExecutionResult>,
  { document, operationName }: ExecutionArgs,
  context: TransportContext,
): AsyncIterableIterator<ExecutionResult> {
  const transport = context.closesWithSession ? 'websocket' : 'sse'
  const [selection] = getOperationAST(document, operationName)?.selectionSet.selections ?? []
  const labels = { transport, field: selection?.kind === Kind.FIELD ? selection.name.value : 'fragment' }
  metrics.subscriptions.inc(labels)
  let open = true
  const end = () => {
    if (open) metrics.subscriptions.dec(labels)
    open = false
  }
  return {
    async next() {
      try {
        const result = await results.next()
        if (result.done) end()
        else metrics.eventsDelivered.inc({ transport })
        return result
      } catch (error) {
        end()
        throw error
      }
    },
    async return() {
      end()
      await results.return?.()
      return { done: true, value: undefined }
    },
    async throw(error) {
      end()
      await results.throw?.(error)
      throw error
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}

/** What went wrong on our side. */
function failureOf({ errors = [] }: ExecutionResult): Failure | null {
  const codes = new Set(errors.map(({ extensions }) => extensions['code']))
  if (codes.has('INTERNAL_SERVER_ERROR')) return 'internal'
  return codes.has('SERVICE_UNAVAILABLE') ? 'unavailable' : null
}

/** Whether nothing is left of what it was to show, because that is not for the client any more. */
function isGone({ data, errors }: ExecutionResult): boolean {
  const nothing = data == null || Object.values(data).every((value) => value === null)
  return nothing && errors?.every(({ extensions }) => extensions['code'] === 'NOT_FOUND') === true
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
