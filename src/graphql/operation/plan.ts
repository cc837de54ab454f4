import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLAbstractType,
  type GraphQLField,
  type GraphQLFieldResolver,
  type GraphQLLeafType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  getArgumentValues,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  SchemaMetaFieldDef,
  TypeMetaFieldDef,
  TypeNameMetaFieldDef,
  type ValueNode,
} from 'graphql'
import { collectFields, collectSubfields } from 'graphql/execution/collectFields.js'
import { fragmentsOf } from './fragments.ts'

/** The most selections and fields a plan keeps, each counted once per object type. Those beyond it are planned on each run. */
export const maxPlannedFields = 5_000

export type Values = Readonly<Record<string, unknown>>

/**
 * The reusable part of executing an operation: for each selection and object type the fields in their order, with
 * their resolvers, arguments, and how to complete what those return. It is data and closures, never source text.
 *
 * A plan grows as runs reach new selections, so making it costs no more than running it; and it is good only for the
 * values of variables in `@skip` and `@include` that it was begun with.
 */
export interface Plan {
  readonly schema: GraphQLSchema
  readonly operation: OperationDefinitionNode
  readonly fragments: Readonly<Record<string, FragmentDefinitionNode>>
  /** Null until the first run. */
  root: Selection | null
  size: number
}

/** The fields of an object, merged as the specification says, in the order of the answer. */
export interface Selection {
  readonly type: GraphQLObjectType
  readonly fields: readonly PlannedField[]
  /** Whether a field is called `__proto__`, which a plain object would take for its prototype. */
  readonly namesPrototype: boolean
}

export interface PlannedField {
  readonly responseName: string
  readonly nodes: readonly FieldNode[]
  readonly parentType: GraphQLObjectType
  readonly fieldName: string
  readonly returnType: GraphQLOutputType
  readonly shape: Shape
  /** Whether its value is a property of its object: it has neither a resolver nor arguments. */
  readonly isProperty: boolean
  /** Undefined for the default. */
  readonly resolver: GraphQLFieldResolver<unknown, unknown> | undefined
  /** Whether the resolver may look at its fourth argument as a whole: it names it, or takes its arguments as a list. */
  readonly namesInfo: boolean
  /** Undefined for the default. */
  readonly subscriber: GraphQLFieldResolver<unknown, unknown> | undefined
  /** The values of its arguments; null if it has none. @throws GraphQLError */
  readonly argumentsFor: ((run: Arguments, field: PlannedField) => Record<string, unknown>) | null
  /** Selections of what it returns, by the object type that this turns out to be. */
  selections: Map<GraphQLObjectType, Selection> | null
}

/** A type as the executor goes by it: looking at a type itself takes several calls for each value. */
export type Shape = { readonly nullable: boolean } & (
  | { readonly kind: 'leaf'; readonly type: GraphQLLeafType }
  | { readonly kind: 'list'; readonly item: Shape }
  | { readonly kind: 'object'; readonly type: GraphQLObjectType }
  | { readonly kind: 'abstract'; readonly type: GraphQLAbstractType }
)

/** Of a run: what arguments come from, and those that are the same for each object of a list. */
export interface Arguments {
  readonly variableValues: Values
  readonly knownArguments: Map<PlannedField, Values>
}

export function createPlan(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
): Plan {
  return { schema, operation, fragments: fragmentsOf(document), root: null, size: 0 }
}

/** @throws GraphQLError where a condition has no value */
export function planRoot(plan: Plan, type: GraphQLObjectType, variables: Values): Selection {
  if (plan.root !== null) return plan.root
  const { schema, fragments, operation } = plan
  const fields = collectFields(schema, fragments, variables, type, operation.selectionSet)
  plan.root = toSelection(plan, type, fields)
  plan.size += 1 + plan.root.fields.length
  return plan.root
}

/**
 * The selection of what a field returns, where that is an object of this type.
 * @param unplanned where selections are kept for which the plan has no room
 * @throws GraphQLError where a condition has no value
 */
export function planSelection(
  plan: Plan,
  field: PlannedField,
  type: GraphQLObjectType,
  variables: Values,
  unplanned: UnplannedSelections,
): Selection {
  const known = field.selections?.get(type) ?? unplanned.get(field)?.get(type)
  if (known !== undefined) return known
  const fields = collectSubfields(plan.schema, plan.fragments, variables, type, field.nodes)
  const selection = toSelection(plan, type, fields)
  if (plan.size < maxPlannedFields) {
    plan.size += 1 + selection.fields.length
    field.selections ??= new Map()
    field.selections.set(type, selection)
  } else {
    unplanned.set(field, (unplanned.get(field) ?? new Map()).set(type, selection))
  }
  return selection
}

