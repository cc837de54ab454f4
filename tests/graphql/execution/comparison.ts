import {
  type DocumentNode,
  type ExecutionResult,
  execute,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  getVariableValues,
  type OperationDefinitionNode,
  parse,
  validate,
} from 'graphql'
import { createSourceEventStream } from 'graphql/execution/subscribe.js'
import {
  createPlanCache,
  type PreparedOperation,
  prepareOperation,
} from '../../../src/graphql/operation/plan-cache.ts'
import { type DocumentCase, type DocumentRun, printCase, type Samples } from './arbitrary-documents.ts'
import { describeValue } from './describe.ts'
import { createSource, createWorld, type World } from './outcomes.ts'

/** What both executors are given. */
export interface Request {
  readonly document: DocumentNode
  readonly operationName?: string | undefined
  readonly rootValue?: unknown
  readonly contextValue?: unknown
  /** As a client sends them. */
  readonly variableValues?: Record<string, unknown> | undefined
}

type Answer = ExecutionResult | Promise<ExecutionResult>

export interface Executor {
  execute(request: Request): Answer
  subscribe(request: Request): Promise<AsyncIterable<unknown> | ExecutionResult>
}

export function createReference(schema: GraphQLSchema): Executor {
  return {
    execute: (request) => execute({ schema, ...request }) as Answer,
    subscribe: (request) => createSourceEventStream({ schema, ...request }),
  }
}

/** Executes with plans that are kept, by the cache that the server has. */
export function createPlannedExecutor(schema: GraphQLSchema): Executor {
  const plans = createPlanCache(schema, 10_000_000)
  const preparedByOperation = new WeakMap<OperationDefinitionNode, PreparedOperation>()
  return {
    execute: (request) => {
      const ready = prepare(request)
      return 'errors' in ready ? ready : (plans.execute(ready.prepared, ready) as Answer)
    },
    subscribe: async (request) => {
      const ready = prepare(request)
      return 'errors' in ready ? ready : plans.subscribe(ready.prepared, ready)
    },
  }

  function prepare({ document, operationName, rootValue, contextValue, variableValues: raw }: Request) {
    const operation = getOperationAST(document, operationName)
    if (operation == null) throw new Error('The document has no such operation.')
    const { coerced, errors } = getVariableValues(schema, operation.variableDefinitions ?? [], raw ?? {}, {
      maxErrors: 50,
    })
    if (coerced === undefined) return { errors: errors as readonly GraphQLError[] }
    const prepared = preparedByOperation.get(operation) ?? prepareOperation(schema, document, operation)
    preparedByOperation.set(operation, prepared)
    return { prepared, rootValue, contextValue, variableValues: coerced }
  }
}

/** All that can be told of a run: equal texts, equal runs. */
export interface Outcome {
  readonly answers: readonly string[]
  readonly log: readonly string[]
}

export interface Comparison {
  /** @throws if an answer differs, or a promise of the planned executor is left to reject alone */
  compare(documentCase: DocumentCase): Promise<void>
  /** Planned runs so far that were compared. */
  readonly compared: number
  dispose(): void
}

/** Compares the executor with the reference over a schema with mocked resolvers. */
export function createComparison(schema: GraphQLSchema, samples: Samples): Comparison {
  const results = Object.fromEntries(Object.entries(samples).map(([name, sample]) => [name, sample.results]))
  const rejections = watchRejections()
  // Most errors are made on purpose, and half of the time would be spent on where.
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  const reference = createReference(schema)
  let compared = 0
  return {
    compare,
    get compared() {
      return compared
    },
    dispose() {
      Error.stackTraceLimit = stackTraceLimit
      rejections.dispose()
    },
  }

  async function compare({ text, runs }: DocumentCase): Promise<void> {
    const document = parse(text)
    const invalid = validate(schema, document)
    if (invalid.length > 0) throw new Error(`The document is not valid: ${invalid.join('\n')}\n${text}`)
    const expected: Outcome[] = []
    if (process.env['SHOW']) console.log(printCase(text, runs))
    for (const run of runs) expected.push(await observe(reference, document, run))
    // graphql-js leaves promises behind where a list fails while items are pending.
    await rejections.collect()
    const planned = createPlannedExecutor(schema)
    const first: Outcome[] = []
    for (const run of runs) first.push(await observe(planned, document, run))
    const again = await Promise.all(runs.map((run) => observe(planned, document, run)))
    // What still runs when an answer is complete is part of the outcome, too.
    const unhandled = await rejections.collect()
    check(text, runs, first, expected)
    check(text, runs, again, expected)
    compared += 2 * runs.length
    if (unhandled.length > 0)
      throw new Error(`Nothing waits for: ${unhandled.join()}\n${printCase(text, runs)}`)
  }

  function observe(executor: Executor, document: DocumentNode, run: DocumentRun): Promise<Outcome> {
    const world = createWorld({ schema, results, seed: run.seed, failures: run.failures })
    return observeRun(executor, world, document, run)
  }
}

