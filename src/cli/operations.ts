import { readFile, stat } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import {
  buildSchema,
  type DocumentNode,
  GraphQLError,
  type GraphQLInputType,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isInputType,
  isListType,
  isNonNullType,
  isRequiredInputField,
  Kind,
  NoDeprecatedCustomRule,
  type OperationDefinitionNode,
  typeFromAST,
  validate,
} from 'graphql'
import { StartupError } from '../db/startup-error.ts'
import { costOf } from '../graphql/cost.ts'
import { parseWithinLimits, validateWithinLimits } from '../graphql/documents.ts'
import { maxCost } from '../graphql/limits.ts'
import {
  describeEntry,
  findManifests,
  type ManifestEntry,
  nameOf,
  readManifest,
} from '../graphql/persisted/manifests.ts'
import { keyOf } from '../graphql/persisted/request.ts'
import { createSchema } from '../graphql/schema.ts'

export interface OperationsArguments {
  /** A file with the schema; null for this server's own. */
  readonly schema: string | null
  /** Manifests, and folders of them. */
  readonly paths: readonly string[]
}

const usage = 'operations takes check [--schema <file>] <manifest or folder>...'

/** @throws StartupError with one line */
export function parseOperationsArguments(args: readonly string[]): OperationsArguments {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { schema: { type: 'string' } },
      allowPositionals: true,
    })
    const [what, ...paths] = positionals
    if (what === 'check' && paths.length > 0) return { schema: values.schema ?? null, paths }
  } catch {
    // Said below, too.
  }
  throw new StartupError(usage)
}

/** Says which operations of the manifests a server would refuse, and why. @returns whether it would take all */
export async function checkOperations({ schema: path, paths }: OperationsArguments): Promise<boolean> {
  const schema = path === null ? createSchema() : await readSchema(path)
  const files = (await Promise.all(paths.map(manifestsAt))).flat()
  const texts = new Map<string, { text: string; file: string }>()
  let [operations, broken, deprecated] = [0, 0, 0]
  for (const file of files) {
    for (const entry of await readManifest(file)) {
      operations++
      const other = texts.get(keyOf(entry.id))
      texts.set(keyOf(entry.id), other ?? { text: entry.text, file })
      const { name, problems, warnings } = checkEntry(schema, entry, path === null)
      if (other !== undefined && other.text !== entry.text) {
        problems.push(new GraphQLError(`The same id has another text in ${other.file}`))
      }
      const say = (kind: string) => (error: GraphQLError) => {
        const line = error.locations?.[0]?.line
        const place = line === undefined ? '' : `, line ${line}`
        console.log(`${kind} ${file}: ${describeEntry({ id: entry.id, name })}${place}: ${error.message}`)
      }
      problems.forEach(say('breaks'))
      warnings.forEach(say('warning'))
      if (problems.length > 0) broken++
      if (warnings.length > 0) deprecated++
    }
  }
  console.log(
    `Operations: ${operations}, manifests: ${files.length}. Would break: ${broken}. Use what is deprecated: ${deprecated}.`,
  )
  return broken === 0
}

async function readSchema(path: string): Promise<GraphQLSchema> {
  try {
    return buildSchema(await readFile(path, 'utf8'))
  } catch (error) {
    throw new StartupError(`${path} is no schema: ${error instanceof Error ? error.message : error}`)
  }
}

async function manifestsAt(path: string): Promise<string[]> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
  if (!isFolder) return [path]
  const found = await findManifests(path)
  if (found.length === 0) throw new StartupError(`${path} has no manifest: none of its files ends in .json`)
  return found
}

/** @param costs whether the schema knows what its fields cost */
function checkEntry(schema: GraphQLSchema, entry: ManifestEntry, costs: boolean) {
  const { name } = entry
  let document: DocumentNode
  try {
    document = parseWithinLimits(entry.text)
  } catch (error) {
    return { name, problems: [error as GraphQLError], warnings: [] }
  }
  const operations = document.definitions.filter((each) => each.kind === Kind.OPERATION_DEFINITION)
  const problems = [...validateWithinLimits(schema, document)]
  if (operations.length === 0) problems.push(new GraphQLError('The document has no operation.'))
  if (costs && problems.length === 0) {
    problems.push(...operations.flatMap((operation) => checkCost(schema, document, operation)))
  }
  const warnings = problems.length > 0 ? [] : validate(schema, document, [NoDeprecatedCustomRule])
  return { name: name ?? nameOf(document), problems, warnings: [...warnings] }
}

/** It depends on the variables: what is over the limit with the cheapest of them always is. */
function checkCost(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
): GraphQLError[] {
  const required = (operation.variableDefinitions ?? []).filter(
    ({ type, defaultValue }) => type.kind === Kind.NON_NULL_TYPE && defaultValue === undefined,
  )
  const cost = costOf({
    schema,
    document,
    operationName: operation.name?.value ?? null,
    contextValue: {},
    variableValues: Object.fromEntries(
      required.map(({ type, variable }) => {
        const known = typeFromAST(schema, type)
        // What is valid has variables of input types alone.
        return [variable.name.value, isInputType(known) ? cheapest(known) : null]
      }),
    ),
  })
  if (cost <= maxCost) return []
  const message = `The operation costs ${cost} at the least, and ${maxCost} is the limit.`
  return [new GraphQLError(message, { nodes: operation })]
}

/** A value that the type takes, whatever it means. */
function cheapest(type: GraphQLInputType): unknown {
  if (isNonNullType(type)) return cheapest(type.ofType)
  if (isListType(type)) return []
  if (isEnumType(type)) return type.getValues()[0]?.name
  if (isInputObjectType(type)) {
    const required = Object.values(type.getFields()).filter(isRequiredInputField)
    return Object.fromEntries(required.map((field) => [field.name, cheapest(field.type)]))
  }
  return { Boolean: false, DateTime: '1970-01-01T00:00:00.000Z', String: '' }[type.name] ?? 1
}