export type UnplannedSelections = Map<PlannedField, Map<GraphQLObjectType, Selection>>

function toSelection(
  { schema }: Plan,
  type: GraphQLObjectType,
  nodesByName: ReadonlyMap<string, readonly FieldNode[]>,
): Selection {
  const fields: PlannedField[] = []
  for (const [responseName, nodes] of nodesByName) {
    const field = planField(schema, type, responseName, nodes)
    if (field !== null) fields.push(field)
  }
  return { type, fields, namesPrototype: nodesByName.has('__proto__') }
}

function shapeOf(type: GraphQLOutputType, nullable = true): Shape {
  if (isNonNullType(type)) return shapeOf(type.ofType, false)
  if (isListType(type)) return { kind: 'list', nullable, item: shapeOf(type.ofType) }
  if (isLeafType(type)) return { kind: 'leaf', nullable, type }
  return isObjectType(type) ? { kind: 'object', nullable, type } : { kind: 'abstract', nullable, type }
}

/** Null if the type has no such field. Validation refuses it; graphql-js omits it. */
function planField(
  schema: GraphQLSchema,
  parentType: GraphQLObjectType,
  responseName: string,
  nodes: readonly FieldNode[],
): PlannedField | null {
  const [node] = nodes
  const definition = node && definitionOf(schema, parentType, node.name.value)
  if (definition === undefined) return null
  return {
    responseName,
    nodes,
    parentType,
    fieldName: definition.name,
    returnType: definition.type,
    shape: shapeOf(definition.type),
    isProperty: definition.resolve == null && definition.args.length === 0,
    resolver: definition.resolve ?? undefined,
    namesInfo:
      definition.resolve != null && (definition.resolve.length > 3 || definition.resolve.length === 0),
    subscriber: definition.subscribe ?? undefined,
    argumentsFor: planArguments(definition, node as FieldNode),
    selections: null,
  }
}

function definitionOf(
  schema: GraphQLSchema,
  parentType: GraphQLObjectType,
  name: string,
): GraphQLField<unknown, unknown> | undefined {
  if (name === TypeNameMetaFieldDef.name) return TypeNameMetaFieldDef
  if (schema.getQueryType() === parentType) {
    if (name === SchemaMetaFieldDef.name) return SchemaMetaFieldDef
    if (name === TypeMetaFieldDef.name) return TypeMetaFieldDef
  }
  return parentType.getFields()[name]
}

/**
 * Argument values are computed once where they are the same for each run, else once for each run, by the reference's
 * own function. Each call gets an object of its own, since it is the resolver's; for the same reason values
 * that are objects themselves are computed for each call.
 */
function planArguments(
  definition: GraphQLField<unknown, unknown>,
  node: FieldNode,
): PlannedField['argumentsFor'] {
  if (definition.args.length === 0) return null
  const constant = usesVariables(node) ? null : constantArguments()
  if (constant !== null) return () => ({ ...constant })
  return (run, field) => {
    const known = run.knownArguments.get(field)
    if (known !== undefined) return { ...known }
    const values = getArgumentValues(definition, node, run.variableValues)
    if (!isFlat(values)) return values
    run.knownArguments.set(field, values)
    return { ...values }
  }

  function constantArguments(): Values | null {
    try {
      const values = getArgumentValues(definition, node)
      return isFlat(values) ? values : null
    } catch {
      // Each run repeats it, and reports the error at the field.
      return null
    }
  }
}

/** What the field is called in messages, such as `Query.viewer`. */
export function coordinateOf({ parentType, fieldName }: PlannedField): string {
  return `${parentType.name}.${fieldName}`
}

/** Whether the values of its arguments depend on variables. */
export function usesVariables(node: FieldNode): boolean {
  return node.arguments?.some(({ value }) => usesVariable(value)) ?? false
}

function usesVariable(value: ValueNode): boolean {
  switch (value.kind) {
    case Kind.VARIABLE:
      return true
    case Kind.LIST:
      return value.values.some(usesVariable)
    case Kind.OBJECT:
      return value.fields.some((field) => usesVariable(field.value))
    default:
      return false
  }
}

function isFlat(values: Values): boolean {
  return Object.values(values).every((value) => typeof value !== 'object' || value === null)
}
