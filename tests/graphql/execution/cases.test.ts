import {
  buildSchema,
  execute,
  type GraphQLObjectType,
  type GraphQLResolveInfo,
  type GraphQLScalarType,
  type GraphQLSchema,
  getOperationAST,
  parse,
  validate,
} from 'graphql'
import { expect, test } from 'vitest'
import { executePlan } from '../../../src/graphql/operation/execute.ts'
import { createPlan, maxPlannedFields } from '../../../src/graphql/operation/plan.ts'
import { subscribePlan } from '../../../src/graphql/operation/source.ts'
import {
  createPlannedExecutor,
  createReference,
  describeAnswer,
  type Request,
  watchRejections,
} from './comparison.ts'

type Run = Pick<Request, 'operationName' | 'rootValue' | 'variableValues'>

/**
 * Runs a document with plans that are kept, three times, and expects the answers of graphql-js.
 * @returns the answers of the last round, as a client gets them
 */
async function answersOf(schema: GraphQLSchema, text: string, ...runs: readonly Run[]): Promise<unknown[]> {
  const document = parse(text)
  expect(validate(schema, document)).toEqual([])
  const planned = createPlannedExecutor(schema)
  const reference = createReference(schema)
  let answers: unknown[] = []
  for (let round = 0; round < 3; round++) {
    answers = []
    for (const run of runs) {
      const answer = await planned.execute({ document, ...run })
      expect(describeAnswer(answer)).toBe(describeAnswer(await reference.execute({ document, ...run })))
      answers.push(JSON.parse(JSON.stringify(answer)))
    }
  }
  return answers
}

/** A method that fails after so many ticks. */
const failsAfter = (ticks: number) => async () => {
  await waitTicks(ticks)
  throw new Error(`Failed after ${ticks}`)
}

async function waitTicks(ticks: number): Promise<void> {
  for (let left = ticks; left > 0; left--) await null
}

/** A method that shows the arguments it is called with. */
const show = (args: unknown) => JSON.stringify(args)

const failure = (message: string) => () => {
  throw new Error(message)
}

test('defaults of non-null variables hold on every run', async () => {
  const schema = buildSchema('type Query { show(limit: Int!): String }')
  const text = 'query ($limit: Int! = 5) { show(limit: $limit) }'
  const rootValue = { show }
  expect(
    await answersOf(
      schema,
      text,
      { rootValue },
      { rootValue, variableValues: { limit: 7 } },
      { rootValue, variableValues: {} },
    ),
  ).toEqual([
    { data: { show: '{"limit":5}' } },
    { data: { show: '{"limit":7}' } },
    { data: { show: '{"limit":5}' } },
  ])
})

test('an absent variable in an input literal stays absent', async () => {
  const schema = buildSchema(
    'input Profile { name: String bio: String } type Query { show(profile: Profile, list: [String]): String }',
  )
  const text =
    'query ($name: String, $bio: String) { show(profile: { name: $name, bio: $bio }, list: [$bio, "x"]) }'
  const rootValue = { show }
  expect(
    await answersOf(
      schema,
      text,
      { rootValue, variableValues: { name: 'Ada' } },
      { rootValue, variableValues: { name: 'Ada', bio: null } },
    ),
  ).toEqual([
    { data: { show: '{"profile":{"name":"Ada"},"list":[null,"x"]}' } },
    { data: { show: '{"profile":{"name":"Ada","bio":null},"list":[null,"x"]}' } },
  ])
})

test('an absent variable leaves the default of its argument, and null does not', async () => {
  const schema = buildSchema('type Query { show(limit: Int = 3): String }')
  const text = 'query ($limit: Int) { show(limit: $limit) }'
  const rootValue = { show }
  expect(
    await answersOf(schema, text, { rootValue }, { rootValue, variableValues: { limit: null } }),
  ).toEqual([{ data: { show: '{"limit":3}' } }, { data: { show: '{"limit":null}' } }])
})

test('null for a variable with a default fails the non-null argument that it is given to', async () => {
  const schema = buildSchema('type Query { show(limit: Int!): String other: Int }')
  const text = 'query ($limit: Int = 3) { other show(limit: $limit) }'
  const rootValue = { show, other: 1 }
  const [answer] = await answersOf(schema, text, { rootValue, variableValues: { limit: null } })
  expect(answer).toMatchObject({
    data: { other: 1, show: null },
    errors: [{ message: 'Argument "limit" of non-null type "Int!" must not be null.', path: ['show'] }],
  })
})

