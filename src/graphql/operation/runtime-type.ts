import {
  type GraphQLAbstractType,
  GraphQLError,
  type GraphQLObjectType,
  type GraphQLSchema,
  isObjectType,
} from 'graphql'
import { inspect } from 'graphql/jsutils/inspect.js'
import { coordinateOf, type PlannedField } from './plan.ts'

/**
 * The object type of a value of an abstract type, with the messages of graphql-js.
 * @throws GraphQLError if the name is not that of a possible type
 */
export function toObjectType(
  schema: GraphQLSchema,
  field: PlannedField,
  type: GraphQLAbstractType,
  name: unknown,
  result: unknown,
): GraphQLObjectType {
  const { nodes } = field
  const mustResolve = `Abstract type "${type.name}" must resolve to an Object type at runtime for field "${coordinateOf(field)}"`
  if (name == null) {
    const advice = `Either the "${type.name}" type should provide a "resolveType" function or each possible type should provide an "isTypeOf" function.`
    throw new GraphQLError(`${mustResolve}. ${advice}`, { nodes })
  }
  if (isObjectType(name)) {
    throw new GraphQLError(
      'Support for returning GraphQLObjectType from resolveType was removed in graphql-js@16.0.0 please return type name instead.',
    )
  }
  if (typeof name !== 'string') {
    throw new GraphQLError(`${mustResolve} with value ${inspect(result)}, received "${inspect(name)}".`)
  }
  const found = schema.getType(name)
  if (found === undefined) {
    const message = `Abstract type "${type.name}" was resolved to a type "${name}" that does not exist inside the schema.`
    throw new GraphQLError(message, { nodes })
  }
  if (!isObjectType(found)) {
    throw new GraphQLError(`Abstract type "${type.name}" was resolved to a non-object type "${name}".`, {
      nodes,
    })
  }
  if (schema.isSubType(type, found)) return found
  throw new GraphQLError(`Runtime Object type "${name}" is not a possible type for "${type.name}".`, {
    nodes,
  })
}
