import {
  type DocumentNode,
  type ExecutionResult,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  getVariableValues,
  validate as graphqlValidate,
  NoSchemaIntrospectionCustomRule,
  type OperationDefinitionNode,
} from 'graphql'
import { RequestError } from '../../core/errors.ts'
import type { Metrics } from '../../core/metrics.ts'
import type { Principal } from '../../features/auth/viewer.ts'
import { createContext, type Services } from '../context.ts'
import type { PersistedOperations } from '../persisted/operations.ts'
import { authorise } from './authorisation.ts'
import type { Caller, TransportCapabilities } from './caller.ts'
import { OperationErrors, toClientError, withCode, withoutStatus } from './client-errors.ts'
import { checkCost } from './cost.ts'
import { createDocuments, type Documents, validateWithinLimits } from './documents.ts'
import { maxValidationErrors } from './limits.ts'
import { countResults, startMeter } from './meter.ts'
import type { Values } from './plan.ts'
import { createPlanCache, type PlanCache, type PreparedOperation, prepareOperation } from './plan-cache.ts'
import { type OperationRequest, readOperationName, readText, readVariables, requestError } from './request.ts'
import { type Failure, mapEvents } from './subscription.ts'

/** What became of an operation: its result, or a stream of results. A result without `data` was not executed. */
export type Outcome = ExecutionResult | AsyncIterableIterator<ExecutionResult>

/** The one way to run an operation. HTTP, server-sent events and WebSockets all call it. */
export interface OperationRunner {
  /** Never rejects; failures become errors of the operation. A returned stream may reject if an event cannot be delivered. */
  run(request: OperationRequest, caller: Caller, capabilities: TransportCapabilities): Promise<Outcome>
}

interface CacheBounds {
  readonly documentBytes: number
  readonly planBytes: number
}

const cacheBounds: Record<Principal['kind'], CacheBounds> = {
  user: { documentBytes: 32_000_000, planBytes: 64_000_000 },
  anonymous: { documentBytes: 4_000_000, planBytes: 8_000_000 },
}

/** Separate for users and anonymous callers, so that the latter cannot evict what users need. */
interface Cache {
  readonly documents: Documents
  readonly plans: PlanCache
}

interface Validation {
  /** Data and no errors: an error holds everything that its stack trace passed through, which is more than the document. */
  readonly problems: readonly Pick<GraphQLError, 'message' | 'nodes'>[]
  /** Whether the problems say something about the schema. */
  readonly describesSchema: boolean
}

