import {
  extendSchema,
  GraphQLEnumType,
  GraphQLError,
  GraphQLScalarType,
  GraphQLSchema,
  Kind,
  parse,
  valueFromASTUntyped,
} from 'graphql'
import type { ScalarSamples } from './arbitrary-documents.ts'
import { mockResolvers } from './outcomes.ts'

/** Its values inside differ from their names, and one is an object. */
const Color = new GraphQLEnumType({
  name: 'Color',
  values: { RED: { value: 0 }, GREEN: { value: { hue: 120 } }, BLUE: { value: 'azure' } },
})

/** Becomes an object that a resolver could change. */
const Moment = new GraphQLScalarType<Date, string>({
  name: 'Moment',
  serialize(value) {
    if (value instanceof Date) return value.toISOString()
    throw new GraphQLError(`Not a moment: ${typeof value}`, { extensions: { code: 'NOT_A_MOMENT' } })
  },
  parseValue: toMoment,
  parseLiteral(node) {
    return toMoment(node.kind === Kind.STRING ? node.value : undefined)
  },
})

function toMoment(value: unknown): Date {
  const date = new Date(typeof value === 'string' ? value : Number.NaN)
  if (Number.isNaN(date.getTime())) throw new TypeError(`No moment: ${String(value)}`)
  return date
}

/** Takes any literal, with variables inside, and refuses values that say so. */
const Json = new GraphQLScalarType({
  name: 'Json',
  parseValue: refuseBombs,
  parseLiteral: (node, variables) => refuseBombs(valueFromASTUntyped(node, variables)),
})

function refuseBombs(value: unknown): unknown {
  if (JSON.stringify(value)?.includes('bomb') === true) throw new Error('This value is a bomb.')
  return value
}

/** Fails to serialise in each way there is. */
const Fragile = new GraphQLScalarType({
  name: 'Fragile',
  serialize(value) {
    switch (value) {
      case 'throws':
        throw new Error('It broke.')
      case 'undefined':
        return undefined
      case 'null':
        return null
      case 'promise':
        return Promise.resolve('later')
      case 'rejection':
        return Promise.reject(new Error('It broke later.'))
      case 'object':
        return { nested: [1, { deep: true }] }
      default:
        return String(value)
    }
  },
})

