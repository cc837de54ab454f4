import {
  defaultFieldResolver,
  defaultTypeResolver,
  type ExecutionResult,
  type GraphQLAbstractType,
  GraphQLError,
  type GraphQLObjectType,
  locatedError,
  OperationTypeNode,
  responsePathAsArray,
} from 'graphql'
import { inspect } from 'graphql/jsutils/inspect.js'
import { addPath, type Path } from 'graphql/jsutils/Path.js'
import { LazyInfo } from './info.ts'
import {
  coordinateOf,
  type Plan,
  type PlannedField,
  planRoot,
  planSelection,
  type Selection,
  type Shape,
} from './plan.ts'
import { isObjectLike, isPromise } from './promise.ts'
import { createRun, type Run, type RunArguments, rootTypeOf } from './run.ts'
import { toObjectType } from './runtime-type.ts'

type MaybePromise<Value> = Value | Promise<Value>

/**
 * Runs a plan. The answer equals that of graphql-js' `execute` to the letter, down to the ticks after which promises
 * settle, because the order of errors depends on them. A property test compares the two.
 */
export function executePlan(plan: Plan, args: RunArguments): MaybePromise<ExecutionResult> {
  const run = createRun(plan, args)
  try {
    const data = executeOperation(run)
    if (!isPromise(data)) return respond(run, data)
    return data.then(
      (settled) => respond(run, settled),
      (error: unknown) => respondWithFailure(run, error),
    )
  } catch (error) {
    return respondWithFailure(run, error)
  }
}

function respond({ errors: { list } }: Run, data: unknown): ExecutionResult {
  const answer = data as NonNullable<ExecutionResult['data']>
  return list.length === 0 ? { data: answer } : { errors: list, data: answer }
}

function respondWithFailure(run: Run, error: unknown): ExecutionResult {
  run.errors.add(error as GraphQLError, undefined)
  return respond(run, null)
}

function executeOperation(run: Run): MaybePromise<unknown> {
  const selection = planRoot(run.plan, rootTypeOf(run.plan), run.variableValues)
  return run.plan.operation.operation === OperationTypeNode.MUTATION
    ? executeSerially(run, selection)
    : executeSelection(run, selection, run.rootValue, undefined)
}

/** One field after the other. A failure that nulls the answer stops the rest. */
function executeSerially(run: Run, selection: Selection): MaybePromise<unknown> {
  const results = createResults(selection)
  let last: MaybePromise<unknown> = results
  for (const field of selection.fields) {
    const execute = () => {
      const result = executeField(run, field, run.rootValue, undefined)
      const keep = (settled: unknown) => {
        results[field.responseName] = settled
        return results
      }
      return isPromise(result) ? result.then(keep) : keep(result)
    }
    last = isPromise(last) ? last.then(execute) : execute()
  }
  return last
}

/** The fields of an object, side by side. @throws if a field fails that must not be null */
function executeSelection(
  run: Run,
  selection: Selection,
  source: unknown,
  path: Path | undefined,
): MaybePromise<Record<string, unknown>> {
  const results = createResults(selection)
  let containsPromise = false
  try {
    for (const field of selection.fields) {
      const result = executeField(run, field, source, path)
      results[field.responseName] = result
      if (isPromise(result)) containsPromise = true
    }
  } catch (error) {
    if (!containsPromise) throw error
    // The other fields may reject too, and an unhandled rejection would end the process.
    return settle(results, selection).finally(() => {
      throw error
    })
  }
  return containsPromise ? settle(results, selection) : results
}

async function settle(
  results: Readonly<Record<string, MaybePromise<unknown>>>,
  selection: Selection,
): Promise<Record<string, unknown>> {
  const settled = await Promise.all(Object.values(results))
  const named = createResults(selection)
  for (const [index, name] of Object.keys(results).entries()) named[name] = settled[index]
  return named
}

/** A plain object is several times faster to fill and to serialise than one without a prototype. */
function createResults({ namesPrototype }: Selection): Record<string, unknown> {
  return namesPrototype ? Object.create(null) : {}
}

