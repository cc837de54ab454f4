import { GraphQLError, type GraphQLObjectType } from 'graphql'
import type { Path } from 'graphql/jsutils/Path.js'
import type { Arguments, Plan, UnplannedSelections, Values } from './plan.ts'

/** What a run of a plan is given. */
export interface RunArguments {
  readonly rootValue: unknown
  readonly contextValue: unknown
  /** As `getVariableValues` coerces them. */
  readonly variableValues: Values
}

/** One run of a plan. */
export interface Run extends RunArguments, Arguments {
  readonly plan: Plan
  readonly errors: Errors
  readonly unplanned: UnplannedSelections
}

export function createRun(plan: Plan, { rootValue, contextValue, variableValues }: RunArguments): Run {
  return {
    plan,
    rootValue,
    contextValue,
    variableValues,
    errors: createErrors(),
    knownArguments: new Map(),
    unplanned: new Map(),
  }
}

export function rootTypeOf({ schema, operation }: Plan): GraphQLObjectType {
  const type = schema.getRootType(operation.operation)
  if (type != null) return type
  const message = `Schema is not configured to execute ${operation.operation} operation.`
  throw new GraphQLError(message, { nodes: operation })
}

export interface Errors {
  readonly list: GraphQLError[]
  /** @param path of what the error turned into null; undefined for the whole answer */
  add(error: GraphQLError, path: Path | undefined): void
}

/** Leaves out errors below what is null already. */
function createErrors(): Errors {
  const list: GraphQLError[] = []
  const nulled = new Set<Path | undefined>()
  return {
    list,
    add(error, path) {
      for (let place = path; place !== undefined; place = place.prev) if (nulled.has(place)) return
      if (nulled.has(undefined)) return
      nulled.add(path)
      list.push(error)
    },
  }
}