test('a fragment spread twice, once under a condition, keeps its fields', async () => {
  const schema = buildSchema('type Query { a: Int b: Int }')
  const text = `query ($once: Boolean!) { ...Fields @include(if: $once) ...Fields b }
    fragment Fields on Query { a }`
  const rootValue = { a: 1, b: 2 }
  expect(
    await answersOf(
      schema,
      text,
      { rootValue, variableValues: { once: false } },
      { rootValue, variableValues: { once: true } },
    ),
  ).toEqual([{ data: { a: 1, b: 2 } }, { data: { a: 1, b: 2 } }])
})

test('each combination of condition variables selects its own fields', async () => {
  const schema = buildSchema('type Query { a: Int b: Query }')
  const text = `query ($a: Boolean!, $b: Boolean = true) {
    a @include(if: $a) b { a @skip(if: $b) again: a @include(if: $b) @skip(if: $a) } }`
  const rootValue = { a: 1, b: { a: 2 } }
  const runs = [
    { a: true, b: true },
    { a: false, b: true },
    { a: true, b: false },
    { a: false },
    { a: true, b: true },
  ]
  expect(
    await answersOf(schema, text, ...runs.map((variableValues) => ({ rootValue, variableValues }))),
  ).toEqual([
    { data: { a: 1, b: {} } },
    { data: { b: { again: 2 } } },
    { data: { a: 1, b: { a: 2 } } },
    { data: { b: { again: 2 } } },
    { data: { a: 1, b: {} } },
  ])
})

test('null for a condition variable with a default is an error of the field that contains it', async () => {
  const schema = buildSchema('type Query { inner: Query a: Int }')
  const text = 'query ($on: Boolean = true) { a inner { a @include(if: $on) } }'
  const rootValue = { a: 1, inner: { a: 2 } }
  const answers = await answersOf(
    schema,
    text,
    { rootValue, variableValues: { on: null } },
    { rootValue, variableValues: {} },
  )
  expect(answers).toMatchObject([
    {
      data: { a: 1, inner: null },
      errors: [{ message: 'Argument "if" of non-null type "Boolean!" must not be null.', path: ['inner'] }],
    },
    { data: { a: 1, inner: { a: 2 } } },
  ])
})

test('null for a condition variable at the root is an error of the whole answer', async () => {
  const schema = buildSchema('type Query { a: Int }')
  const text = 'query ($on: Boolean = true) { a @include(if: $on) }'
  const [answer] = await answersOf(schema, text, { rootValue: { a: 1 }, variableValues: { on: null } })
  expect(answer).toMatchObject({ data: null, errors: [{ locations: [{ line: 1, column: 46 }] }] })
})

test('operations of one document that share a fragment keep their own variables', async () => {
  const schema = buildSchema('type Query { show(limit: Int, on: Boolean): String }')
  const text = `query A($limit: Int = 1, $on: Boolean! = true) { ...Shown }
    query B($limit: Int = 2, $on: Boolean! = false) { ...Shown other: show }
    fragment Shown on Query { show(limit: $limit) @include(if: $on) }`
  const rootValue = { show }
  expect(
    await answersOf(
      schema,
      text,
      { rootValue, operationName: 'A' },
      { rootValue, operationName: 'B' },
      { rootValue, operationName: 'B', variableValues: { on: true } },
      { rootValue, operationName: 'A' },
    ),
  ).toEqual([
    { data: { show: '{"limit":1}' } },
    { data: { other: '{}' } },
    { data: { show: '{"limit":2}', other: '{}' } },
    { data: { show: '{"limit":1}' } },
  ])
})

test('defaults and literals of a custom scalar are coerced on every run', async () => {
  const schema = buildSchema('scalar Day type Query { show(from: Day, to: Day): String }')
  const day = schema.getType('Day') as GraphQLScalarType<Date, string>
  day.parseLiteral = (node) => new Date('value' in node ? String(node.value) : Number.NaN)
  day.parseValue = (value) => new Date(String(value))
  const text = `query ($to: Day = "2021-01-01") { show(from: "2020-01-01", to: $to) }`
  const rootValue = {
    show({ from, to }: Record<'from' | 'to', Date>) {
      const shown = `${from.getUTCFullYear()} to ${to.getUTCFullYear()}`
      // It is this call's own, made from a literal.
      from.setUTCFullYear(1900)
      return shown
    },
  }
  expect(
    await answersOf(schema, text, { rootValue }, { rootValue, variableValues: { to: '2022-01-01' } }),
  ).toEqual([{ data: { show: '2020 to 2021' } }, { data: { show: '2020 to 2022' } }])
})

