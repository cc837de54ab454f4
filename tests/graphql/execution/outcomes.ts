import {
  GraphQLError,
  type GraphQLField,
  type GraphQLFieldResolver,
  type GraphQLIsTypeOfFn,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  type GraphQLTypeResolver,
  isAbstractType,
  isEnumType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
} from 'graphql'
import { type Choices, choicesFor } from './choices.ts'
import { describeValue } from './describe.ts'

/**
 * What the resolvers of one run return and how they fail. All of it follows from the seed and the place in the
 * answer, so two executors see the same. It is the context value of the run.
 */
export interface World {
  readonly schema: GraphQLSchema
  readonly seed: number
  /** How many of a hundred values are not what their type promises. */
  readonly failures: number
  /** What fields of custom scalars may return, by the scalar's name. */
  readonly results: Results
  /** The calls of the schema's functions in their order, with what they saw. */
  readonly log: string[]
  /**
   * Values that stay the same over a run, as its first function saw them. They are kept by its variables: each event
   * of a subscription is a run, and some of one may still go on when the next begins.
   */
  readonly constants: Map<unknown, Map<string, unknown>>
  /** One error for several places. */
  readonly sharedError: Error
}

type Results = Readonly<Record<string, readonly unknown[]>>

export function createWorld(options: Pick<World, 'schema' | 'seed' | 'failures' | 'results'>): World {
  return { ...options, log: [], constants: new Map(), sharedError: new Error('The same error everywhere.') }
}

interface MockOptions {
  /** Abstract types with a `resolveType`. The others are told apart by `__typename` and `isTypeOf`. */
  readonly resolvedTypes: readonly string[]
  /** Object types with an `isTypeOf`. */
  readonly checkedTypes: Readonly<Record<string, 'sync' | 'async'>>
}

/** Sets every function of a schema that runs call. @returns the same schema */
export function mockResolvers(schema: GraphQLSchema, options: MockOptions): GraphQLSchema {
  for (const type of Object.values(schema.getTypeMap())) {
    if (type.name.startsWith('__')) continue
    if (isAbstractType(type)) {
      type.resolveType = options.resolvedTypes.includes(type.name) ? resolveType : undefined
    }
    if (!isObjectType(type)) continue
    const check = options.checkedTypes[type.name]
    type.isTypeOf = check === undefined ? undefined : createIsTypeOf(type.name, check)
    for (const field of Object.values(type.getFields())) {
      const subscribe = type === schema.getSubscriptionType() ? subscribeToEvents : undefined
      Object.assign(field, { resolve: createResolver(field, styleOf(type, field)), subscribe })
    }
  }
  sourceClasses.set(schema, createSourceClass(schema))
  return schema
}

/** How a field gets its value: an executor may treat functions differently by the parameters that they name. */
type Style = 'property' | 'method' | 'named' | 'all' | 'rest' | 'short'

function styleOf(type: GraphQLObjectType, { name, args }: GraphQLField<unknown, unknown>): Style {
  // The default resolver would find what each object has by these names.
  if (name in {}) return 'named'
  const styles: readonly Style[] = ['method', 'named', 'all', 'rest', 'short', 'property', 'property']
  return choicesFor(`${type.name}.${name}`, 1).pick(args.length === 0 ? styles : styles.slice(0, 5))
}

type Resolver = GraphQLFieldResolver<unknown, World>

function createResolver({ name, type }: GraphQLField<unknown, unknown>, style: Style): Resolver | undefined {
  const named: Resolver = (source, args, world, info) => {
    const key = see(world, `resolve from ${keyOf(source)}`, copyInfo(world, info), args)
    return toResult(world, type, key)
  }
  switch (style) {
    case 'property':
    case 'method':
      return undefined
    case 'named':
      return named
    case 'all':
      return (...all) => named(...all)
    case 'rest':
      return (source, ...[args, world, info]) => {
        const key = see(world, `resolve from ${keyOf(source)}`, info, args)
        return toResult(world, type, key)
      }
    case 'short':
      return (source, args, world) => {
        const key = `${keyOf(source)}.${name}`
        world.log.push(`resolve ${key} ${describeValue(args)}`)
        spoil(args, undefined)
        return toResult(world, type, key)
      }
  }
}

/** What a function gets that changes the info for another, which is allowed. */
function copyInfo(world: World, info: GraphQLResolveInfo): GraphQLResolveInfo {
  world.log.push(Object.keys(info).join())
  return { ...info }
}

