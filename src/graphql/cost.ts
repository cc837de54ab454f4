import { complexityFromQuery } from '@pothos/plugin-complexity'
import { type DocumentNode, type ExecutionArgs, getOperationAST, Kind } from 'graphql'
import { RequestError } from '../core/errors.ts'
import { maxCost } from './limits.ts'

/** What the operation costs with these very variables; of a subscription, one event. */
export function costOf({
  schema,
  document,
  operationName,
  variableValues,
  contextValue,
}: ExecutionArgs): number {
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
export function refuseByCost(args: ExecutionArgs): Error | null {
  const cost = costOf(args)
  if (cost <= maxCost) return null
  return new RequestError(
    'QUERY_TOO_EXPENSIVE',
    `The operation costs ${cost}, and ${maxCost} is the limit: ask for smaller pages or fewer fields.`,
    { cost, limit: maxCost },
  )
}