test('a resolver that changes its arguments changes those of no other call', async () => {
  const schema = buildSchema('type Item { show(limit: Int = 1): String } type Query { items: [Item!]! }')
  const item = {
    show(args: Record<string, unknown>) {
      const shown = JSON.stringify(args)
      args['limit'] = 'changed'
      return shown
    },
  }
  const text =
    'query ($limit: Int) { items { show default: show literal: show(limit: 2) given: show(limit: $limit) } }'
  const shown = { show: '{"limit":1}', default: '{"limit":1}', literal: '{"limit":2}', given: '{"limit":3}' }
  const run = { rootValue: { items: [item, item, item] }, variableValues: { limit: 3 } }
  expect(await answersOf(schema, text, run)).toEqual([{ data: { items: [shown, shown, shown] } }])
})

test('each call has its own objects from literals', async () => {
  const schema = buildSchema(
    'input Filter { text: String } type Item { show(filter: Filter): String } type Query { items: [Item!]! }',
  )
  const item = {
    show({ filter }: { filter: Record<string, unknown> }) {
      const shown = String(filter['text'])
      filter['text'] = 'changed'
      return shown
    },
  }
  const text =
    'query ($text: String) { items { show(filter: { text: "a" }) given: show(filter: { text: $text }) } }'
  const shown = { show: 'a', given: 'b' }
  const run = { rootValue: { items: [item, item, item] }, variableValues: { text: 'b' } }
  expect(await answersOf(schema, text, run)).toEqual([{ data: { items: [shown, shown, shown] } }])
})

test('arguments that an implementing type adds or defaults differently are its own', async () => {
  const schema = buildSchema(`
    interface Animal { say(times: Int = 1): String }
    type Dog implements Animal { say(times: Int = 2, loud: Boolean = true): String }
    type Cat implements Animal { say(times: Int = 3): String }
    type Query { animals: [Animal!]! }`)
  const animals = ['Dog', 'Cat', 'Dog'].map((__typename) => ({ __typename, say: show }))
  const text = 'query ($times: Int) { animals { say(times: $times) } }'
  expect(await answersOf(schema, text, { rootValue: { animals } })).toEqual([
    {
      data: {
        animals: [
          { say: '{"times":2,"loud":true}' },
          { say: '{"times":3}' },
          { say: '{"times":2,"loud":true}' },
        ],
      },
    },
  ])
})

const mutations = buildSchema(
  'type Query { a: Int } type Mutation { strict(id: Int): Int! loose(id: Int): Int }',
)

test('a mutation whose failure nulls the answer stops the next', async () => {
  const calls: string[] = []
  const rootValue = {
    async loose({ id }: { id: number }) {
      calls.push(`loose ${id}`)
      return id
    },
    async strict({ id }: { id: number }) {
      calls.push(`strict ${id}`)
      throw new Error('Failed')
    },
  }
  const text = 'mutation { a: loose(id: 1) b: strict(id: 2) c: loose(id: 3) d: strict(id: 4) }'
  const [answer] = await answersOf(mutations, text, { rootValue })
  expect(answer).toMatchObject({ data: null, errors: [{ path: ['b'] }] })
  // Three times with a plan, three times by the reference.
  expect(calls).toEqual(Array.from({ length: 6 }, () => ['loose 1', 'strict 2']).flat())
})

test('a mutation that fails on its own field does not stop the next, which waits for it', async () => {
  const calls: string[] = []
  const rootValue = {
    async loose({ id }: { id: number }) {
      calls.push(`begin ${id}`)
      await null
      calls.push(`end ${id}`)
      if (id === 1) throw new Error('Failed')
      return id
    },
  }
  const [answer] = await answersOf(mutations, 'mutation { a: loose(id: 1) b: loose(id: 2) }', { rootValue })
  expect(answer).toMatchObject({ data: { a: null, b: 2 }, errors: [{ path: ['a'] }] })
  expect(calls.slice(0, 4)).toEqual(['begin 1', 'end 1', 'begin 2', 'end 2'])
})

test('variables, aliases and fields may have names of Object.prototype', async () => {
  const schema = buildSchema('type Query { show(constructor: Int, toString: Int): String }')
  const text = `query ($constructor: Int, $__proto__: Int = 4, $hasOwnProperty: Int) {
    __proto__: show(constructor: $constructor, toString: $__proto__)
    constructor: show(toString: $hasOwnProperty) toString: show hasOwnProperty: __typename }`
  const variableValues = JSON.parse('{ "constructor": 1, "__proto__": 2 }')
  const rootValue = { show }
  const answers = await answersOf(schema, text, { rootValue }, { rootValue, variableValues })
  expect(answers.map((answer) => JSON.stringify(answer))).toEqual([
    '{"data":{"__proto__":"{\\"toString\\":4}","constructor":"{}","toString":"{}","hasOwnProperty":"Query"}}',
    '{"data":{"__proto__":"{\\"constructor\\":1,\\"toString\\":2}","constructor":"{}","toString":"{}","hasOwnProperty":"Query"}}',
  ])
})

