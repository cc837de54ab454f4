import {
  defaultFieldResolver,
  type ExecutionResult,
  GraphQLError,
  locatedError,
  responsePathAsArray,
} from 'graphql'
import { inspect } from 'graphql/jsutils/inspect.js'
import { addPath } from 'graphql/jsutils/Path.js'
import { toResolveInfo } from './info.ts'
import { type Plan, planRoot } from './plan.ts'
import { createRun, type Run, type RunArguments, rootTypeOf } from './run.ts'
import type { EventSource } from './subscription.ts'

/**
 * Starts the subscription that a plan is for, like graphql-js' `createSourceEventStream`.
 * @returns its source, or the errors why there is none
 * @throws whatever is not a GraphQLError, for example when the resolver returned no source
 */
export async function subscribePlan(
  plan: Plan,
  args: RunArguments,
): Promise<EventSource<unknown> | ExecutionResult> {
  try {
    const source = await createSource(createRun(plan, args))
    if (isAsyncIterable(source)) return source
    throw new Error(`Subscription field must return Async Iterable. Received: ${inspect(source)}.`)
  } catch (error) {
    if (error instanceof GraphQLError) return { errors: [error] }
    throw error
  }
}

async function createSource(run: Run): Promise<unknown> {
  const { fields } = planRoot(run.plan, rootTypeOf(run.plan), run.variableValues)
  const [field] = fields
  if (field === undefined)
    throw new GraphQLError('A subscription must select a field.', { nodes: run.plan.operation })
  const path = addPath(undefined, field.responseName, field.parentType.name)
  try {
    const values = field.argumentsFor?.(run, field) ?? {}
    const info = toResolveInfo(run, field, path)
    const subscribe = field.subscriber ?? defaultFieldResolver
    const source = await subscribe(run.rootValue, values, run.contextValue, info)
    if (source instanceof Error) throw source
    return source
  } catch (error) {
    throw locatedError(error, field.nodes, responsePathAsArray(path))
  }
}

function isAsyncIterable(value: unknown): value is EventSource<unknown> {
  return typeof (value as AsyncIterable<unknown> | null | undefined)?.[Symbol.asyncIterator] === 'function'
}
