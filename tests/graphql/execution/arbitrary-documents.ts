import fc from 'fast-check'
import {
  doTypesOverlap,
  type GraphQLArgument,
  GraphQLBoolean,
  type GraphQLCompositeType,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLInputObjectType,
  type GraphQLInputType,
  GraphQLNonNull,
  type GraphQLNullableType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  GraphQLString,
  getNamedType,
  getNullableType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isRequiredArgument,
  isRequiredInputField,
  isTypeSubTypeOf,
  isUnionType,
  SchemaMetaFieldDef,
  TypeMetaFieldDef,
} from 'graphql'
import { type Choices, choicesFromTape } from './choices.ts'

/** What stands for a custom scalar in documents, variables and results. */
export interface ScalarSamples {
  /** Valid anywhere, in the language. */
  readonly literals: readonly string[]
  /** As JSON of the variables; coercion may still fail when an operation runs. */
  readonly values: readonly unknown[]
  readonly invalid: readonly unknown[]
  readonly results: readonly unknown[]
}

export type Samples = Readonly<Record<string, ScalarSamples>>

/** A valid document, and runs of its operations. */
export interface DocumentCase {
  readonly text: string
  readonly runs: readonly DocumentRun[]
}

export interface DocumentRun {
  /** Undefined for the only operation of a document. */
  readonly operationName: string | undefined
  readonly variables: Record<string, unknown>
  /** What resolvers do. */
  readonly seed: number
  readonly failures: number
}

/** Documents of a schema, valid by construction, each with runs of its operations in a mixed order. */
export function arbitraryDocumentCase(schema: GraphQLSchema, samples: Samples): fc.Arbitrary<DocumentCase> {
  const tape = (maxLength: number) => fc.noBias(fc.uint8Array({ minLength: 0, maxLength, size: 'max' }))
  return fc.tuple(tape(400), tape(250)).map(([documentTape, runsTape]) => {
    const writer = new DocumentWriter(schema, samples, choicesFromTape(documentTape))
    const operations = writer.writeOperations()
    const runs = chooseRuns(writer, operations, choicesFromTape(runsTape))
    return {
      text: writer.print(operations),
      runs,
      [fc.toStringMethod]: () => printCase(writer.print(operations), runs),
    }
  })
}

export function printCase(text: string, runs: readonly DocumentRun[]): string {
  const printed = runs.map(
    ({ operationName, variables, seed, failures }) =>
      `${operationName ?? ''} ${JSON.stringify(variables)} seed ${seed}, ${failures} % failures`,
  )
  return `${text}\n\n${printed.join('\n')}`
}

interface Operation {
  readonly name: string | undefined
  readonly head: string
  readonly body: string
  readonly variables: readonly VariableDefinition[]
}

interface VariableDefinition {
  readonly name: string
  readonly type: GraphQLInputType
  readonly hasDefault: boolean
}

/** A variable by the positions it is used in. Each operation that uses it defines it its own way. */
interface Variable {
  readonly name: string
  readonly type: GraphQLInputType
  /** Whether a nullable type with a default will not do. */
  readonly strict: boolean
}

interface Fragment {
  readonly name: string
  readonly type: GraphQLCompositeType
  readonly text: string
  readonly uses: ReadonlySet<Variable>
}

/** A field as it stands in the document already: standing there again, it merges. */
interface WrittenField {
  readonly parentType: string
  readonly head: string
  readonly definition: GraphQLField<unknown, unknown>
  readonly uses: ReadonlySet<Variable>
}

const fieldNames = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'then', 'a', 'b', 'id', 'name']
const variableNames = ['constructor', 'toString', '__proto__', 'hasOwnProperty', 'x', 'y', 'valueOf']
const maxDepth = 6
const maxFields = 45

class DocumentWriter {
  readonly schema: GraphQLSchema
  readonly samples: Samples
  readonly #choices: Choices
  readonly #variables: Variable[] = []
  readonly #fragments: Fragment[] = []
  readonly #written: WrittenField[] = []
  /** What a response name stands for anywhere in the document, so that no two fields conflict. */
  readonly #meanings = new Map<string, string>()
  #uses = new Set<Variable>()
  #fieldsLeft = maxFields

