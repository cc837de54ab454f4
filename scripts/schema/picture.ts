import {
  buildSchema,
  type GraphQLField,
  type GraphQLInterfaceType,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isInterfaceType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql'

type Box = GraphQLObjectType | GraphQLInterfaceType

/**
 * The types of a schema and how they hang together, as a class diagram for the forge. Left out is what makes it large
 * and tells little: connections are arrows, kinds of an interface are lines in its box, and results of mutations,
 * inputs and enumerations are in GraphiQL.
 */
export function drawSchema(sdl: string): string {
  const schema = buildSchema(sdl)
  const boxes = findBoxes(schema)
  const lines = boxes.flatMap((box) => [...drawBox(schema, box, boxes), ...drawArrows(box, boxes)])
  return ['classDiagram', '  direction LR', ...lines.map((line) => `  ${line}`)].join('\n')
}

/** What can be read and followed, beginning at the roots; not the kinds of an interface, nor what is around a list. */
function findBoxes(schema: GraphQLSchema): Box[] {
  const boxes = new Set<Box>()
  for (const root of [schema.getQueryType(), schema.getSubscriptionType()]) if (root) boxes.add(root)
  // A set hands out what is added to it while it is walked.
  for (const box of boxes) {
    for (const field of ownFields(box)) {
      const target = behind(field)
      if (isBox(target)) boxes.add(boxOf(target))
    }
    if (isInterfaceType(box)) for (const kind of schema.getImplementations(box).interfaces) boxes.add(kind)
  }
  return [...boxes]
}

/** `Node` is told by a word in the box: an arrow from each would say nothing more. */
const isBox = (type: GraphQLNamedType): type is Box =>
  (isObjectType(type) || isInterfaceType(type)) && type.name !== 'Node'

/** A kind of an interface, other than `Node`, is a line in the box of its closest one. */
function boxOf(type: Box): Box {
  return isObjectType(type) ? (closestInterface(type) ?? type) : type
}

/** The one that has all of the others. */
function closestInterface(type: Box): GraphQLInterfaceType | undefined {
  const interfaces = type.getInterfaces().filter(isBox)
  return interfaces.find((each) => each.getInterfaces().length === interfaces.length - 1)
}

/** What it does not have by an interface. */
function ownFields(box: Box): GraphQLField<unknown, unknown>[] {
  const shared = new Set(box.getInterfaces().flatMap((each) => Object.keys(each.getFields())))
  return Object.values(box.getFields()).filter(({ name }) => !shared.has(name) || name === 'id')
}

/** The type of a field; of one that gives a connection, what the connection is of. */
function behind(field: GraphQLField<unknown, unknown>): GraphQLNamedType {
  const type = getNamedType(field.type)
  if (!isObjectType(type)) return type
  const step =
    type.getFields()['edges'] ?? (type.name.endsWith('Edge') ? type.getFields()['node'] : undefined)
  return step === undefined ? type : behind(step)
}

function drawBox(schema: GraphQLSchema, box: Box, boxes: readonly Box[]): string[] {
  const isNode = box.getInterfaces().some(({ name }) => name === 'Node')
  const stereotype = isInterfaceType(box) ? ['  <<interface>>'] : isNode ? ['  <<Node>>'] : []
  const fields = ownFields(box)
    .filter((field) => !boxes.includes(boxOf(behind(field) as Box)))
    .filter((field) => !isBox(behind(field)) && getNamedType(field.type).name !== 'Node')
    .map((field) => `  ${field.name} ${String(field.type).replaceAll('!', '')}`)
  const kinds = isInterfaceType(box)
    ? schema.getPossibleTypes(box).filter((kind) => closestInterface(kind) === box)
    : []
  const lines = [...stereotype, ...fields, ...kinds.map((kind) => `  ${kind.name}()`)]
  const parent = closestInterface(box)
  return [
    ...(lines.length === 0 ? [`class ${box.name}`] : [`class ${box.name} {`, ...lines, '}']),
    ...(parent ? [`${parent.name} <|-- ${box.name}`] : []),
  ]
}

/** One arrow for all the fields that lead to the same box as often. */
function drawArrows(box: Box, boxes: readonly Box[]): string[] {
  const arrows = new Map<string, string[]>()
  for (const field of ownFields(box)) {
    const type = behind(field)
    if (!isBox(type) || !boxes.includes(boxOf(type))) continue
    const arrow = `${box.name} --> "${howMany(field)}" ${boxOf(type).name}`
    arrows.set(arrow, [...(arrows.get(arrow) ?? []), field.name])
  }
  return [...arrows].map(([arrow, names]) => `${arrow} : ${names.join(', ')}`)
}

function howMany(field: GraphQLField<unknown, unknown>): string {
  const isConnection = getNamedType(field.type).name.endsWith('Connection')
  if (isConnection || isListType(getNullableType(field.type))) return '*'
  return isNonNullType(field.type) ? '1' : '0..1'
}