const sdl = /* GraphQL */ `
  schema { query: Query mutation: Mutation subscription: Subscription }

  interface Node { id: ID! describe(length: Int = 1, color: Color = RED): String }
  interface Named implements Node {
    id: ID!
    name: String
    describe(length: Int = 1, color: Color = RED): String
    friend: Named
    friends(first: Int! = 2): [Named]
  }
  interface Walker { legs: Int! next: Walker }
  type Dog implements Named & Node & Walker {
    id: ID!
    name: String!
    legs: Int!
    next: Dog
    bark: String
    born: Moment
    color: Color
    describe(length: Int = 2, color: Color = GREEN, loud: Boolean = true): String
    friend: Dog
    friends(first: Int! = 3, filter: Filter = { limit: 7 }): [Named!]
    puppies: [Dog!]!
    owner: Owner!
  }
  type Cat implements Named & Node & Walker {
    id: ID!
    name: String
    legs: Int!
    next: Walker
    lives: Float
    color: Color!
    describe(length: Int = 3, color: Color = BLUE, after: Moment = "2021-02-03T04:05:06.000Z"): String!
    friend: Named!
    friends(first: Int! = 4): [Named]
    prey: Thing
    self: Cat!
  }
  type Rock implements Node {
    id: ID!
    weight: Float!
    fragile: Fragile
    describe(length: Int = 4, color: Color): String
    inside: [Thing]
    constructor: String
    toString(radix: Int): String
  }
  type Owner { id: ID! name: String! pets: [Named!]! things: [Thing!] best: Node! boss: Owner enemy: Thing! }
  type Box {
    things: [Thing!]
    thing: Thing!
    matrix: [[Int!]!]!
    colors: [[Color]]
    cells: [[Node!]]!
    fragile: Fragile!
    fragiles: [Fragile]
    moments: [Moment!]
    json: Json
    box: Box
    boxes: [Box!]!
  }
  union Thing = Dog | Cat | Rock | Box
  union Being = Cat | Dog | Owner

  input Filter {
    limit: Int! = 10
    color: Color = BLUE
    after: Moment = "2020-01-01T00:00:00.000Z"
    text: String
    ids: [ID!]
    ranges: [[Int]]
    and: [Filter!]
    not: Filter
    json: Json
    choice: Choice
    constructor: String
    strict: Boolean! = false
  }
  input Loose {
    limit: Int! = 10
    color: Color = BLUE
    moment: Moment
    text: String
    inner: Inner = { text: "inner" }
    loose: Loose
    list: [Loose]
  }
  input Inner { number: Int = 1 text: String! }
  input Choice @oneOf { id: ID color: Color numbers: [Int!] filter: Filter loose: Loose moment: Moment }

  type Query {
    node(id: ID!): Node
    nodes(ids: [ID!]! = ["a", "b"], loose: Loose): [Node]!
    named(filter: Filter, loose: Loose = { limit: 3 }): Named
    strictNamed(number: Int! = 5, color: Color!): Named!
    walker(moment: Moment = "2022-01-01T00:00:00.000Z", moments: [Moment!]): Walker
    thing(choice: Choice!): Thing
    things(choices: [Choice!], json: Json): [Thing]
    being: Being
    beings: [Being!]!
    box(json: Json = { a: 1 }, ranges: [[Int!]]): Box
    owner(constructor: String, toString: Int): Owner!
    dog: Dog!
    cats(color: [Color!] = [RED, GREEN]): [Cat!]
    rock: Rock
    number(of: Int, float: Float = 1.5): Int
    text(of: String = "default", id: ID): String!
    flags(flag: Boolean! = true, flags: [Boolean]): [Boolean!]!
    color(of: Color! = GREEN): Color
    moment(of: Moment): Moment
    fragile: Fragile
    strictFragile: Fragile!
  }
  type Mutation {
    rename(id: ID!, name: String = "Rex"): Named
    strictRename(loose: Loose!): Named!
    paint(color: Color = RED, choice: Choice): Color
    strictPaint(color: Color! = BLUE): Color!
    move(moment: Moment): [Thing!]
    strictCount: Int!
    count(of: Int = 1): Int
    box: Box!
  }
  type Subscription {
    named(filter: Loose): Named
    strictCount(of: Int! = 2): Int!
    things(choice: Choice): [Thing!]
    moment(of: Moment): Moment
  }
`

/** A schema with every feature of the type system. */
export function createSyntheticSchema(): GraphQLSchema {
  // Only to bring the types in whose values text cannot tell: the real root types are in the text.
  const base = new GraphQLSchema({ types: [Color, Moment, Json, Fragile] })
  return mockResolvers(extendSchema(base, parse(sdl)), {
    resolvedTypes: ['Node', 'Thing'],
    checkedTypes: { Dog: 'sync', Cat: 'async', Owner: 'async', Box: 'sync' },
  })
}

export const syntheticSamples: Readonly<Record<string, ScalarSamples>> = {
  Moment: {
    literals: ['"2024-02-29T12:00:00.000Z"', '"1970-01-01"'],
    values: ['2023-03-04T05:06:07.000Z', '1999-12-31'],
    invalid: ['never', 17],
    results: [new Date(0), new Date(1_700_000_000_000)],
  },
  Json: {
    literals: ['1', '"text"', 'true', 'WORD', '{ a: 1, b: [2, { c: 3 }] }', '[]', '{}'],
    values: [null, 'plain', { a: [1, { b: null }] }, [], 'bomb', 0],
    invalid: [{ deep: ['bomb'] }],
    results: ['json', { a: [1] }, 0, false],
  },
  Fragile: {
    literals: ['1'],
    values: [1],
    invalid: [],
    results: ['whole', 'object', 'throws', 'undefined', 'null', 'promise', 'rejection', 3],
  },
}