  constructor(schema: GraphQLSchema, samples: Samples, choices: Choices) {
    this.schema = schema
    this.samples = samples
    this.#choices = choices
  }

  writeOperations(): Operation[] {
    const count = this.#choices.pick([1, 2, 3])
    const isAnonymous = count === 1 && this.#choices.chance(50)
    return Array.from({ length: count }, (_, index) =>
      this.#writeOperation(isAnonymous ? undefined : `Operation${index}`),
    )
  }

  print(operations: readonly Operation[]): string {
    const fragments = this.#fragments.map(
      ({ name, type, text }) => `fragment ${name} on ${type.name} ${text}`,
    )
    const definitions = operations.map(({ head, body }) => `${head} ${body}`)
    // Positions of errors depend on line ends.
    return [...definitions, ...fragments].join('\n').replaceAll('\n', this.#lineEnd())
  }

  #printedLineEnd: string | undefined
  #lineEnd(): string {
    this.#printedLineEnd ??= this.#choices.pick(['\n', '\r\n', '\r', ' # comment\r\n\t', '\n,\ufeff'])
    return this.#printedLineEnd
  }

  #writeOperation(name: string | undefined): Operation {
    const { schema } = this
    const roots = [
      schema.getQueryType(),
      schema.getQueryType(),
      schema.getMutationType(),
      schema.getSubscriptionType(),
    ]
    const type = this.#choices.pick(roots.filter((root) => root != null)) as GraphQLObjectType
    const isSubscription = type === schema.getSubscriptionType()
    this.#uses = new Set()
    const body = isSubscription ? this.#writeEventField(type) : this.#writeSelections(type, 0)
    const variables: VariableDefinition[] = []
    const printed = [...this.#uses].map((variable) => {
      const [definition, text] = this.#defineVariable(variable)
      variables.push(definition)
      return text
    })
    const keyword = isSubscription ? 'subscription' : type === schema.getMutationType() ? 'mutation' : 'query'
    const parameters = printed.length === 0 ? '' : `(${printed.join(' ')})`
    return { name, head: `${keyword} ${name ?? ''}${parameters}`, body, variables }
  }

  /** In each way that allows all of its uses. */
  #defineVariable({ name, type, strict }: Variable): [VariableDefinition, string] {
    const nullable = getNullableType(type)
    const required = new GraphQLNonNull(nullable)
    const options: [GraphQLInputType, 'none' | 'value' | 'null'][] = isNonNullType(type)
      ? [
          [required, 'none'],
          [required, 'value'],
          [strict ? required : nullable, 'value'],
        ]
      : [
          [nullable, 'none'],
          [nullable, 'value'],
          [nullable, 'null'],
          [required, 'none'],
          [required, 'value'],
        ]
    const [defined, defaults] = this.#choices.pick(options)
    const literal = defaults === 'null' ? 'null' : this.#writePresentLiteral(nullable, 0, false)
    const suffix = defaults === 'none' ? '' : ` = ${literal}`
    return [{ name, type: defined, hasDefault: defaults !== 'none' }, `$${name}: ${String(defined)}${suffix}`]
  }

  /** A subscription has one field at its root, without conditions. */
  #writeEventField(type: GraphQLObjectType): string {
    const field = this.#writeField(type, this.#choices.pick(Object.values(type.getFields())), 0, false)
    switch (this.#choices.below(4)) {
      case 1:
        return `{ ... on ${type.name} {\n ${field} } }`
      case 2:
        return `{\n ... { ${field} } }`
      default:
        return `{ ${field} }`
    }
  }

  #writeSelections(type: GraphQLCompositeType, depth: number): string {
    const count = 1 + this.#choices.below(depth === 0 ? 5 : 4)
    const selections = Array.from({ length: count }, () => this.#writeSelection(type, depth))
    return `{\n${selections.join('\n')} }`
  }

  #writeSelection(type: GraphQLCompositeType, depth: number): string {
    const choice = depth > maxDepth ? 0 : this.#choices.below(isIntrospection(type) ? 10 : 16)
    if (choice >= 15) return this.#writeFragment(type, depth)
    if (choice >= 13) return this.#writeSpread(type) ?? this.#writeFragment(type, depth)
    if (choice >= 10) return this.#writeInlineFragment(type, depth)
    if (choice >= 8) return this.#repeatField(type, depth) ?? this.#writeAnyField(type, depth)
    return this.#writeAnyField(type, depth)
  }

  #writeInlineFragment(type: GraphQLCompositeType, depth: number): string {
    if (this.#choices.chance(25)) {
      return `... ${this.#writeConditions()} ${this.#writeSelections(type, depth + 1)}`
    }
    const condition = this.#choices.pick(overlappingTypes(this.schema, type))
    return `... on ${condition.name} ${this.#writeConditions()} ${this.#writeSelections(condition, depth + 1)}`
  }

  #writeFragment(type: GraphQLCompositeType, depth: number): string {
    const condition = this.#choices.pick(overlappingTypes(this.schema, type))
    const uses = this.#uses
    this.#uses = new Set()
    const text = this.#writeSelections(condition, depth + 1)
    const fragment = { name: `Fragment${this.#fragments.length}`, type: condition, text, uses: this.#uses }
    this.#uses = uses
    this.#fragments.push(fragment)
    return this.#spread(fragment)
  }

  #writeSpread(type: GraphQLCompositeType): string | undefined {
    const overlapping = overlappingTypes(this.schema, type)
    const fragments = this.#fragments.filter((fragment) => overlapping.includes(fragment.type))
    return fragments.length === 0 ? undefined : this.#spread(this.#choices.pick(fragments))
  }

  #spread({ name, uses }: Fragment): string {
    for (const variable of uses) this.#uses.add(variable)
    return `...${name} ${this.#writeConditions()}`
  }

  #repeatField(type: GraphQLCompositeType, depth: number): string | undefined {
    const written = this.#written.filter(({ parentType }) => parentType === type.name)
    if (written.length === 0) return undefined
    const { head, definition, uses } = this.#choices.pick(written)
    for (const variable of uses) this.#uses.add(variable)
    return `${head} ${this.#writeConditions()} ${this.#writeSubselections(definition.type, depth)}`
  }

  #writeAnyField(type: GraphQLCompositeType, depth: number): string {
    const fields = this.#fieldsOf(type, depth)
    this.#fieldsLeft--
    return fields.length === 0 || this.#choices.chance(8)
      ? `${this.#nameField('__typename', '', 'String!')} ${this.#writeConditions()}`
      : this.#writeField(type, this.#choices.pick(fields), depth, true)
  }

  #fieldsOf(type: GraphQLCompositeType, depth: number): readonly GraphQLField<unknown, unknown>[] {
    if (isUnionType(type)) return []
    const fields = Object.values(type.getFields())
    const isDeep = depth > maxDepth || this.#fieldsLeft <= 0
    if (isDeep) return fields.filter((field) => !isCompositeType(getNamedType(field.type)))
    // Sometimes, because its answers are long.
    const introspects = type === this.schema.getQueryType() && depth === 0 && this.#choices.chance(4)
    if (!introspects) return fields
    return introspectionFields
  }

  #writeField(
    parentType: GraphQLCompositeType,
    definition: GraphQLField<unknown, unknown>,
    depth: number,
    allowsConditions: boolean,
  ): string {
    const { type } = definition
    const outer = this.#uses
    this.#uses = new Set()
    const head = this.#nameField(definition.name, this.#writeArguments(definition.args), shapeOf(type))
    const uses = this.#uses
    this.#uses = outer
    for (const variable of uses) this.#uses.add(variable)
    if (allowsConditions) this.#written.push({ parentType: parentType.name, head, definition, uses })
    const conditions = allowsConditions ? this.#writeConditions() : ''
    return `${head} ${conditions} ${this.#writeSubselections(type, depth)}`
  }

  #writeSubselections(type: GraphQLOutputType, depth: number): string {
    const named = getNamedType(type)
    if (!isCompositeType(named)) return ''
    // Validation refuses introspection that goes deep.
    const start = isIntrospection(named) ? Math.max(depth, maxDepth - 2) : depth
    return this.#writeSelections(named, start + 1)
  }

  /** The name of a field with the alias that it needs, so that its response name has one meaning. */
  #nameField(name: string, args: string, shape: string): string {
    const meaning = `${name}${args}: ${shape}`
    let candidate = this.#choices.chance(25) ? this.#choices.pick(fieldNames) : name
    for (let index = -1; (this.#meanings.get(candidate) ?? meaning) !== meaning; index++) {
      candidate = index < 0 ? name : `alias${index}`
    }
    this.#meanings.set(candidate, meaning)
    return candidate === name ? `${name}${args}` : `${candidate}: ${name}${args}`
  }

  #writeArguments(definitions: readonly GraphQLArgument[]): string {
    const given = definitions.filter(
      (definition) => isRequiredArgument(definition) || this.#choices.chance(50),
    )
    const args = given.map(
      (definition) => `${definition.name}: ${this.#writeLiteral(definition.type, 0, true, definition)}`,
    )
    return args.length === 0 ? '' : `(${args.join(', ')})`
  }

  #writeConditions(): string {
    if (!this.#choices.chance(22)) return ''
    const names = this.#choices.pick([
      ['skip'],
      ['include'],
      ['include'],
      ['skip', 'include'],
      ['include', 'skip'],
    ])
    return names
      .map((name) => {
        const literals = name === 'skip' ? ['false', 'false', 'true'] : ['true', 'true', 'false']
        const value = this.#choices.chance(60)
          ? this.#variableFor(new GraphQLNonNull(GraphQLBoolean), false, false)
          : this.#choices.pick(literals)
        return `@${name}(if: ${value})`
      })
      .join(' ')
  }

  /** @param position what the value is for: a default decides which variables it may be */
  #writeLiteral(
    type: GraphQLInputType,
    depth: number,
    allowsVariables: boolean,
    position?: GraphQLArgument | GraphQLInputField,
  ): string {
    if (allowsVariables && this.#choices.chance(35)) {
      return this.#variableFor(type, position?.defaultValue !== undefined, false)
    }
    if (isNonNullType(type)) return this.#writePresentLiteral(type.ofType, depth, allowsVariables)
    if (this.#choices.chance(10)) return 'null'
    return this.#writePresentLiteral(type, depth, allowsVariables)
  }

  #writePresentLiteral(type: GraphQLNullableType, depth: number, allowsVariables: boolean): string {
    if (isListType(type)) return this.#writeList(type.ofType as GraphQLInputType, depth, allowsVariables)
    if (isInputObjectType(type)) return this.#writeObject(type, depth, allowsVariables)
    if (isEnumType(type)) return this.#choices.pick(type.getValues()).name
    switch (String(type)) {
      case 'Int':
        return this.#choices.pick(['0', '1', '-7', '2147483647'])
      case 'Float':
        return this.#choices.pick(['0', '1.5', '-2e3', '7'])
      case 'Boolean':
        return this.#choices.pick(['true', 'false'])
      case 'ID':
        return this.#choices.pick(['"a"', '1', '""', '"constructor"'])
      case 'String':
        return this.#choices.pick(['""', '"text"', '"\\u00e9\\n\\"{}"', '"""block\n  text"""'])
      case 'Json':
        // No type says what may stand inside it, so any variable may.
        if (allowsVariables && this.#choices.chance(30)) {
          const variable = this.#variableFor(GraphQLString, false, false)
          return this.#choices.pick([`{ a: ${variable} }`, `[1, { b: ${variable} }]`])
        }
    }
    return this.#choices.pick(this.samples[String(type)]?.literals ?? [])
  }

  #writeList(itemType: GraphQLInputType, depth: number, allowsVariables: boolean): string {
    // One value stands for a list of it, but null does not, nor does a variable of another type.
    if (this.#choices.chance(15) && !isListType(getNullableType(itemType))) {
      return this.#writePresentLiteral(getNullableType(itemType), depth + 1, allowsVariables)
    }
    const items = Array.from({ length: this.#choices.below(depth > 2 ? 2 : 4) }, () =>
      this.#writeLiteral(itemType, depth + 1, allowsVariables),
    )
    return `[${items.join(', ')}]`
  }

  #writeObject(type: GraphQLInputObjectType, depth: number, allowsVariables: boolean): string {
    const fields = Object.values(type.getFields())
    if (type.isOneOf) {
      const shallow = depth > 2 ? fields.filter((field) => !isInputObjectType(field.type)) : fields
      const field = this.#choices.pick(shallow)
      const nullable = getNullableType(field.type)
      const value =
        allowsVariables && this.#choices.chance(35)
          ? this.#variableFor(nullable, false, true)
          : this.#writePresentLiteral(nullable, depth + 1, allowsVariables)
      return `{ ${field.name}: ${value} }`
    }
    const given = fields.filter(
      (field) => isRequiredInputField(field) || (depth < 4 && this.#choices.chance(depth < 2 ? 45 : 20)),
    )
    const printed = given.map(
      (field) => `${field.name}: ${this.#writeLiteral(field.type, depth + 1, allowsVariables, field)}`,
    )
    return `{ ${printed.join(', ')} }`
  }

  #variableFor(location: GraphQLInputType, hasDefault: boolean, strict: boolean): string {
    const fitting = this.#variables.filter(
      (variable) => (variable.strict || !strict) && this.#fits(variable.type, location, hasDefault),
    )
    const known = this.#choices.chance(60) && fitting.length > 0 ? this.#choices.pick(fitting) : undefined
    const variable = known ?? this.#createVariable(location, hasDefault, strict)
    this.#uses.add(variable)
    return `$${variable.name}`
  }

  #fits(type: GraphQLInputType, location: GraphQLInputType, hasDefault: boolean): boolean {
    if (isTypeSubTypeOf(this.schema, type, location)) return true
    return hasDefault && isNonNullType(location) && isTypeSubTypeOf(this.schema, type, location.ofType)
  }

  #createVariable(location: GraphQLInputType, hasDefault: boolean, strict: boolean): Variable {
    const index = this.#variables.length
    const name = variableNames[index] ?? `variable${index}`
    const nullable = getNullableType(location)
    const canBeNullable = !isNonNullType(location) || hasDefault
    const isNullable = !strict && canBeNullable && !this.#choices.chance(30)
    const variable = { name, type: isNullable ? nullable : new GraphQLNonNull(nullable), strict }
    this.#variables.push(variable)
    return variable
  }
}

