import {
  buildSchema,
  type ExecutionResult,
  execute,
  type GraphQLSchema,
  getOperationAST,
  getVariableValues,
  parse,
} from 'graphql'
import { describe, expect, test } from 'vitest'
import { createDocuments } from '../../../src/graphql/operation/documents.ts'
import { executePlan } from '../../../src/graphql/operation/execute.ts'
import { createPlan, maxPlannedFields } from '../../../src/graphql/operation/plan.ts'
import { createPlans, maxCombinations, prepareOperation } from '../../../src/graphql/operation/plans.ts'

/** As many types as there are kinds of events and more, each of which leads to all others. */
const types = Array.from({ length: 30 }, (_, i) => `T${i}`)
const nested = buildSchema(`interface Node { id: ID nodes: [Node] }
  ${types.map((name) => `type ${name} implements Node { id: ID nodes: [Node] }`).join('\n')}
  type Query { nodes: [Node] }`)
const node = (name: string) => ({ __typename: name, id: name, nodes: () => types.map(node) })
const rootValue = { nodes: () => types.map(node) }

const plain = (result: unknown) => JSON.parse(JSON.stringify(result))

describe('a plan', () => {
  const document = parse('{ nodes { id nodes { id nodes { id __typename a: id b: id c: id d: id } } } }')

  test('stays within its bound, whatever types it meets, and answers all the same', async () => {
    const operation = getOperationAST(document)
    if (operation == null) throw new Error('no operation')
    const plan = createPlan(nested, document, operation)
    const expected = plain(await execute({ schema: nested, document, rootValue }))
    for (let i = 0; i < 3; i++) {
      const result = await executePlan(plan, { rootValue, contextValue: {}, variableValues: {} })
      expect(plain(result)).toEqual(expected)
      // All types at each depth would be 27,000 selections of six fields.
      expect(plan.size).toBeLessThan(maxPlannedFields + 10)
    }
  })

  test('is not made for selections that nothing reaches', async () => {
    const operation = getOperationAST(document)
    if (operation == null) throw new Error('no operation')
    const plan = createPlan(nested, document, operation)
    await executePlan(plan, { rootValue: { nodes: null }, contextValue: {}, variableValues: {} })
    expect(plan.size).toBe(1)
  })
})

describe('plans by the values of conditions', () => {
  const flags = Array.from({ length: 6 }, (_, i) => `f${i}`)
  const schema = buildSchema(`type Query { ${flags.map((flag) => `${flag}: String`).join(' ')} }`)
  const text = `query (${flags.map((flag) => `$${flag}: Boolean = true`).join(' ')}) {
    ${flags.map((flag) => `${flag} @include(if: $${flag})`).join(' ')} }`
  const values = Object.fromEntries(flags.map((flag) => [flag, flag]))

  test('are as good for a combination too many as for those that are kept', async () => {
    const { run } = runnerFor(schema, text)
    const combinations = 2 ** flags.length
    expect(combinations).toBeGreaterThan(maxCombinations)
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < combinations; i++) {
        const given = Object.fromEntries(flags.map((flag, bit) => [flag, (i & (1 << bit)) !== 0]))
        const { data } = await run(given, values)
        expect(Object.keys(data ?? {})).toEqual(flags.filter((flag) => given[flag]))
      }
    }
  })

  test('tell null from absent', async () => {
    const { run } = runnerFor(schema, text)
    for (let i = 0; i < 3; i++) {
      expect((await run({}, values)).data).toEqual(values)
      expect((await run({ f0: null }, values)).errors).toMatchObject([
        { message: 'Argument "if" of non-null type "Boolean!" must not be null.' },
      ])
    }
  })
})

test('documents that were used last are kept, up to the memory that they may take', () => {
  const documents = createDocuments(1_000_000)
  const first = documents.parse('{ first }')
  expect(documents.parse('{ first }')).toBe(first)
  // Some 480 bytes a token.
  for (let i = 0; i < 10; i++) documents.parse(`{ ${'field '.repeat(500)} a${i} }`)
  expect(documents.parse('{ first }')).not.toBe(first)
})

function runnerFor(schema: GraphQLSchema, text: string) {
  const document = parse(text)
  const operation = getOperationAST(document)
  if (operation == null) throw new Error('no operation')
  const plans = createPlans(schema, 1_000)
  const prepared = prepareOperation(schema, document, operation)
  return {
    async run(raw: Record<string, unknown>, rootValue: unknown): Promise<ExecutionResult> {
      const { coerced } = getVariableValues(schema, operation.variableDefinitions ?? [], raw)
      if (coerced === undefined) throw new Error('The variables do not fit.')
      return plans
        .planFor(prepared, coerced)
        .execute({ rootValue, contextValue: {}, variableValues: coerced })
    },
  }
}