/** @param parentPath the path of the object that has the field */
function executeField(
  run: Run,
  field: PlannedField,
  source: unknown,
  parentPath: Path | undefined,
): MaybePromise<unknown> {
  const { shape } = field
  // Made when something asks for it: most fields are properties of their object, and need neither info nor path.
  let info: LazyInfo | null = null
  try {
    let result: unknown
    if (field.isProperty) {
      if (isObjectLike(source)) result = source[field.fieldName]
      if (typeof result === 'function') {
        info = new LazyInfo(run, field, parentPath)
        result = callMethod(run, field, source, info)
      }
    } else {
      info = new LazyInfo(run, field, parentPath)
      result = resolve(run, field, source, info)
    }
    if (shape.kind === 'leaf' && !isPromise(result)) {
      const serialized = completeLeaf(field, shape, result)
      if (!isPromise(serialized)) return serialized
      info ??= new LazyInfo(run, field, parentPath)
      return awaitSafely(run, field, shape, info.path, serialized)
    }
    info ??= new LazyInfo(run, field, parentPath)
    return completeSafely(run, field, shape, info, info.path, result)
  } catch (error) {
    info ??= new LazyInfo(run, field, parentPath)
    return failField(run, field, shape, info.path, error)
  }
}

/** Reads the property once more, like the default resolver of graphql-js: it may be an accessor. */
function callMethod(run: Run, { fieldName }: PlannedField, source: unknown, info: LazyInfo): unknown {
  const methods = source as Record<string, (...args: readonly unknown[]) => unknown>
  return methods[fieldName]?.({}, run.contextValue, info.whole)
}

function resolve(run: Run, field: PlannedField, source: unknown, info: LazyInfo): unknown {
  const values = field.argumentsFor === null ? {} : field.argumentsFor(run, field)
  const { resolver } = field
  if (resolver === undefined) return defaultFieldResolver(source, values, run.contextValue, info.whole)
  return resolver(source, values, run.contextValue, field.namesInfo ? info.whole : info)
}

/** Completes a value, or what is promised, and turns a failure into null where the type allows it. */
function completeSafely(
  run: Run,
  field: PlannedField,
  shape: Shape,
  info: LazyInfo,
  path: Path,
  result: unknown,
): MaybePromise<unknown> {
  const completed = isPromise(result)
    ? result.then((resolved) => complete(run, field, shape, info, path, resolved))
    : complete(run, field, shape, info, path, result)
  return isPromise(completed) ? awaitSafely(run, field, shape, path, completed) : completed
}

function awaitSafely(
  run: Run,
  field: PlannedField,
  shape: Shape,
  path: Path,
  completed: Promise<unknown>,
): Promise<unknown> {
  return completed.then(undefined, (error: unknown) => failField(run, field, shape, path, error))
}

/**
 * "Value Completion" of the specification. The order of the checks and the messages are those of graphql-js.
 * @throws whatever the field fails with
 */
function complete(
  run: Run,
  field: PlannedField,
  shape: Shape,
  info: LazyInfo,
  path: Path,
  result: unknown,
): MaybePromise<unknown> {
  if (shape.kind === 'leaf') return completeLeaf(field, shape, result)
  if (isAbsent(field, shape, result)) return null
  switch (shape.kind) {
    case 'list':
      return completeList(run, field, shape.item, info, path, result)
    case 'object':
      return completeObject(run, field, shape.type, info, path, result)
    case 'abstract':
      return completeAbstract(run, field, shape.type, info, path, result)
  }
}

/** @throws if it is an error, or absent where null is not allowed */
function isAbsent(field: PlannedField, { nullable }: Shape, result: unknown): result is null | undefined {
  if (result != null) {
    if (typeof result === 'object' && result instanceof Error) throw result
    return false
  }
  if (nullable) return true
  throw new Error(`Cannot return null for non-nullable field ${coordinateOf(field)}.`)
}

