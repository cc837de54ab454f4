import {
  type GraphQLInputType,
  getNullableType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isRequiredInputField,
} from 'graphql'

/** A value that the type takes, whatever it means: of a size, and of a list, the one that costs the least. */
export function cheapestInput(type: GraphQLInputType): unknown {
  if (isNonNullType(type)) return cheapestInput(type.ofType)
  if (isListType(type)) return []
  if (isEnumType(type)) return type.getValues()[0]?.name
  if (isInputObjectType(type)) {
    const fields = Object.values(type.getFields())
    // Of one that takes either of several, one that ends here comes first: the others may go on for ever.
    const [one] = fields.toSorted((a, b) => Number(goesOn(a.type)) - Number(goesOn(b.type)))
    const given = type.isOneOf && one !== undefined ? [one] : fields.filter(isRequiredInputField)
    return Object.fromEntries(given.map((field) => [field.name, cheapestInput(field.type)]))
  }
  return { Boolean: false, DateTime: '1970-01-01T00:00:00.000Z', String: '' }[type.name] ?? 1
}

function goesOn(type: GraphQLInputType): boolean {
  return isInputObjectType(getNullableType(type))
}
