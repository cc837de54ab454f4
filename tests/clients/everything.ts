import {
  type GraphQLField,
  type GraphQLInterfaceType,
  type GraphQLObjectType,
  type GraphQLSchema,
  type GraphQLUnionType,
  getNamedType,
  isAbstractType,
  isLeafType,
  isObjectType,
  isRequiredArgument,
} from 'graphql'

type Field = GraphQLField<unknown, unknown>

/** Documents that together ask for every field of every type, with every argument of the root fields. */
export function documentsOfEverything(schema: GraphQLSchema): string {
  const kinds = { query: schema.getQueryType(), mutation: schema.getMutationType() }
  const roots = Object.entries({ ...kinds, subscription: schema.getSubscriptionType() })
  const objects = Object.values(schema.getTypeMap()).filter(
    (type): type is GraphQLObjectType =>
      isObjectType(type) && !type.name.startsWith('__') && !roots.some(([, root]) => root === type),
  )
  return [
    ...objects.map(
      (type) => `fragment ${type.name}Leaves on ${type.name} { __typename ${leavesOf(schema, type)} }`,
    ),
    ...objects.map(
      (type) =>
        `fragment ${type.name}All on ${type.name} { ...${type.name}Leaves ${branchesOf(schema, type)} }`,
    ),
    ...roots.flatMap(([kind, root]) => fieldsOf(root).map((field) => operationOf(schema, kind, field))),
  ].join('\n')
}

/** The unions and interfaces that root fields give, each with the names that `__typename` may have. */
export function abstractFields(schema: GraphQLSchema): { type: string; members: string[] }[] {
  return Object.entries({ Mutation: schema.getMutationType(), Subscription: schema.getSubscriptionType() })
    .flatMap(([kind, root]) =>
      fieldsOf(root).map((field) => ({ kind, field, type: getNamedType(field.type) })),
    )
    .flatMap(({ kind, field, type }) =>
      isAbstractType(type)
        ? { type: `${operationName(field)}${kind}['${field.name}']`, members: membersOf(schema, type) }
        : [],
    )
}

const fieldsOf = (type: GraphQLObjectType | null | undefined): Field[] =>
  Object.values(type?.getFields() ?? {})
const operationName = ({ name }: Field) => `${name.charAt(0).toUpperCase()}${name.slice(1)}`
const membersOf = (schema: GraphQLSchema, type: GraphQLInterfaceType | GraphQLUnionType) =>
  schema.getPossibleTypes(type).map(({ name }) => name)

/** Under a name of its type's where another type has a field of this name that is of another kind. */
function responseName(schema: GraphQLSchema, type: GraphQLObjectType, field: Field): string {
  const isAlike = Object.values(schema.getTypeMap())
    .flatMap((other) => (isObjectType(other) ? fieldsOf(other) : []))
    .every((other) => other.name !== field.name || String(other.type) === String(field.type))
  return isAlike ? field.name : `${field.name}Of${type.name}: ${field.name}`
}

function leavesOf(schema: GraphQLSchema, type: GraphQLObjectType): string {
  return fieldsOf(type)
    .filter((field) => isLeafType(getNamedType(field.type)))
    .map((field) => responseName(schema, type, field))
    .join(' ')
}

function branchesOf(schema: GraphQLSchema, type: GraphQLObjectType): string {
  return fieldsOf(type)
    .filter((field) => !isLeafType(getNamedType(field.type)) && !field.args.some(isRequiredArgument))

    .map((field) => `${responseName(schema, type, field)} { ${selectionOf(schema, field, 'Leaves')} }`)
    .join(' ')
}

function selectionOf(schema: GraphQLSchema, field: Field, suffix: 'Leaves' | 'All'): string {
  const type = getNamedType(field.type)
  const names = isAbstractType(type) ? membersOf(schema, type) : [type.name]
  return `__typename ${names.map((name) => `...${name}${suffix}`).join(' ')}`
}

function operationOf(schema: GraphQLSchema, kind: string, field: Field): string {
  const variables = field.args.map(({ name, type }) => `$${name}: ${type}`).join(', ')
  const args = field.args.map(({ name }) => `${name}: $${name}`).join(', ')
  const name = `${operationName(field)}${variables && `(${variables})`}`
  return `${kind} ${name} { ${field.name}${args && `(${args})`} { ${selectionOf(schema, field, 'All')} } }`
}
