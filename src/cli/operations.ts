import { stat } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import {
  type ASTVisitor,
  buildSchema,
  type DocumentNode,
  GraphQLError,
  GraphQLInt,
  type GraphQLSchema,
  getNullableType,
  getVariableValues,
  isInputType,
  isListType,
  isNonNullType,
  Kind,
  NoDeprecatedCustomRule,
  type OperationDefinitionNode,
  typeFromAST,
  type ValidationContext,
  validate,
  validateSchema,
} from 'graphql'
import { printable } from '../core/printable.ts'
import { readRegularFile } from '../core/regular-file.ts'
import { StartupError } from '../db/startup-error.ts'
import { prepareCost } from '../graphql/operation/cost.ts'
import { parseWithinLimits, validateWithinLimits } from '../graphql/operation/documents.ts'
import { fragmentsOf } from '../graphql/operation/fragments.ts'
import { maxCost } from '../graphql/operation/limits.ts'
import {
  describeEntry,
  findManifests,
  type ManifestEntry,
  nameOf,
  readManifest,
} from '../graphql/persisted/manifests.ts'
import { keyOf } from '../graphql/persisted/request.ts'
import { createSchema } from '../graphql/schema.ts'
import { cheapestInput } from './cheapest-input.ts'

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
      const { name, problems, deprecations, warnings } = checkEntry(schema, entry, path === null)
      if (other !== undefined && other.text !== entry.text) {
        problems.push(new GraphQLError(`The same id has another text in ${other.file}`))
      }
      const say = (kind: string) => (error: GraphQLError) => {
        const line = error.locations?.[0]?.line
        const place = line === undefined ? '' : `, line ${line}`
        const what = describeEntry({ id: entry.id, name })
        console.log(printable(`${kind} ${file}: ${what}${place}: ${error.message}`))
      }
      problems.forEach(say('breaks'))
      for (const each of [...deprecations, ...warnings]) say('warning')(each)
      if (problems.length > 0) broken++
      if (deprecations.length > 0) deprecated++
    }
  }
  console.log(
    `Operations: ${operations}, manifests: ${files.length}. Would break: ${broken}. Use what is deprecated: ${deprecated}.`,
  )
  return broken === 0
}

/** How large a schema may be, in bytes. */
const maxSchemaBytes = 16_000_000

async function readSchema(path: string): Promise<GraphQLSchema> {
  try {
    const schema = buildSchema(await readRegularFile(path, maxSchemaBytes))
    const [error] = validateSchema(schema)
    if (error !== undefined) throw error
    return schema
  } catch (error) {
    throw new StartupError(printable(`${path} is no schema: ${wordsOf(error)}`))
  }
}

const wordsOf = (error: unknown) =>
  (error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ')

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

interface Findings {
  readonly name: string | null
  readonly problems: GraphQLError[]
  readonly deprecations: readonly GraphQLError[]
  readonly warnings: readonly GraphQLError[]
}

/** @param costs whether the schema knows what its fields cost */
function checkEntry(schema: GraphQLSchema, entry: ManifestEntry, costs: boolean): Findings {
  const { name } = entry
  let document: DocumentNode
  try {
    document = parseWithinLimits(entry.text)
  } catch (error) {
    return { name, problems: [error as GraphQLError], deprecations: [], warnings: [] }
  }
  const found = { name: name ?? nameOf(document) }
  const operations = document.definitions.filter((each) => each.kind === Kind.OPERATION_DEFINITION)
  const problems = [...validateWithinLimits(schema, document)]
  if (operations.length === 0) problems.push(new GraphQLError('The document has no operation.'))
  if (problems.length > 0) return { ...found, problems, deprecations: [], warnings: [] }
  const deprecations = validate(schema, document, [NoDeprecatedCustomRule])
  const warnings = validate(schema, document, [IntrospectionRule]).slice(0, 1)
  for (const operation of costs ? operations : []) {
    try {
      problems.push(...checkCost(schema, document, operation))
    } catch (error) {
      // It is not known to break, and the others are still to be looked at.
      const message = `What the operation costs could not be found out: ${wordsOf(error)}`
      warnings.push(new GraphQLError(message, { nodes: operation }))
    }
  }
  return { ...found, problems, deprecations, warnings }
}

/** Reports what asks about the schema. */
function IntrospectionRule(context: ValidationContext): ASTVisitor {
  return {
    Field(node) {
      if (node.name.value !== '__schema' && node.name.value !== '__type') return
      const message = `${node.name.value} runs neither with PERSISTED_OPERATIONS=only nor where INTROSPECTION is off.`
      context.reportError(new GraphQLError(message, { nodes: node }))
    },
  }
}

/**
 * It depends on the variables: what is over the limit with the cheapest of them always is. Which fields are included
 * makes no difference: skipped ones count, too.
 */
function checkCost(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
): GraphQLError[] {
  const { coerced, errors } = getVariableValues(
    schema,
    operation.variableDefinitions ?? [],
    cheapestVariables(schema, operation),
  )
  if (errors !== undefined) throw errors[0]
  const cost = prepareCost(schema, fragmentsOf(document), operation)(coerced)
  if (cost <= maxCost) return []
  const message = `The operation costs ${cost} at the least, and ${maxCost} is the limit.`
  return [new GraphQLError(message, { nodes: operation })]
}

/** Sizes and lists are always given, since defaults may cost more; everything else where it has to be. */
function cheapestVariables(schema: GraphQLSchema, operation: OperationDefinitionNode) {
  const values: Record<string, unknown> = {}
  for (const { type: node, variable, defaultValue } of operation.variableDefinitions ?? []) {
    const type = typeFromAST(schema, node)
    // What is valid has variables of input types alone.
    if (!isInputType(type)) continue
    const plain = getNullableType(type)
    const isSize = plain === GraphQLInt || isListType(plain)
    if (isSize || (isNonNullType(type) && defaultValue === undefined)) {
      values[variable.name.value] = cheapestInput(type)
    }
  }
  return values
}