function check(
  text: string,
  runs: readonly DocumentRun[],
  planned: readonly Outcome[],
  expected: readonly Outcome[],
): void {
  for (const [index, run] of runs.entries()) {
    const difference =
      firstDifference(planned[index]?.answers, expected[index]?.answers) ??
      firstDifference(planned[index]?.log, expected[index]?.log)
    if (difference !== undefined) {
      throw new Error(`Run ${index} differs.\n${printCase(text, [run])}\n\n${difference}`)
    }
  }
}

function firstDifference(
  planned: readonly string[] = [],
  expected: readonly string[] = [],
): string | undefined {
  for (let index = 0; index < Math.max(planned.length, expected.length); index++) {
    if (planned[index] !== expected[index]) {
      return `planned:   ${planned[index]}\nreference: ${expected[index]}`
    }
  }
  return undefined
}

async function observeRun(
  executor: Executor,
  world: World,
  document: DocumentNode,
  { operationName, variables }: DocumentRun,
): Promise<Outcome> {
  const operation = getOperationAST(document, operationName)
  const typeName = world.schema.getRootType(operation?.operation as never)?.name ?? ''
  const request: Request = {
    document,
    operationName,
    rootValue: createSource(world, typeName, 'root'),
    contextValue: world,
    variableValues: variables,
  }
  const answers: string[] = []
  if (operation?.operation !== 'subscription') {
    answers.push(await settle(world, () => executor.execute(request)))
    return { answers, log: world.log }
  }
  try {
    const source = await executor.subscribe(request)
    if (!(Symbol.asyncIterator in source)) {
      answers.push(describeAnswer(source))
      return { answers, log: world.log }
    }
    for await (const event of source) {
      answers.push(await settle(world, () => executor.execute({ ...request, rootValue: event })))
    }
  } catch (error) {
    answers.push(`system error: ${describeValue(error)}`)
  }
  return { answers, log: world.log }
}

/** An answer with the ticks it took, on which the order of errors depends, and the calls made by then. */
async function settle({ log }: World, run: () => Answer): Promise<string> {
  const answer = run()
  if (!(answer instanceof Promise)) return `at once: ${describeAnswer(answer)}`
  let settled = false
  const done = () => {
    settled = true
  }
  answer.then(done, done)
  let ticks = 0
  while (!settled) {
    await null
    ticks++
  }
  return `after ${ticks} ticks and ${log.length} calls: ${describeAnswer(await answer)}`
}

export function describeAnswer(answer: ExecutionResult): string {
  const keys = Object.keys(answer).join()
  const errors = answer.errors?.map(describeError).join('\n')
  return `${keys} ${JSON.stringify(answer.data)}\n${errors}`
}

function describeError(error: GraphQLError): string {
  const { originalError, nodes } = error
  const positions = nodes?.map(({ loc }) => loc?.start).join(' ')
  const isGraphQLError = error instanceof GraphQLError
  return `${JSON.stringify(error)} ${isGraphQLError} of ${describeValue(originalError)} at ${positions}`
}

interface Rejections {
  /** Waits until the process has reported what nothing waits for. @returns the reasons since the last call */
  collect(): Promise<readonly string[]>
  dispose(): void
}

/** Takes the place of all others that listen for unhandled rejections: those of graphql-js are not ours. */
export function watchRejections(): Rejections {
  const others = process.listeners('unhandledRejection')
  let reasons: string[] = []
  const note = (reason: unknown) => {
    reasons.push(describeValue(reason))
  }
  process.removeAllListeners('unhandledRejection')
  process.on('unhandledRejection', note)
  return {
    async collect() {
      await new Promise((resolve) => setImmediate(resolve))
      const collected = reasons
      reasons = []
      return collected
    },
    dispose() {
      process.off('unhandledRejection', note)
      for (const listener of others) process.on('unhandledRejection', listener)
    },
  }
}
