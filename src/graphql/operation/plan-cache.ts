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
import { sizeOfDocument } from './documents.ts'
import { executePlan } from './execute.ts'
import { fragmentsOf } from './fragments.ts'
import { createPlan, type Plan, type Values } from './plan.ts'
import { isPromise } from './promise.ts'
import type { RunArguments } from './run.ts'
import { subscribePlan } from './source.ts'

/** A validated operation, and everything about it that does not depend on the caller. */
export interface PreparedOperation {
  readonly document: DocumentNode
  /** What the document takes in memory. */
  readonly documentBytes: number
  readonly operation: OperationDefinitionNode
  /** What it costs with these variables; of a subscription, each event. */
  readonly costOf: (variables: Values) => number
  /** The variables that `@skip` and `@include` use. */
  readonly conditions: readonly string[]
}

/** Executes operations with the plans that were used last. */
export interface PlanCache {
  execute(operation: PreparedOperation, args: RunArguments): Promise<ExecutionResult> | ExecutionResult
  /** @see subscribePlan */
  subscribe(operation: PreparedOperation, args: RunArguments): ReturnType<typeof subscribePlan>
}

/** Plans kept per operation. Ten flags have 1,024 combinations, and would evict the plans of everyone else. */
export const maxCombinations = 16

/** What a planned field takes in memory at most, and a plan without fields: some 300 bytes were measured for the first. */
const fieldBytes = 500
const planBytes = 1_000

/**
 * @param bytes an approximate bound. A plan refers to its document, which may have been dropped elsewhere, so it weighs
 * what that does, too.
 */
export function createPlanCache(schema: GraphQLSchema, bytes: number): PlanCache {
  const kept = createLru<KeptPlan>({
    weight: bytes,
    weigh: ({ plan, documentBytes }) => planBytes + plan.size * fieldBytes + documentBytes,
  })
  const keys = new WeakMap<PreparedOperation, Map<string, string>>()
  let nextKey = 0

  /** A combination too many takes the place of the one that was not used for the longest. */
  function keyOf(operation: PreparedOperation, combination: string): string {
    const known = keys.get(operation) ?? new Map<string, string>()
    keys.set(operation, known)
    const [oldest] = known
    let key = known.get(combination)
    if (key !== undefined) known.delete(combination)
    else if (oldest !== undefined && known.size >= maxCombinations) {
      known.delete(oldest[0])
      key = oldest[1]
    }
    key ??= String(nextKey++)
    known.set(combination, key)
    return key
  }

  function find(operation: PreparedOperation, variables: Values): { readonly plan: Plan; reweigh(): void } {
    const combination = operation.conditions.map((name) => conditionKey(variables, name)).join()
    const key = keyOf(operation, combination)
    const known = kept.get(key)
    const entry: KeptPlan =
      known?.combination === combination
        ? known
        : {
            combination,
            plan: createPlan(schema, operation.document, operation.operation),
            documentBytes: operation.documentBytes,
            weighedSize: 0,
          }
    if (entry !== known) kept.set(key, entry)
    return {
      plan: entry.plan,
      reweigh() {
        if (entry.plan.size === entry.weighedSize || kept.get(key) !== entry) return
        entry.weighedSize = entry.plan.size
        kept.set(key, entry)
      },
    }
  }

  return {
    execute(operation, args) {
      const { plan, reweigh } = find(operation, args.variableValues)
      const result = executePlan(plan, args)
      // It has grown by what it met for the first time, and weighs more.
      if (isPromise(result)) void result.then(reweigh)
      else reweigh()
      return result
    },
    subscribe: (operation, args) => subscribePlan(find(operation, args.variableValues).plan, args),
  }
}

interface KeptPlan {
  readonly plan: Plan
  /** The values of conditions that it is for. */
  readonly combination: string
  readonly documentBytes: number
  /** How large the plan was when it was weighed. */
  weighedSize: number
}

/** Absent is different from null. */
function conditionKey(variables: Values, name: string): string {
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
    documentBytes: sizeOfDocument(document),
    operation,
    costOf: prepareCost(schema, fragments, operation),
    conditions: [...conditions],
  }
}