/** Notes a call with all that it can see. @returns the key of its place */
function see(world: World, call: string, info: GraphQLResolveInfo, args: Record<string, unknown>): string {
  const key = pathKey(info.path)
  const { fieldName, fieldNodes, parentType, returnType } = info
  const nodes = fieldNodes.map(({ loc }) => loc?.start).join(' ')
  const field = `${parentType.name}.${fieldName}: ${String(returnType)}`
  world.log.push(`${call} ${key} ${field} ${describeValue(args)} at ${nodes}, ${constantsOf(world, info)}`)
  spoil(args, fieldNodes[0])
  return key
}

/** What stays the same over a run: in full for the first call, then only whether it is still the same. */
function constantsOf(world: World, info: GraphQLResolveInfo): string {
  const { variableValues, rootValue, operation, fragments, schema } = info
  const constants = world.constants.get(variableValues) ?? new Map<string, unknown>()
  world.constants.set(variableValues, constants)
  const seen = [
    constant('variables', variableValues, () => describeValue(variableValues)),
    constant('root', rootValue, () => describeValue(rootValue)),
    constant('operation', operation, () => `${operation.operation} ${operation.name?.value}`),
    constant('fragments', fragments, () => `${Object.getPrototypeOf(fragments)} ${Object.keys(fragments)}`),
    schema === world.schema ? '' : 'another schema',
  ]
  return seen.join('')

  function constant(name: string, value: unknown, describe: () => string): string {
    if (!constants.has(name)) {
      constants.set(name, value)
      return `${name} ${describe()} `
    }
    return constants.get(name) === value ? '' : `another ${name}`
  }
}

/** Changes what belongs to the resolver: its arguments, and values made for it alone from literals. */
function spoil(
  args: Record<string, unknown>,
  node: GraphQLResolveInfo['fieldNodes'][number] | undefined,
): void {
  for (const [name, value] of Object.entries(args)) {
    const literal = node?.arguments?.find((argument) => argument.name.value === name)?.value
    if (value instanceof Date && literal?.kind === Kind.STRING) value.setTime(1)
    else if (Array.isArray(value) && literal?.kind === Kind.LIST) value.push('spoiled')
    else if (typeof value === 'object' && value !== null && literal?.kind === Kind.OBJECT) {
      Object.assign(value, { spoiled: true })
    }
    args[name] = 'spoiled'
  }
  args['spoiled'] = true
}

function pathKey({ prev, key, typename }: GraphQLResolveInfo['path']): string {
  const own = typename === undefined ? String(key) : `${typename}:${key}`
  return prev === undefined ? own : `${pathKey(prev)}.${own}`
}

/** What a field, or an item of a list, returns. @throws by choice */
function toResult(world: World, type: GraphQLOutputType, key: string): unknown {
  const choices = choicesFor(key, world.seed)
  const ticks = choices.pick([0, 0, 0, 0, 0, 1, 1, 2, 3, 5])
  if (!choices.chance(world.failures)) return delay(ticks, toValue(world, type, key, choices))
  switch (choices.below(6)) {
    case 0:
    case 1:
      return fail(ticks, toCause(world, key, choices))
    case 2:
      return delay(ticks, new Error(`Returned at ${key}`))
    case 3:
      return delay(ticks, choices.pick([null, undefined]))
    case 4:
      return delay(ticks, toJunk(type, choices))
    default:
      return toThenable(toValue(world, type, key, choices))
  }
}

function delay(ticks: number, value: unknown): unknown {
  return ticks === 0 ? value : later(ticks, () => value)
}

/** @throws if there is no tick to wait for */
function fail(ticks: number, cause: unknown): Promise<unknown> {
  if (ticks === 0) throw cause
  return later(ticks, () => {
    throw cause
  })
}

async function later<Value>(ticks: number, settle: () => Value): Promise<Value> {
  for (let left = ticks; left > 1; left--) await null
  return settle()
}

/** Not a promise, but waited for like one. */
function toThenable(value: unknown): unknown {
  // biome-ignore lint/suspicious/noThenProperty: that is what makes it one
  return { then: (onValue: () => unknown) => Promise.resolve(value).then(onValue) }
}

function toCause(world: World, key: string, choices: Choices): unknown {
  switch (choices.below(7)) {
    case 0:
      return world.sharedError
    case 1:
      return new GraphQLError(`Failed at ${key}`, { extensions: { code: 'FAILED', key } })
    case 2:
      return new GraphQLError('Failed elsewhere', { path: ['else', 1, 'where'] })
    case 3:
      return choices.pick<unknown>(['a text', undefined, { message: 'an object' }])
    default:
      return new Error(`Failed at ${key}`)
  }
}