test('errors of a document with CRLF line ends have the positions of the reference', async () => {
  const schema = buildSchema('type Query { a: Int b: Query }')
  const text = '{\r\n  b {\r\n    a\r\r\n  }\n\r b {\r\n a } }'
  const [answer] = await answersOf(schema, text, { rootValue: { b: { a: failure('Failed') } } })
  expect(answer).toMatchObject({
    errors: [
      {
        locations: [
          { line: 3, column: 5 },
          { line: 8, column: 2 },
        ],
      },
    ],
  })
})

test('an error in one list item is reported once', async () => {
  const schema = buildSchema('type Item { a: Int! b: Int! } type Query { items: [Item] strict: [Item!] }')
  const item = { a: 1, b: 2 }
  const broken = { a: () => Promise.reject(new Error('First')), b: () => Promise.reject(new Error('Second')) }
  const rootValue = { items: [item, broken, item], strict: [broken, broken] }
  const [answer] = await answersOf(schema, '{ items { a b } strict { a } }', { rootValue })
  expect(answer).toMatchObject({
    data: { items: [item, null, item], strict: null },
    errors: [
      { message: 'First', path: ['items', 1, 'a'] },
      { message: 'First', path: ['strict', 0, 'a'] },
    ],
  })
})

test('a list that fails while items are pending leaves no rejection behind', async () => {
  const schema = buildSchema('type Query { items: [Int!] }')
  const rejections = watchRejections()
  try {
    const rejecting = () => Promise.reject(new Error('Late'))
    const document = parse('{ items }')
    const rootValue = { items: () => [rejecting(), null, 3] }
    const answer = await createPlannedExecutor(schema).execute({ document, rootValue })
    expect(answer).toMatchObject({
      data: { items: null },
      errors: [{ message: 'Cannot return null for non-nullable field Query.items.', path: ['items', 1] }],
    })
    expect(await rejections.collect()).toEqual([])
  } finally {
    rejections.dispose()
  }
})

test('a scalar whose serialisation is rejected later nulls its field alone', async () => {
  const schema = buildSchema('scalar Late type Query { late: Late a: Int }')
  const late = schema.getType('Late') as GraphQLScalarType
  late.serialize = async () => failure('Too late')()
  const [answer] = await answersOf(schema, '{ late a }', { rootValue: { late: 1, a: 2 } })
  expect(answer).toMatchObject({
    data: { late: null, a: 2 },
    errors: [{ message: 'Too late', path: ['late'] }],
  })
})

test('a failure of a non-null field nulls the nearest parent that may be null', async () => {
  const schema = buildSchema('type Node { next: Node! maybe: Node a: Int! } type Query { node: Node! }')
  const node = { maybe: { next: { next: { a: failure('Deep') } } }, a: 1 }
  const [answer] = await answersOf(schema, '{ node { a maybe { next { next { a } } } } }', {
    rootValue: { node },
  })
  expect(answer).toMatchObject({
    data: { node: { a: 1, maybe: null } },
    errors: [{ path: ['node', 'maybe', 'next', 'next', 'a'] }],
  })
})

test('an error below what is null already is not reported', async () => {
  const schema = buildSchema(
    'type Node { a: Int! b: Int } type Query { node: Node nodes: [Node!] slow: Int }',
  )
  const node = { a: failsAfter(1), b: failsAfter(15) }
  const rootValue = { node, nodes: [node, node], slow: () => waitTicks(30) }
  const [answer] = await answersOf(schema, '{ node { a b } nodes { b a } slow }', { rootValue })
  expect(answer).toMatchObject({
    data: { node: null, nodes: null, slow: null },
    errors: [{ path: ['node', 'a'] }, { path: ['nodes', 0, 'a'] }],
  })
})

test('an error after the whole answer is null is not added to it', async () => {
  const schema = buildSchema('type Query { a: Int! b: Int }')
  const rootValue = { a: failsAfter(1), b: failsAfter(15) }
  const answer = await createPlannedExecutor(schema).execute({ document: parse('{ a b }'), rootValue })
  await waitTicks(30)
  expect(answer).toMatchObject({ data: null, errors: [{ path: ['a'] }] })
})