function isIntrospection({ name }: GraphQLCompositeType): boolean {
  return name.startsWith('__')
}

const introspectionFields = [SchemaMetaFieldDef, TypeMetaFieldDef]

const overlaps = new WeakMap<GraphQLSchema, Map<GraphQLCompositeType, readonly GraphQLCompositeType[]>>()

/** Types that a fragment inside the type may have. The type itself comes first, and often. */
function overlappingTypes(
  schema: GraphQLSchema,
  type: GraphQLCompositeType,
): readonly GraphQLCompositeType[] {
  const ofSchema = overlaps.get(schema) ?? new Map()
  overlaps.set(schema, ofSchema)
  const known = ofSchema.get(type)
  if (known !== undefined) return known
  const others = Object.values(schema.getTypeMap()).filter(
    (other) => isCompositeType(other) && other !== type && doTypesOverlap(schema, type, other),
  ) as GraphQLCompositeType[]
  const all = [type, ...others]
  ofSchema.set(type, all)
  return all
}

/** Fields of one response name may differ in their objects, but not in what surrounds these. */
function shapeOf(type: GraphQLOutputType): string {
  const named = getNamedType(type)
  return isCompositeType(named) ? String(type).replace(named.name, '{}') : String(type)
}

function chooseRuns(
  writer: DocumentWriter,
  operations: readonly Operation[],
  choices: Choices,
): DocumentRun[] {
  const runs: DocumentRun[] = []
  const rounds = choices.pick([3, 4, 5])
  for (let round = 0; round < rounds; round++) {
    for (const { name, variables } of operations) {
      const failures = choices.pick([0, 4, 12, 35])
      const seed = choices.below(0x100) * 0x100 + choices.below(0x100)
      runs.push({
        operationName: name,
        variables: chooseVariables(writer, variables, choices),
        seed,
        failures,
      })
    }
  }
  return runs
}

