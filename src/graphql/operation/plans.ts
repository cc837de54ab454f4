import {
  type DocumentNode,
  type ExecutionResult,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql'
import { createLru } from '../../core/lru.ts'
import { prepareCost } from './cost.ts'
import { executePlan } from './execute.ts'
import { createPlan, fragmentsOf, type Plan, type Values } from './plan.ts'
import type { RunArguments } from './run.ts'
import { subscribePlan } from './source.ts'

/** An operation of a document that was validated, with what is known of it whoever runs it. */
export interface PreparedOperation {
  readonly document: DocumentNode
  readonly operation: OperationDefinitionNode
  /** What it costs with these variables; of a subscription, each event. */
  readonly costOf: (variables: Values) => number
  /** The variables that `@skip` and `@include` use. */
  readonly conditions: readonly string[]
}

/** An operation with the plan for its variables. */
export interface PlannedOperation {
  execute(args: RunArguments): Promise<ExecutionResult> | ExecutionResult
  /** @see subscribePlan */
  subscribe(args: RunArguments): ReturnType<typeof subscribePlan>
}

/** Plans of operations, the ones that were used last. */
export interface Plans {
  /** @param variables coerced */
  planFor(operation: PreparedOperation, variables: Values): PlannedOperation
}

/**
 * For how many combinations of values of its conditions an operation has plans that are kept. Ten flags have a thousand,
 * which would leave no room for anybody else.
 */
export const maxCombinations = 16

/** What a plan counts for besides its fields. */
const planOverhead = 20

/** @param fields how many fields the plans that are kept may have together */
export function createPlans(schema: GraphQLSchema, fields: number): Plans {
  const kept = createLru<Plan>({ weight: fields, weigh: (plan) => plan.size + planOverhead })
  /** The keys of plans, by the combination of conditions. */
  const keys = new WeakMap<PreparedOperation, Map<string, string>>()
  let operations = 0

  /** Null for a combination too many. */
  function keyOf(operation: PreparedOperation, variables: Values): string | null {
    const known = keys.get(operation) ?? new Map<string, string>()
    const combination = operation.conditions.map((name) => describe(variables, name)).join()
    const key = known.get(combination)
    if (key !== undefined) return key
    if (known.size >= maxCombinations) return null
    const added = String(operations++)
    keys.set(operation, known.set(combination, added))
    return added
  }

  return {
    planFor(operation, variables) {
      const key = keyOf(operation, variables)
      const plan =
        (key === null ? undefined : kept.get(key)) ??
        createPlan(schema, operation.document, operation.operation)
      // It has grown by what it met for the first time.
      const weigh = () => {
        if (key !== null) kept.set(key, plan)
      }
      return {
        execute(args) {
          const result = executePlan(plan, args)
          if (result instanceof Promise) void result.then(weigh)
          else weigh()
          return result
        },
        subscribe: (args) => subscribePlan(plan, args),
      }
    },
  }
}

/** Absent is different from null. */
function describe(variables: Values, name: string): string {
  return Object.hasOwn(variables, name) ? String(variables[name]) : 'absent'
}

/** @param operation of this document, which is valid */
export function prepareOperation(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
): PreparedOperation {
  const fragments = fragmentsOf(document)
  const conditions = new Set<string>()
  const seen = new Set<string>()
  const collect = ({ selections }: SelectionSetNode): void => {
    for (const selection of selections) {
      for (const { name, arguments: values = [] } of selection.directives ?? []) {
        if (name.value !== 'skip' && name.value !== 'include') continue
        for (const { value } of values) if (value.kind === Kind.VARIABLE) conditions.add(value.name.value)
      }
      if (selection.kind !== Kind.FRAGMENT_SPREAD) {
        if (selection.selectionSet !== undefined) collect(selection.selectionSet)
      } else if (!seen.has(selection.name.value)) {
        seen.add(selection.name.value)
        const fragment = fragments[selection.name.value]
        if (fragment !== undefined) collect(fragment.selectionSet)
      }
    }
  }
  collect(operation.selectionSet)
  return {
    document,
    operation,
    costOf: prepareCost(schema, fragments, operation),
    conditions: [...conditions],
  }
}
