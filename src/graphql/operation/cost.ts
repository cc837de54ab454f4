import {
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLOutputType,
  type GraphQLSchema,
  getArgumentValues,
  getNamedType,
  getNullableType,
  isInterfaceType,
  isListType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql'
import { RequestError } from '../../core/errors.ts'
import { maxCost } from './limits.ts'
import { usesVariables, type Values } from './plan.ts'

/** What something costs; a function where that depends on variables. */
type Cost = number | ((variables: Values) => number)

/** What a field says of its cost, by the option `complexity` of the schema builder. */
type FieldCost = number | { readonly field?: number; readonly multiplier?: number }

/** What an item of a list counts for where its field does not say how many there are. */
const listMultiplier = 10

/**
 * What an operation costs: the sum over its fields, fragments expanded, each multiplied by the sizes of the lists
 * around it. It is prepared once; only the fields whose page size is a variable are left to compute. Skipped fields count,
 * and so does each fragment on an abstract type, so that the cost is an upper bound.
 */
export function prepareCost(
  schema: GraphQLSchema,
  fragments: Readonly<Record<string, FragmentDefinitionNode>>,
  operation: OperationDefinitionNode,
): (variables: Values) => number {
  const known = new Map<SelectionSetNode, Map<GraphQLNamedType, Cost>>()

  function costOfSelections(selections: SelectionSetNode, type: GraphQLNamedType): Cost {
    const costs = known.get(selections) ?? new Map<GraphQLNamedType, Cost>()
    known.set(selections, costs)
    const cost = costs.get(type) ?? sum(selections.selections.map((each) => costOfSelection(each, type)))
    costs.set(type, cost)
    return cost
  }

  function costOfSelection(selection: SelectionNode, type: GraphQLNamedType): Cost {
    if (selection.kind === Kind.FIELD) return costOfField(selection, type)
    const fragment = selection.kind === Kind.FRAGMENT_SPREAD ? fragments[selection.name.value] : selection
    if (fragment === undefined) return 0
    const condition = fragment.typeCondition && schema.getType(fragment.typeCondition.name.value)
    return costOfSelections(fragment.selectionSet, condition ?? type)
  }

  function costOfField(node: FieldNode, type: GraphQLNamedType): Cost {
    const field = isObjectType(type) || isInterfaceType(type) ? type.getFields()[node.name.value] : undefined
    // What is about the schema is bounded by the limits on a document alone.
    if (field === undefined) return 1
    const within = node.selectionSet ? costOfSelections(node.selectionSet, getNamedType(field.type)) : 0
    const own = ownCostOf(field, node)
    if (typeof own !== 'function' && typeof within === 'number') return total(own, within)
    return (variables) => total(evaluate(own, variables), evaluate(within, variables))
  }

  const rootType = schema.getRootType(operation.operation)
  const cost = rootType == null ? 0 : costOfSelections(operation.selectionSet, rootType)
  // The cost outlives this, and would keep it.
  known.clear()
  return (variables) => evaluate(cost, variables)
}

/** @throws RequestError `QUERY_TOO_EXPENSIVE` */
export function checkCost(cost: number): void {
  if (cost <= maxCost) return
  throw new RequestError(
    'QUERY_TOO_EXPENSIVE',
    `The operation costs ${cost}; the limit is ${maxCost}. Request smaller pages or fewer fields.`,
    { cost, limit: maxCost },
  )
}

interface OwnCost {
  readonly field: number
  readonly multiplier: number
}

function ownCostOf(
  field: GraphQLField<unknown, unknown>,
  node: FieldNode,
): OwnCost | ((variables: Values) => OwnCost) {
  const option = field.extensions['complexity'] as
    | FieldCost
    | ((args: Values, context: object) => FieldCost)
    | undefined
  if (typeof option !== 'function') return toOwnCost(option, field.type)
  const cost = (variables: Values): OwnCost => {
    let values: Values
    try {
      values = getArgumentValues(field, node, variables)
    } catch {
      // If the field is executed it fails, which is where to say so, and nothing below it is reached.
      return { field: 1, multiplier: 0 }
    }
    return toOwnCost(option(values, {}), field.type)
  }
  return usesVariables(node) ? cost : cost({})
}

function toOwnCost(option: FieldCost | undefined, type: GraphQLOutputType): OwnCost {
  const { field = 1, multiplier = isListType(getNullableType(type)) ? listMultiplier : 1 } =
    typeof option === 'number' ? { field: option } : (option ?? {})
  return { field, multiplier: Math.max(multiplier, 0) }
}

const total = ({ field, multiplier }: OwnCost, within: number): number => field + multiplier * within

function sum(costs: readonly Cost[]): Cost {
  const constant = costs.reduce<number>((all, cost) => (typeof cost === 'number' ? all + cost : all), 0)
  const variable = costs.filter((cost) => typeof cost === 'function')
  if (variable.length === 0) return constant
  return (variables) => variable.reduce((all, cost) => all + cost(variables), constant)
}

function evaluate<Value extends number | OwnCost>(
  value: Value | ((variables: Values) => Value),
  variables: Values,
): Value {
  return typeof value === 'function' ? value(variables) : value
}
