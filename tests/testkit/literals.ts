import {
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLNamedOutputType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
  isRequiredArgument,
  isRequiredInputField,
} from 'graphql'

/** A place in the schema where a document may have a literal. */
export interface LiteralPosition {
  /** Such as `Mutation.login(input.identifier)`. */
  readonly name: string
  readonly root: 'query' | 'mutation' | 'subscription'
  /** The type of a variable that can stand there. */
  readonly type: string
  /** A document with this literal, or variable, in this position alone; what else is required has a value too. */
  document(literal: string, variables?: string): string
}

/** Values for arguments that lead to a field, by `Type.field(argument)`, as literals. */
export type KnownValues = Readonly<Record<string, string>>

interface Step {
  /** What comes before the field and after it. */
  wrap(selection: string): string
  readonly root: LiteralPosition['root']
}

/** Every argument of every field and directive, and every field of every input, each by the shortest way there is. */
export function literalPositions(schema: GraphQLSchema, known: KnownValues): LiteralPosition[] {
  const positions: LiteralPosition[] = []
  const seen = new Set<string>()
  const queue: { type: GraphQLNamedOutputType; step: Step }[] = []
  const roots = [
    ['query', schema.getQueryType()],
    ['mutation', schema.getMutationType()],
    ['subscription', schema.getSubscriptionType()],
  ] as const
  for (const [root, type] of roots) {
    if (type != null) queue.push({ type, step: { root, wrap: (selection) => `{ ${selection} }` } })
  }
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const { type, step } = next
    if (seen.has(type.name) || !isCompositeType(type)) continue
    seen.add(type.name)
    if (isAbstractType(type)) {
      for (const possible of schema.getPossibleTypes(type)) {
        const wrap = (selection: string) => step.wrap(`... on ${possible.name} { ${selection} }`)
        queue.push({ type: possible, step: { ...step, wrap } })
      }
    }
    if (!isObjectType(type)) continue
    for (const field of Object.values(type.getFields())) {
      const place = `${type.name}.${field.name}`
      const returned = getNamedType(field.type)
      for (const arg of field.args) visit(field, arg, place, step)
      const wrap = (selection: string) => step.wrap(`${call(field, place, {})} { ${selection} }`)
      queue.push({ type: returned, step: { ...step, wrap } })
    }
  }

  function visit(
    field: GraphQLField<unknown, unknown>,
    arg: GraphQLArgument,
    place: string,
    step: Step,
  ): void {
    const rest = isCompositeType(getNamedType(field.type)) ? ' { __typename }' : ''
    for (const { path, type, fill } of placesIn(arg.type)) {
      positions.push({
        name: `${place}(${[arg.name, ...path].join('.')})`,
        root: step.root,
        type: String(type),
        document: (literal, variables = '') =>
          `${step.root} Marked${variables} ${step.wrap(`${call(field, place, { [arg.name]: fill(literal) })}${rest}`)}`,
      })
    }
  }

  function call(field: GraphQLField<unknown, unknown>, place: string, given: Record<string, string>): string {
    const values = field.args
      .map((arg) => {
        const value = given[arg.name] ?? known[`${place}(${arg.name})`]
        if (value === undefined && !isRequiredArgument(arg)) return null
        return `${arg.name}: ${value ?? placeholder(arg.type)}`
      })
      .filter((each) => each !== null)
    return values.length === 0 ? field.name : `${field.name}(${values.join(', ')})`
  }

  for (const directive of schema
    .getDirectives()
    .filter(({ locations }) => locations.includes('FIELD' as never))) {
    for (const { name, type } of directive.args) {
      positions.push({
        name: `@${directive.name}(${name})`,
        root: 'query',
        type: String(type),
        document: (literal, variables = '') =>
          `query Marked${variables} { viewer @${directive.name}(${name}: ${literal}) { __typename } }`,
      })
    }
  }
  return positions
}

interface Place {
  readonly path: string[]
  readonly type: GraphQLInputType
  /** The literal for the whole, with this one in its place. */
  fill(literal: string): string
}

/** The type itself, where it is a scalar or an enum, or every such place within it. Inputs here do not nest themselves. */
function placesIn(type: GraphQLInputType): Place[] {
  if (isNonNullType(type))
    return placesIn(type.ofType).map((place) => ({ ...place, type: required(type, place) }))
  if (isListType(type)) {
    return placesIn(type.ofType).map((place) => ({ ...place, fill: (literal) => `[${place.fill(literal)}]` }))
  }
  if (!isInputObjectType(type)) return [{ path: [], type, fill: (literal) => literal }]
  const fields = Object.values(type.getFields())
  return fields.flatMap((field) =>
    placesIn(field.type).map((place) => ({
      path: [field.name, ...place.path],
      type: place.type,
      fill: (literal) =>
        `{ ${fields
          .filter((each) => each === field || isRequiredInputField(each))
          .map((each) => `${each.name}: ${each === field ? place.fill(literal) : placeholder(each.type)}`)
          .join(', ')} }`,
    })),
  )
}

const required = (type: GraphQLInputType, place: Place): GraphQLInputType =>
  place.path.length === 0 ? type : place.type

/** Something that is valid there, though it may name nothing. */
function placeholder(type: GraphQLInputType): string {
  if (isNonNullType(type)) return placeholder(type.ofType)
  if (isListType(type)) return `[${placeholder(type.ofType)}]`
  if (isInputObjectType(type)) {
    const fields = Object.values(type.getFields()).filter(isRequiredInputField)
    return `{ ${fields.map((field) => `${field.name}: ${placeholder(field.type)}`).join(', ')} }`
  }
  if ('getValues' in type) return String(type.getValues()[0]?.name)
  return { Int: '1', Float: '1', Boolean: 'true' }[type.name] ?? '"x"'
}