function completeLeaf(
  field: PlannedField,
  shape: Extract<Shape, { kind: 'leaf' }>,
  result: unknown,
): unknown {
  if (isAbsent(field, shape, result)) return null
  const serialized = shape.type.serialize(result)
  if (serialized != null) return serialized
  const call = `\`${inspect(shape.type)}.serialize(${inspect(result)})\``
  throw new Error(`Expected ${call} to return non-nullable value, returned: ${inspect(serialized)}`)
}

function completeList(
  run: Run,
  field: PlannedField,
  shape: Shape,
  info: LazyInfo,
  path: Path,
  result: unknown,
): MaybePromise<unknown> {
  if (!isIterableObject(result)) {
    throw new GraphQLError(`Expected Iterable, but did not find one for field "${coordinateOf(field)}".`)
  }
  const items: MaybePromise<unknown>[] = []
  let containsPromise = false
  try {
    for (const item of result) {
      const completed = completeItem(run, field, shape, info, addPath(path, items.length, undefined), item)
      items.push(completed)
      if (isPromise(completed)) containsPromise = true
    }
  } catch (error) {
    // Nothing waits for the other items any more, and an unhandled rejection would end the process.
    if (containsPromise) void Promise.allSettled(items)
    throw error
  }
  return containsPromise ? Promise.all(items) : items
}

function completeItem(
  run: Run,
  field: PlannedField,
  shape: Shape,
  info: LazyInfo,
  path: Path,
  item: unknown,
): MaybePromise<unknown> {
  try {
    return completeSafely(run, field, shape, info, path, item)
  } catch (error) {
    return failField(run, field, shape, path, error)
  }
}

function completeAbstract(
  run: Run,
  field: PlannedField,
  type: GraphQLAbstractType,
  info: LazyInfo,
  path: Path,
  result: unknown,
): MaybePromise<unknown> {
  const resolveType = type.resolveType ?? defaultTypeResolver
  const name: unknown = resolveType(result, run.contextValue, info.whole, type)
  if (isPromise(name)) {
    return name.then((resolved) =>
      completeObject(
        run,
        field,
        toObjectType(run.plan.schema, field, type, resolved, result),
        info,
        path,
        result,
      ),
    )
  }
  return completeObject(
    run,
    field,
    toObjectType(run.plan.schema, field, type, name, result),
    info,
    path,
    result,
  )
}

function completeObject(
  run: Run,
  field: PlannedField,
  type: GraphQLObjectType,
  info: LazyInfo,
  path: Path,
  result: unknown,
): MaybePromise<unknown> {
  const selection = planSelection(run.plan, field, type, run.variableValues, run.unplanned)
  if (type.isTypeOf == null) return executeSelection(run, selection, result, path)
  const isOfType = type.isTypeOf(result, run.contextValue, info.whole)
  if (isPromise(isOfType)) {
    return isOfType.then((resolved) => {
      if (!resolved) throw notOfType(type, field, result)
      return executeSelection(run, selection, result, path)
    })
  }
  if (!isOfType) throw notOfType(type, field, result)
  return executeSelection(run, selection, result, path)
}

function notOfType(type: GraphQLObjectType, { nodes }: PlannedField, result: unknown): GraphQLError {
  return new GraphQLError(`Expected value of type "${type.name}" but got: ${inspect(result)}.`, { nodes })
}

/**
 * Records why a field, or an item of a list, became null.
 * @throws GraphQLError if it must not be null
 */
function failField(run: Run, { nodes }: PlannedField, { nullable }: Shape, path: Path, cause: unknown): null {
  const error = locatedError(cause, nodes, responsePathAsArray(path))
  if (!nullable) throw error
  run.errors.add(error, path)
  return null
}

function isIterableObject(value: unknown): value is Iterable<unknown> {
  return (
    typeof value === 'object' && typeof (value as Iterable<unknown> | null)?.[Symbol.iterator] === 'function'
  )
}