export function createOperationRunner(options: {
  readonly schema: GraphQLSchema
  readonly services: Services
  readonly operations: PersistedOperations
  readonly introspection: boolean
  /** Whether messages name what was perhaps meant. */
  readonly suggestions: boolean
  readonly metrics: Metrics
}): OperationRunner {
  const { schema, services, operations, metrics } = options
  const { logger } = services
  const hideSuggestions = !options.suggestions
  const createCache = ({ documentBytes, planBytes }: CacheBounds): Cache => ({
    documents: createDocuments(documentBytes),
    plans: createPlanCache(schema, planBytes),
  })
  const caches = { user: createCache(cacheBounds.user), anonymous: createCache(cacheBounds.anonymous) }
  const validations = new WeakMap<DocumentNode, Validation>()
  const preparedOperations = new WeakMap<OperationDefinitionNode, PreparedOperation>()

  function parse(text: string, { documents }: Cache): DocumentNode {
    const trusted = operations.trustedDocument(text)
    if (trusted !== undefined) return trusted
    try {
      return documents.parse(text)
    } catch (error) {
      throw error instanceof GraphQLError ? withCode(error, 'GRAPHQL_PARSE_FAILED') : error
    }
  }

  function validate(document: DocumentNode): Validation {
    const known = validations.get(document)
    if (known !== undefined) return known
    const errors = validateWithinLimits(schema, document, { hideSuggestions })
    const describesSchema = errors.length > 0
    const all =
      describesSchema || options.introspection
        ? errors
        : graphqlValidate(schema, document, [NoSchemaIntrospectionCustomRule])
    const problems = all.slice(0, maxValidationErrors).map(({ message, nodes }) => ({ message, nodes }))
    const validation = { describesSchema, problems }
    validations.set(document, validation)
    return validation
  }

  /**
   * Without introspection, anonymous callers must not learn the schema from validation errors.
   * @throws OperationErrors
   */
  function checkValidity(document: DocumentNode, { principal }: Caller): void {
    const { problems, describesSchema } = validate(document)
    if (problems.length === 0) return
    const told: Validation['problems'] =
      describesSchema && !options.introspection && principal.kind === 'anonymous'
        ? [{ message: 'The document is not valid.', nodes: undefined }]
        : problems
    throw new OperationErrors(
      told.map(({ message, nodes = null }) =>
        withCode(new GraphQLError(message, { nodes }), 'GRAPHQL_VALIDATION_FAILED'),
      ),
    )
  }

  function prepare(document: DocumentNode, operation: OperationDefinitionNode): PreparedOperation {
    const known = preparedOperations.get(operation)
    if (known !== undefined) return known
    const prepared = prepareOperation(schema, document, operation)
    preparedOperations.set(operation, prepared)
    return prepared
  }

  /** @throws OperationErrors */
  function coerce({ variableDefinitions = [] }: OperationDefinitionNode, raw: Values): Values {
    const { coerced, errors } = getVariableValues(schema, variableDefinitions, raw, {
      maxErrors: maxValidationErrors,
      hideSuggestions,
    })
    if (errors === undefined) return coerced
    // graphql-js appends an error of its own past `maxErrors`.
    const reported = errors.slice(0, maxValidationErrors)
    throw new OperationErrors(reported.map((error) => withCode(error, 'GRAPHQL_VALIDATION_FAILED')))
  }

  async function start(
    request: OperationRequest,
    caller: Caller,
    capabilities: TransportCapabilities,
  ): Promise<Outcome> {
    const operationName = readOperationName(request)
    const raw = readVariables(request)
    const resolution = await operations.resolve(request, caller)
    const cache = caches[caller.principal.kind]
    const document = parse(resolution?.text ?? readText(request), cache)
    authorise(document, caller)
    checkValidity(document, caller)
    const operation = selectOperation(document, operationName)
    checkCapabilities(operation, capabilities)
    resolution?.onValid?.()

    const meter = startMeter(metrics, operation, caller)
    try {
      const outcome = await execute(prepare(document, operation), raw, caller, cache.plans)
      meter.end(Symbol.asyncIterator in outcome ? 'ok' : outcomeOf(outcome))
      return Symbol.asyncIterator in outcome ? countResults(metrics, outcome, operation, caller) : outcome
    } catch (error) {
      meter.end(isRefusal(error) ? 'refused' : 'failed')
      throw error
    }
  }

  async function execute(
    prepared: PreparedOperation,
    raw: Values,
    caller: Caller,
    plans: PlanCache,
  ): Promise<Outcome> {
    const { operation } = prepared
    const variableValues = coerce(operation, raw)
    const cost = prepared.costOf(variableValues)
    checkCost(cost)
    const args = { rootValue: undefined, contextValue: createContext(services, caller), variableValues }
    const format = (result: ExecutionResult) => formatErrors(result, caller)
    if (operation.operation !== 'subscription') return format(await plans.execute(prepared, args))
    const source = await plans.subscribe(prepared, args)
    if (!(Symbol.asyncIterator in source)) return format(source)
    return mapEvents(source, {
      cost,
      map: async (event) => format(await plans.execute(prepared, { ...args, rootValue: event })),
      isGone,
      failureOf,
    })
  }

  function formatErrors(result: ExecutionResult, { requestId }: Caller): ExecutionResult {
    const { errors } = result
    if (errors === undefined) return result
    const formatted = errors.map((error) => toClientError(error, { requestId, logger }))
    // GraphQL over HTTP: an answer with data is a success, whatever its fields say.
    return { ...result, errors: result.data == null ? formatted : formatted.map(withoutStatus) }
  }

  return {
    async run(request, caller, capabilities) {
      try {
        return await start(request, caller, capabilities)
      } catch (error) {
        if (error instanceof OperationErrors) return { errors: error.errors }
        return { errors: [toClientError(error, { requestId: caller.requestId, logger })] }
      }
    },
  }
}

/** @throws GraphQLError `OPERATION_RESOLUTION_FAILURE` */
function selectOperation(document: DocumentNode, name: string | null): OperationDefinitionNode {
  const operation = getOperationAST(document, name)
  if (operation != null) return operation
  const message =
    name === null
      ? 'The document has several operations. Set operationName to the one to run.'
      : 'The document has no operation with this name.'
  throw requestError(message, 'OPERATION_RESOLUTION_FAILURE', { status: 400, spec: false })
}

/** @throws GraphQLError `BAD_REQUEST` or `NOT_ACCEPTABLE` */
function checkCapabilities(
  { operation }: OperationDefinitionNode,
  { mutations, streams }: TransportCapabilities,
): void {
  if (operation === 'mutation' && !mutations) {
    const http = { status: 405, spec: false, headers: { allow: 'POST' } }
    throw requestError('Send mutations with POST.', 'BAD_REQUEST', http)
  }
  if (operation === 'subscription' && !streams) {
    const message = 'Subscriptions require a WebSocket or `Accept: text/event-stream`.'
    throw requestError(message, 'NOT_ACCEPTABLE', { status: 406, spec: false })
  }
}

/** Whether the operation was refused for what it asks, before anything of it was executed. */
function isRefusal(error: unknown): boolean {
  return error instanceof OperationErrors || error instanceof RequestError
}

function outcomeOf(result: ExecutionResult): 'ok' | 'errors' | 'failed' {
  if (result.errors === undefined) return 'ok'
  return failureOf(result) === null ? 'errors' : 'failed'
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
