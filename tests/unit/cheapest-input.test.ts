import { buildSchema, coerceInputValue, type GraphQLInputType, GraphQLNonNull, isInputType } from 'graphql'
import { expect, test } from 'vitest'
import { cheapestInput } from '../../src/cli/cheapest-input.ts'
import { createSchema } from '../../src/graphql/schema.ts'

const other = buildSchema(`
  type Query { field: Int }
  enum Size { SMALL LARGE }
  scalar Anything
  input Nested { size: Size!, list: [Nested!]!, more: Deeper!, not: Nested, byDefault: Int! = 5 }
  input Deeper { is: Boolean!, any: Anything!, id: ID!, float: Float! }
  input Either @oneOf { other: Either, nested: Nested, name: String }
  input Both { either: Either! }
`)

const problemsOf = (type: GraphQLInputType) => {
  const problems: string[] = []
  coerceInputValue(cheapestInput(type), type, (_path, _value, error) => problems.push(error.message))
  return problems
}

test.each([
  ['this version', createSchema()],
  ['another', other],
])('there is a value of every type that variables have, by the schema of %s', (_which, schema) => {
  const types = Object.values(schema.getTypeMap()).filter((type) => isInputType(type))
  expect(types.length).toBeGreaterThan(8)
  for (const type of types) {
    expect([type.name, problemsOf(type)]).toEqual([type.name, []])
    expect(problemsOf(new GraphQLNonNull(type))).toEqual([])
  }
})