test('fields of one name merge at the place of the first', async () => {
  const schema = buildSchema('type Query { a: Int b: Int c: Query }')
  const text = '{ c { b } a ... { c { a } } ...More } fragment More on Query { c { c { a } b } b }'
  const rootValue = { a: 1, b: 2, c: { a: 3, b: 4, c: { a: 5 } } }
  const [answer] = await answersOf(schema, text, { rootValue })
  expect(JSON.stringify(answer)).toBe('{"data":{"c":{"b":4,"a":3,"c":{"a":5}},"a":1,"b":2}}')
})

test('the functions of a field get one info, and can copy it', async () => {
  const schema = buildSchema(`
    interface Animal { name: String } type Dog implements Animal { name: String }
    type Query { animal: Animal method: Int }`)
  const infos: GraphQLResolveInfo[] = []
  const { animal } = (schema.getType('Query') as GraphQLObjectType).getFields()
  if (animal === undefined) throw new Error('There is no such field.')
  animal.resolve = (_source, _args, _context, info) => {
    infos.push(info)
    return {}
  }
  Object.assign(schema.getType('Animal') as object, {
    resolveType(_value: unknown, _context: unknown, info: GraphQLResolveInfo) {
      infos.push(info)
      return 'Dog'
    },
  })
  Object.assign(schema.getType('Dog') as object, {
    isTypeOf(_value: unknown, _context: unknown, info: GraphQLResolveInfo) {
      infos.push(info)
      return true
    },
  })
  const method = (_args: unknown, _context: unknown, info: GraphQLResolveInfo) => {
    infos.push(info)
    return 1
  }
  const document = parse('{ animal { name } method }')
  await createPlannedExecutor(schema).execute({ document, rootValue: { method } })
  const planned = infos.splice(0)
  await execute({ schema, document, rootValue: { method } })
  expect(planned.map((info) => Object.keys(info))).toEqual(infos.map((info) => Object.keys(info)))
  expect(planned.map((info) => ({ ...info }).path.key)).toEqual(['animal', 'animal', 'animal', 'method'])
  expect(planned[1]).toBe(planned[0])
  expect(planned[2]).toBe(planned[0])
})

test('a document with more fields than a plan keeps has the answers of the reference', async () => {
  const schema = buildSchema(
    'type Node { show(id: Int): String node: Node nodes: [Node] } type Query { node: Node }',
  )
  const node: Record<string, unknown> = { show }
  Object.assign(node, { node: () => node, nodes: () => [node, node] })
  const parts = Array.from(
    { length: maxPlannedFields / 4 },
    (_, index) => `a${index}: node { nodes { show(id: $id) b: node { show(id: ${index}) } } }`,
  )
  const document = parse(`query ($id: Int) { node { ${parts.join(' ')} } }`)
  const operation = getOperationAST(document)
  if (operation == null) throw new Error('There is no operation.')
  const plan = createPlan(schema, document, operation)
  for (const id of [1, 2]) {
    const given = { rootValue: { node }, contextValue: null, variableValues: { id } }
    const answer = await executePlan(plan, given)
    expect(plan.size).toBeGreaterThanOrEqual(maxPlannedFields)
    expect(describeAnswer(answer)).toBe(describeAnswer(await execute({ schema, document, ...given })))
  }
})

const events = buildSchema('type Query { a: Int } type Subscription { event(id: Int! = 1): Int }')

test('a subscription whose source fails answers with the error at its field', async () => {
  const request = { document: parse('subscription { e: event }'), rootValue: { event: failure('No source') } }
  const planned = await createPlannedExecutor(events).subscribe(request)
  expect(planned).toEqual(await createReference(events).subscribe(request))
  expect(planned).toMatchObject({ errors: [{ message: 'No source', path: ['e'] }] })
})

test('a subscription whose resolver returns no async iterable fails like graphql-js', async () => {
  const request = { document: parse('subscription { event }'), rootValue: { event: () => [1] } }
  const message = 'Subscription field must return Async Iterable. Received: [1].'
  await expect(createPlannedExecutor(events).subscribe(request)).rejects.toThrow(message)
  await expect(createReference(events).subscribe(request)).rejects.toThrow(message)
})

test('a subscription that skips its only field answers with an error where the reference throws', async () => {
  const document = parse('subscription { event @skip(if: true) }')
  expect(validate(events, document)).toEqual([])
  const operation = getOperationAST(document)
  if (operation == null) throw new Error('There is no operation.')
  const given = { rootValue: {}, contextValue: null, variableValues: {} }
  expect(await subscribePlan(createPlan(events, document, operation), given)).toMatchObject({
    errors: [{ message: 'A subscription must select a field.' }],
  })
  await expect(createReference(events).subscribe({ document })).rejects.toThrow(TypeError)
})
