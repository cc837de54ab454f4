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
import type { Metrics } from '../../core/metrics.ts'
import { createContext, type Services } from '../context.ts'
import type { PersistedOperations } from '../persisted/operations.ts'
import { authorise } from './authorisation.ts'
import type { Abilities, Caller } from './caller.ts'
import { OperationErrors, toClientError, withCode } from './client-errors.ts'
import { refuseExpensive } from './cost.ts'
import { createDocuments, type Documents, validateWithinLimits } from './documents.ts'
import { maxValidationErrors } from './limits.ts'
import { countResults, type Meter, startMeter } from './meter.ts'
import type { Values } from './plan.ts'
import { createPlans, type Plans, type PreparedOperation, prepareOperation } from './plans.ts'
import { type OperationRequest, readOperationName, readText, readVariables, requestError } from './request.ts'
import { type EventSource, type Failure, mapEvents } from './subscription.ts'

/** What became of an operation: its result, or a stream of results. A result without `data` was not executed. */
export type Outcome = ExecutionResult | AsyncIterableIterator<ExecutionResult>

/** The one way to run an operation. HTTP, server-sent events and WebSockets all call it. */
export interface OperationRunner {
  /** Never rejects: whatever goes wrong is this operation's error. A stream may, when an event cannot be handed over. */
  run(request: OperationRequest, caller: Caller, abilities: Abilities): Promise<Outcome>
}

/** How much memory documents and plans may take, in bytes and in fields of some 500 bytes. Strangers need few. */
const cacheBounds = {
  user: { documentBytes: 32_000_000, plannedFields: 60_000 },
  anonymous: { documentBytes: 4_000_000, plannedFields: 6_000 },
} as const

/** Of those who are logged in and of strangers apart, so that strangers push nothing out that users need. */
interface Cache {
  readonly documents: Documents
  readonly plans: Plans
}

interface Validation {
  readonly errors: readonly GraphQLError[]
  /** Whether the errors say something about the schema. */
  readonly revealing: boolean
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
  const createCache = ({
    documentBytes,
    plannedFields,
  }: (typeof cacheBounds)[keyof typeof cacheBounds]): Cache => ({
    documents: createDocuments(documentBytes),
    plans: createPlans(schema, plannedFields),
  })
  const caches = { user: createCache(cacheBounds.user), anonymous: createCache(cacheBounds.anonymous) }
  const validations = new WeakMap<DocumentNode, Validation>()
  const prepared = new WeakMap<OperationDefinitionNode, PreparedOperation>()

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
    const revealing = errors.length > 0
    const all =
      revealing || options.introspection
        ? errors
        : graphqlValidate(schema, document, [NoSchemaIntrospectionCustomRule])
    const validation = {
      revealing,
      errors: all.slice(0, maxValidationErrors).map((error) => withCode(error, 'GRAPHQL_VALIDATION_FAILED')),
    }
    validations.set(document, validation)
    return validation
  }

  /**
   * Strangers do not hear what is wrong with a document where they may not read the schema.
   * @throws OperationErrors
   */
  function refuseInvalid(document: DocumentNode, { principal }: Caller): void {
    const { errors, revealing } = validate(document)
    if (errors.length === 0) return
    if (!revealing || options.introspection || principal.kind === 'user') throw new OperationErrors(errors)
    throw withCode(new GraphQLError('The document is not valid.'), 'GRAPHQL_VALIDATION_FAILED')
  }

  function prepare(document: DocumentNode, operation: OperationDefinitionNode): PreparedOperation {
    const known = prepared.get(operation) ?? prepareOperation(schema, document, operation)
    prepared.set(operation, known)
    return known
  }

  /** @throws OperationErrors */
  function coerce({ variableDefinitions = [] }: OperationDefinitionNode, raw: Values): Values {
    const { coerced, errors } = getVariableValues(schema, variableDefinitions, raw, {
      maxErrors: maxValidationErrors,
      hideSuggestions,
    })
    if (errors === undefined) return coerced
    // One more than was asked for says that there are too many.
    const reported = errors.slice(0, maxValidationErrors)
    throw new OperationErrors(reported.map((error) => withCode(error, 'GRAPHQL_VALIDATION_FAILED')))
  }

  async function start(request: OperationRequest, caller: Caller, abilities: Abilities): Promise<Outcome> {
    const operationName = readOperationName(request)
    const raw = readVariables(request)
    const resolution = await operations.resolve(request, caller)
    const cache = caches[caller.principal.kind]
    const document = parse(resolution?.text ?? readText(request), cache)
    authorise(document, caller)
    refuseInvalid(document, caller)
    const operation = selectOperation(document, operationName)
    refuseUnable(operation, abilities)
    resolution?.onValid?.()

    const meter = startMeter(metrics, operation, caller)
    const known = prepare(document, operation)
    let variables: Values
    let cost: number
    try {
      variables = coerce(operation, raw)
      cost = known.costOf(variables)
      refuseExpensive(cost)
    } catch (error) {
      meter.end('refused')
      throw error
    }
    const plan = cache.plans.planFor(known, variables)
    const args = {
      rootValue: undefined,
      contextValue: createContext(services, caller),
      variableValues: variables,
    }
    const format = (result: ExecutionResult) => formatErrors(result, caller)
    if (operation.operation !== 'subscription') {
      return metered(meter, format(await plan.execute(args)))
    }
    const source = await plan.subscribe(args)
    if (!(Symbol.asyncIterator in source)) return metered(meter, format(source))
    meter.end('ok')
    const results = mapEvents(source as EventSource<unknown>, {
      cost,
      map: async (event) => format(await plan.execute({ ...args, rootValue: event })),
      isGone,
      failureOf,
    })
    return countResults(metrics, results, operation, caller)
  }

  function formatErrors(result: ExecutionResult, { requestId }: Caller): ExecutionResult {
    const { errors } = result
    if (errors === undefined) return result
    return { ...result, errors: errors.map((error) => toClientError(error, { requestId, logger })) }
  }

  return {
    async run(request, caller, abilities) {
      try {
        return await start(request, caller, abilities)
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
      ? 'The document has several operations: name the one to run in operationName.'
      : 'The document has no operation of this name.'
  throw requestError(message, 'OPERATION_RESOLUTION_FAILURE', { status: 400, spec: false })
}

/** @throws GraphQLError `BAD_REQUEST` or `NOT_ACCEPTABLE` */
function refuseUnable({ operation }: OperationDefinitionNode, { mutations, streams }: Abilities): void {
  if (operation === 'mutation' && !mutations) {
    const http = { status: 405, spec: false, headers: { allow: 'POST' } }
    throw requestError('Mutations are sent by POST.', 'BAD_REQUEST', http)
  }
  if (operation === 'subscription' && !streams) {
    const message = 'Subscriptions go over WebSocket, or are asked for with `Accept: text/event-stream`.'
    throw requestError(message, 'NOT_ACCEPTABLE', { status: 406, spec: false })
  }
}

function metered(meter: Meter, result: ExecutionResult): ExecutionResult {
  meter.end(result.errors === undefined ? 'ok' : failureOf(result) === null ? 'errors' : 'failed')
  return result
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
