import {
  buildSchema,
  type ExecutionResult,
  execute,
  type GraphQLSchema,
  getOperationAST,
  getVariableValues,
  parse,
} from 'graphql'
import { describe, expect, test, vi } from 'vitest'
import { createDocuments } from '../../../src/graphql/operation/documents.ts'
import { executePlan } from '../../../src/graphql/operation/execute.ts'
import { createPlan, maxPlannedFields } from '../../../src/graphql/operation/plan.ts'
import {
  createPlanCache,
  maxCombinations,
  prepareOperation,
} from '../../../src/graphql/operation/plan-cache.ts'

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

  test('over its field limit still answers like graphql-js', async () => {
    const operation = getOperationAST(document) ?? never()
    const plan = createPlan(nested, document, operation)
    const expected = plain(await execute({ schema: nested, document, rootValue }))
    for (let i = 0; i < 3; i++) {
      const result = await executePlan(plan, { rootValue, contextValue: {}, variableValues: {} })
      expect(plain(result)).toEqual(expected)
      // All types at each depth would be 27,000 selections of six fields.
      expect(plan.size).toBeLessThan(maxPlannedFields + 10)
    }
  })

  test('has no selection that no run reaches', async () => {
    const operation = getOperationAST(document) ?? never()
    const plan = createPlan(nested, document, operation)
    await executePlan(plan, { rootValue: { nodes: null }, contextValue: {}, variableValues: {} })
    expect(plan.size).toBe(2)
  })
})

/** A schema whose fields tell how often they were planned: a plan looks each field up once. */
function createCountingSchema(names: readonly string[]) {
  const schema = buildSchema(
    `type Query { ${names.map((name) => `${name}: String`).join(' ')} } type Subscription { ${names[0]}: String }`,
  )
  const lookUps = vi.spyOn(schema.getQueryType() ?? never(), 'getFields')
  return { schema, planned: () => lookUps.mock.calls.length }
}

function never(): never {
  throw new Error('There is no such thing.')
}

function prepareIn(schema: GraphQLSchema, bytes = 1_000_000) {
  const plans = createPlanCache(schema, bytes)
  return {
    prepare(text: string, operationName?: string) {
      const document = parse(text)
      const operation = getOperationAST(document, operationName) ?? never()
      const prepared = prepareOperation(schema, document, operation)
      return (raw: Record<string, unknown> = {}, rootValue: unknown = {}): ExecutionResult => {
        const { coerced = never() } = getVariableValues(schema, operation.variableDefinitions ?? [], raw)
        const result = plans.execute(prepared, { rootValue, contextValue: {}, variableValues: coerced })
        return result instanceof Promise ? never() : result
      }
    },
  }
}

describe('plans by the values of conditions', () => {
  const flags = Array.from({ length: 6 }, (_, i) => `f${i}`)
  const text = `query (${flags.map((flag) => `$${flag}: Boolean = true`).join(' ')}) {
    ${flags.map((flag) => `${flag} @include(if: $${flag})`).join(' ')} }`
  const values = Object.fromEntries(flags.map((flag) => [flag, flag]))
  const combinations = Array.from({ length: 2 ** flags.length }, (_, i) =>
    Object.fromEntries(flags.map((flag, bit) => [flag, (i & (1 << bit)) !== 0])),
  )

  test('combinations over the limit give the right fields', () => {
    const run = prepareIn(createCountingSchema(flags).schema).prepare(text)
    expect(combinations.length).toBeGreaterThan(maxCombinations)
    for (let round = 0; round < 2; round++) {
      for (const given of combinations) {
        expect(Object.keys(run(given, values).data ?? {})).toEqual(flags.filter((flag) => given[flag]))
      }
    }
  })

  test('combinations used last keep their plans, whatever came before', () => {
    const { schema, planned } = createCountingSchema(flags)
    const run = prepareIn(schema).prepare(text)
    for (const given of combinations) run(given, values)
    const before = planned()
    for (const given of combinations.slice(-maxCombinations)) run(given, values)
    expect(planned()).toBe(before)
  })

  test('combinations of one operation leave room for the plans of others', () => {
    const { schema, planned } = createCountingSchema(flags)
    const { prepare } = prepareIn(schema, 1_000_000)
    const other = prepare('{ f0 }')
    other()
    const greedy = prepare(text)
    for (const given of combinations) greedy(given, values)
    const before = planned()
    other()
    expect(planned()).toBe(before)
  })

  test('null and absent condition variables use different plans', () => {
    const run = prepareIn(createCountingSchema(flags).schema).prepare(text)
    for (let i = 0; i < 3; i++) {
      expect(run({}, values).data).toEqual(values)
      expect(run({ f0: null }, values).errors).toMatchObject([
        { message: 'Argument "if" of non-null type "Boolean!" must not be null.' },
      ])
    }
  })
})

describe('the cache of plans', () => {
  test('evicts the least recently used plan when plans and their documents take too much together', () => {
    const { schema, planned } = createCountingSchema(['a'])
    const { prepare } = prepareIn(schema, 15_000)
    const first = prepare('{ a }')
    first()
    // Of a document, each token counts, those of operations that nobody runs too.
    prepare(`query A { a } query B { ${'a '.repeat(30)} }`, 'A')()
    const before = planned()
    first()
    expect(planned()).toBe(before + 1)
    first()
    expect(planned()).toBe(before + 1)
  })

  test('gives the runs of an operation one plan, those that began before one of them ended too', async () => {
    const { schema, planned } = createCountingSchema(['a'])
    const plans = createPlanCache(schema, 1_000_000)
    const document = parse('{ a }')
    const operation = getOperationAST(document) ?? never()
    const prepared = prepareOperation(schema, document, operation)
    const rootValue = { a: async () => 'later' }
    const run = () => plans.execute(prepared, { rootValue, contextValue: {}, variableValues: {} })
    const before = planned()
    await Promise.all([run(), run(), run()])
    expect(planned()).toBe(before + 1)
  })
})

test('the document cache evicts the least recently used document', () => {
  const documents = createDocuments(1_000_000)
  const first = documents.parse('{ first }')
  expect(documents.parse('{ first }')).toBe(first)
  // Some 480 bytes a token.
  for (let i = 0; i < 10; i++) documents.parse(`{ ${'field '.repeat(500)} a${i} }`)
  expect(documents.parse('{ first }')).not.toBe(first)
})