/** No value of the type. */
function toJunk(type: GraphQLOutputType, choices: Choices): unknown {
  if (isNonNullType(type)) return toJunk(type.ofType, choices)
  const junk: readonly unknown[] = isListType(type)
    ? [42, 'text', {}, Symbol('junk'), () => []]
    : ['text', 42, {}, [], Symbol('junk'), Number.NaN, () => 'called', { __typename: 'Nothing' }, new Map()]
  return choices.pick(junk)
}

function toValue(world: World, type: GraphQLOutputType, key: string, choices: Choices): unknown {
  if (isNonNullType(type)) return toPresentValue(world, type.ofType, key, choices)
  return choices.chance(8) ? choices.pick([null, undefined]) : toPresentValue(world, type, key, choices)
}

function toPresentValue(world: World, type: GraphQLOutputType, key: string, choices: Choices): unknown {
  if (isListType(type)) return toList(world, type.ofType, key, choices)
  if (isEnumType(type)) return choices.pick(type.getValues()).value
  if (isObjectType(type)) return createSource(world, type.name, key)
  if (isAbstractType(type)) {
    return createSource(world, choices.pick(world.schema.getPossibleTypes(type)).name, key)
  }
  switch (String(type)) {
    case 'Int':
      return choices.pick<unknown>([choices.below(100), '7', true])
    case 'Float':
      return choices.pick<unknown>([choices.below(100) / 4, '2.5', 3])
    case 'Boolean':
      return choices.pick<unknown>([true, false, 1])
    case 'ID':
      return choices.pick<unknown>([key, choices.below(1000)])
    case 'String':
      return choices.pick<unknown>([`value of ${key}`, key, 12.5, true])
    default:
      return choices.pick(world.results[String(type)] ?? [])
  }
}

const maxDepth = 7

function toList(world: World, itemType: GraphQLOutputType, key: string, choices: Choices): unknown {
  const length = key.split('.').length > maxDepth ? choices.below(2) : choices.below(4)
  const items = Array.from({ length }, (_, index) => toItem(world, itemType, `${key}.${index}`))
  const breaks = choices.chance(world.failures / 2)
  switch (choices.below(8)) {
    case 0:
      return new Set(items)
    case 1:
      return generate(world, key, items, breaks)
    case 2:
      return { [Symbol.iterator]: () => generate(world, key, items, breaks) }
    case 3:
      // A hole is an item, too.
      if (breaks) items.length += 1
      return items
    default:
      return items
  }
}

/**
 * Items cannot throw, but be promises that reject. An executor may never come to an item, so that it may reject alone;
 * what executors make of it may not.
 */
function toItem(world: World, type: GraphQLOutputType, key: string): unknown {
  const item = tryResult(world, type, key)
  if (item instanceof Promise) item.catch(() => undefined)
  return item
}

function tryResult(world: World, type: GraphQLOutputType, key: string): unknown {
  try {
    return toResult(world, type, key)
  } catch (error) {
    return Promise.reject(error)
  }
}

function* generate(
  world: World,
  key: string,
  items: readonly unknown[],
  breaks: boolean,
): Generator<unknown> {
  try {
    yield* items
    if (breaks) throw new Error(`No more items at ${key}`)
  } finally {
    world.log.push(`end of items at ${key}`)
  }
}

/** An object of the answer, before it is one: what it is an instance of, and its place. */
class Source {
  readonly #world: World
  readonly #typeName: string
  readonly #key: string

  constructor(world: World, typeName: string, key: string) {
    this.#world = world
    this.#typeName = typeName
    this.#key = key
  }

  static typeNameOf(value: unknown): string | undefined {
    return value instanceof Source ? value.#typeName : undefined
  }

  get describeSource(): string {
    return `${this.#typeName} of ${this.#key}`
  }