function chooseVariables(
  writer: DocumentWriter,
  definitions: readonly VariableDefinition[],
  choices: Choices,
): Record<string, unknown> {
  const entries: [string, unknown][] = []
  for (const { name, type, hasDefault } of definitions) {
    const isOptional = hasDefault || !isNonNullType(type)
    if (choices.chance(isOptional ? 40 : 1)) continue
    entries.push([name, toInput(writer.samples, type, choices, 0)])
  }
  if (choices.chance(5)) entries.push(['undeclared', 1])
  return Object.fromEntries(entries)
}

function toInput(samples: Samples, type: GraphQLInputType, choices: Choices, depth: number): unknown {
  if (isNonNullType(type)) {
    return choices.chance(1) ? null : toPresentInput(samples, type.ofType, choices, depth)
  }
  return choices.chance(20) ? null : toPresentInput(samples, type, choices, depth)
}

function toPresentInput(
  samples: Samples,
  type: GraphQLNullableType,
  choices: Choices,
  depth: number,
): unknown {
  if (choices.chance(1)) return choices.pick<unknown>([{}, 'NOPE', 1.5, [], [null], true])
  if (isListType(type)) {
    const itemType = type.ofType as GraphQLInputType
    if (choices.chance(15)) return toInput(samples, itemType, choices, depth + 1)
    const length = choices.below(depth > 2 ? 2 : 4)
    return Array.from({ length }, () => toInput(samples, itemType, choices, depth + 1))
  }
  if (isInputObjectType(type)) return toInputObject(samples, type, choices, depth)
  if (isEnumType(type)) return choices.pick(type.getValues()).name
  switch (String(type)) {
    case 'Int':
      return choices.pick([0, 1, -7, 5.0])
    case 'Float':
      return choices.pick([0, 1.5, -2e3])
    case 'Boolean':
      return choices.chance(50)
    case 'ID':
      return choices.pick<unknown>(['a', 1, 'bomb'])
    case 'String':
      return choices.pick(['', 'text', 'bomb', 'é\n'])
  }
  const { values = [], invalid = [] } = samples[String(type)] ?? {}
  return choices.pick(invalid.length > 0 && choices.chance(2) ? invalid : values)
}

function toInputObject(
  samples: Samples,
  type: GraphQLInputObjectType,
  choices: Choices,
  depth: number,
): Record<string, unknown> {
  const fields = Object.values(type.getFields())
  if (type.isOneOf) {
    const field = choices.pick(depth > 2 ? fields.filter(({ type: of }) => !isInputObjectType(of)) : fields)
    return { [field.name]: toPresentInput(samples, getNullableType(field.type), choices, depth + 1) }
  }
  const given = fields.filter(
    (field) => isRequiredInputField(field) || (depth < 4 && choices.chance(depth < 2 ? 45 : 20)),
  )
  const entries = given.map((field): [string, unknown] => [
    field.name,
    toInput(samples, field.type, choices, depth + 1),
  ])
  if (choices.chance(1)) entries.push(['unknown', 1])
  return Object.fromEntries(entries)
}
