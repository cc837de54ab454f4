import { type Change, CriticalityLevel, diff } from '@graphql-inspector/core'
import {
  buildSchema,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  isUnionType,
} from 'graphql'

/** What a client that was written against the released schema may notice. */
export interface SchemaChange {
  /** Where: `Chat.title`, `Query.users.search`, `ChatKind.GROUP`. What `--allow` takes. */
  readonly path: string
  readonly message: string
}

export interface SchemaChanges {
  /** Every one that breaks a client, but the removal of what the released schema has as deprecated. */
  readonly breaking: readonly SchemaChange[]
  /** What docs/schema.md tells clients to be ready for. */
  readonly expected: readonly SchemaChange[]
}

export async function findChanges(released: string, current: string): Promise<SchemaChanges> {
  const before = buildSchema(released)
  const kept = reachableWithoutDeprecated(before)
  const changes = (await diff(before, buildSchema(current)))
    .filter(({ criticality }) => criticality.level !== CriticalityLevel.NonBreaking)
    .filter((change) => !isAnnouncedRemoval(change, before, kept))
  const tell = (which: Change[]) =>
    which.map(({ path = '', message }) => ({ path, message })).sort((a, b) => a.path.localeCompare(b.path))
  return {
    breaking: tell(changes.filter((change) => !isExpected(change))),
    expected: tell(changes.filter(isExpected)),
  }
}

/**
 * What the inspector calls dangerous and docs/schema.md says that it may come. All else that it calls so breaks: another
 * default (or none, of something required), a directive that is not repeatable any more, a scalar of another format.
 */
const mayCome = new Set([
  'ENUM_VALUE_ADDED',
  'UNION_MEMBER_ADDED',
  'OBJECT_TYPE_INTERFACE_ADDED',
  // Of those that may be left out; the others are called breaking.
  'FIELD_ARGUMENT_ADDED',
  'INPUT_FIELD_ADDED',
])

function isExpected({ type, path = '', criticality }: Change): boolean {
  if (criticality.level !== CriticalityLevel.Dangerous) return false
  // Clients do not see directives in a schema: the three that mean something to them are the specification's.
  return mayCome.has(type) || (type.startsWith('DIRECTIVE_USAGE') && !path.includes('@specifiedBy'))
}

function isAnnouncedRemoval({ type, path = '' }: Change, before: GraphQLSchema, kept: Set<string>): boolean {
  const [typeName = '', member = '', argument = ''] = path.split('.')
  const of = before.getType(typeName)
  switch (type) {
    case 'FIELD_REMOVED':
      return isDeprecated(fieldsOf(of)[member])
    case 'FIELD_ARGUMENT_REMOVED': {
      const field = fieldsOf(of)[member]
      const args = field && 'args' in field ? field.args : []
      return isDeprecated(args.find(({ name }) => name === argument))
    }
    case 'INPUT_FIELD_REMOVED':
      return isDeprecated(fieldsOf(of)[member])
    case 'ENUM_VALUE_REMOVED':
      return isEnumType(of) && isDeprecated(of.getValue(member))
    // A type goes with the last field that led to it.
    case 'TYPE_REMOVED':
      return !kept.has(typeName)
    default:
      return false
  }
}

type Field = GraphQLField<unknown, unknown> | GraphQLInputField

function fieldsOf(type: GraphQLNamedType | undefined): Record<string, Field> {
  return isObjectType(type) || isInterfaceType(type) || isInputObjectType(type) ? type.getFields() : {}
}

const isDeprecated = (what: { deprecationReason?: string | null | undefined } | null | undefined): boolean =>
  what?.deprecationReason != null

/** The names of the types that a client can get at, or has to give, without anything that is deprecated. */
function reachableWithoutDeprecated(schema: GraphQLSchema): Set<string> {
  const reached = new Set<GraphQLNamedType>()
  const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()]
  for (const root of roots) if (root) reached.add(root)
  const reach = (item: GraphQLArgument | Field) => {
    if (!isDeprecated(item)) reached.add(getNamedType(item.type))
  }
  // A set hands out what is added to it while it is walked.
  for (const type of reached) {
    for (const field of Object.values(fieldsOf(type))) {
      reach(field)
      if (!isDeprecated(field) && 'args' in field) field.args.forEach(reach)
    }
    if (isUnionType(type)) for (const member of type.getTypes()) reached.add(member)
    if (isInterfaceType(type)) for (const member of schema.getPossibleTypes(type)) reached.add(member)
    if (isObjectType(type)) for (const shared of type.getInterfaces()) reached.add(shared)
  }
  return new Set([...reached].map(({ name }) => name))
}

/** Where something is deprecated in other words than docs/schema.md has them: `Since 1.2: use x.` */
export function findUnclearDeprecations(current: string): string[] {
  const unclear: string[] = []
  const check = (path: string, { deprecationReason }: { deprecationReason?: string | null | undefined }) => {
    if (deprecationReason != null && !/^Since \d+\.\d+: .{5,}/.test(deprecationReason)) unclear.push(path)
  }
  for (const type of Object.values(buildSchema(current).getTypeMap())) {
    for (const [name, field] of Object.entries(fieldsOf(type))) {
      check(`${type.name}.${name}`, field)
      if ('args' in field) for (const arg of field.args) check(`${type.name}.${name}.${arg.name}`, arg)
    }
    if (isEnumType(type)) for (const value of type.getValues()) check(`${type.name}.${value.name}`, value)
  }
  return unclear
}
