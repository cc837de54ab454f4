// The schema as something that clients depend on (docs/schema.md).
//
//   check [--allow <path>]…    fails where schema.graphql would break clients of the last released version; passes, and
//                              says so, while no version has been released
//   release                    writes schema.released.graphql: what later versions are compared with; refused where the
//                              version in package.json may not have this schema
//   picture [--check]          draws schema.graphql in docs/schema.md, or fails where the drawing is another
//
// `check` compares two other files with --released and --schema.
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { findChanges, findUnclearDeprecations, type SchemaChange } from './schema/breaking.ts'
import { drawSchema } from './schema/picture.ts'
import {
  isOlder,
  mayBreak,
  packageVersion,
  parseReleased,
  type Released,
  readReleased,
  whyNotRelease,
  writeReleased,
} from './schema/released.ts'

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    allow: { type: 'string', multiple: true, default: [] },
    released: { type: 'string' },
    schema: { type: 'string', default: 'schema.graphql' },
    check: { type: 'boolean', default: false },
  },
})

async function check(): Promise<number> {
  const current = readFileSync(values.schema, 'utf8')
  const released = values.released === undefined ? readReleased() : parseReleased(values.released)
  const changes = released === null ? [] : await findBreaking(released, current)
  if (released === null) console.log('There is no released schema yet, so there are no clients to break.')
  const problems = [
    ...changes
      .filter(({ path }) => !values.allow.includes(path))
      .map(({ path, message }) => `${path}: ${message}`),
    ...values.allow
      .filter((allowed) => !changes.some(({ path }) => path === allowed))
      .map((allowed) => `--allow ${allowed}: nothing breaks there, so take it out`),
    ...findUnclearDeprecations(current).map(
      (path) => `${path}: a deprecation says since when, and what to use: "Since 1.2: use \`x\`."`,
    ),
  ]
  if (released !== null && values.allow.length > 0 && !mayBreak(released.version)) {
    problems.push('--allow: only a new major version (before 1.0, a new minor one) breaks clients')
  }
  if (released !== null && isOlder(packageVersion(), released.version)) {
    problems.push(`package.json says ${packageVersion()}, which is older`)
  }
  if (problems.length === 0) return 0
  const against = released?.version ?? 'no released schema'
  return fail(`Against ${against}:\n${problems.map((problem) => `  ${problem}`).join('\n')}`)
}

/** Also prints the changes that clients have been told to expect. */
async function findBreaking({ version, sdl }: Released, current: string): Promise<readonly SchemaChange[]> {
  const { breaking, expected } = await findChanges(sdl, current)
  for (const { path, message } of expected)
    console.log(`New since ${version}, breaks nothing: ${path}: ${message}`)
  return breaking
}

async function release(): Promise<number> {
  const sdl = readFileSync(values.schema, 'utf8')
  const reason = await whyNotRelease(sdl)
  if (reason !== null) return fail(reason)
  writeReleased(sdl)
  return 0
}

const page = 'docs/schema.md'
const place = /(?<=<!-- picture -->\n```mermaid\n)[\s\S]*?(?=```)/

function picture(): number {
  const text = readFileSync(page, 'utf8')
  if (!place.test(text)) return fail(`${page} has no place for the picture.`)
  const drawn = text.replace(place, () => `${drawSchema(readFileSync(values.schema, 'utf8'))}\n`)
  if (!values.check) writeFileSync(page, drawn)
  else if (drawn !== text) return fail(`${page} shows another schema: run npm run schema:picture.`)
  return 0
}

function fail(message: string): number {
  process.stderr.write(`${message}\n`)
  return 1
}

const commands: Record<string, () => number | Promise<number>> = { check, release, picture }
const command = commands[positionals[0] ?? '']
process.exitCode = command ? await command() : fail('Usage: schema <check | release | picture>')