  /** What the default type resolver asks first. */
  get __typename(): unknown {
    const { schema, failures, seed, log } = this.#world
    log.push(`typename of ${this.#key}`)
    const type = schema.getType(this.#typeName)
    const choices = choicesFor(`typename of ${this.#key}`, seed)
    if (choices.chance(failures)) return choices.pick([undefined, 42, 'Nothing', 'Query', 'Dog'])
    return isObjectType(type) && type.isTypeOf != null && choices.chance(50) ? undefined : this.#typeName
  }

  /** What the default resolver finds. @throws by choice */
  readField(name: string): unknown {
    const type = this.#world.schema.getType(this.#typeName)
    const field = isObjectType(type) ? type.getFields()[name] : undefined
    if (field === undefined || !isObjectType(type)) return undefined
    const style = styleOf(type, field)
    const key = `${this.#key}.${name}`
    this.#world.log.push(`get ${key}`)
    if (style === 'property') return toResult(this.#world, field.type, key)
    const source = this
    return style === 'method' ? callMethod : undefined

    function callMethod(
      this: unknown,
      args: Record<string, unknown>,
      world: World,
      info: GraphQLResolveInfo,
    ) {
      const call = this === source ? 'method' : 'stray method'
      return toResult(world, field?.type as GraphQLOutputType, see(world, call, copyInfo(world, info), args))
    }
  }
}

type SourceClass = new (world: World, typeName: string, key: string) => Source

const sourceClasses = new WeakMap<GraphQLSchema, SourceClass>()

/** Sources with an accessor for each field that the schema leaves to the default resolver. */
function createSourceClass(schema: GraphQLSchema): SourceClass {
  const SchemaSource = class extends Source {}
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith('__')) continue
    for (const field of Object.values(type.getFields())) {
      if (field.resolve !== undefined || field.name in {}) continue
      Object.defineProperty(SchemaSource.prototype, field.name, {
        configurable: true,
        get(this: Source) {
          return this.readField(field.name)
        },
      })
    }
  }
  return SchemaSource
}

export function createSource(world: World, typeName: string, key: string): Source {
  const SchemaSource = sourceClasses.get(world.schema)
  if (SchemaSource === undefined) throw new Error('The schema has no mocked resolvers.')
  return new SchemaSource(world, typeName, key)
}

function keyOf(source: unknown): string {
  return source instanceof Source ? source.describeSource : describeValue(source)
}

const resolveType: GraphQLTypeResolver<unknown, World> = (value, world, info, type) => {
  const key = `type ${type.name} of ${keyOf(value)}`
  see(world, key, copyInfo(world, info), {})
  const choices = choicesFor(key, world.seed)
  const ticks = choices.pick([0, 0, 0, 1, 2])
  if (!choices.chance(world.failures)) return delay(ticks, Source.typeNameOf(value)) as string
  if (choices.chance(20)) return fail(ticks, toCause(world, key, choices)) as Promise<string>
  const junk: readonly unknown[] = [null, undefined, 42, 'Nothing', 'Query', type.name, 'String', 'Owner']
  const possible: readonly GraphQLNamedType[] = world.schema.getPossibleTypes(type)
  return delay(ticks, choices.pick([...junk, possible[0], ...possible.map(({ name }) => name)])) as string
}

function createIsTypeOf(typeName: string, mode: 'sync' | 'async'): GraphQLIsTypeOfFn<unknown, World> {
  return (value, world, info) => {
    const key = `is ${typeName}: ${keyOf(value)}`
    see(world, key, copyInfo(world, info), {})
    const choices = choicesFor(key, world.seed)
    const ticks = mode === 'sync' ? 0 : choices.pick([0, 1, 1, 2, 3])
    if (!choices.chance(world.failures)) {
      return delay(ticks, Source.typeNameOf(value) === typeName) as boolean
    }
    if (choices.chance(30)) return fail(ticks, toCause(world, key, choices)) as Promise<boolean>
    return delay(ticks, choices.pick<unknown>([false, undefined, 1, 'yes', true])) as boolean
  }
}

const subscribeToEvents: Resolver = (source, args, world, info) => {
  const key = `source of ${see(world, `subscribe from ${keyOf(source)}`, copyInfo(world, info), args)}`
  const choices = choicesFor(key, world.seed)
  const ticks = choices.pick([0, 1, 2])
  if (!choices.chance(world.failures)) return delay(ticks, createEvents(world, choices.below(4)))
  if (choices.chance(50)) return fail(ticks, toCause(world, key, choices))
  return delay(
    ticks,
    choices.pick<unknown>([null, [1], 'text', new Error(key), createSource(world, 'Dog', key)]),
  )
}

async function* createEvents(world: World, count: number): AsyncGenerator<unknown> {
  for (let index = 0; index < count; index++) {
    const choices = choicesFor(`event ${index}`, world.seed)
    yield choices.chance(world.failures) ? null : createSource(world, 'Subscription', `event ${index}`)
  }
}
