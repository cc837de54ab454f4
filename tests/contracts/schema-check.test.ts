import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'

/** A repository with a schema that was released as 1.2.0, and whatever became of it. */
let repository: string
beforeEach(() => {
  repository = mkdtempSync(join(tmpdir(), 'parley-schema-'))
  write('package.json', '{ "version": "1.3.0" }')
  write('schema.released.graphql', `# The schema of 1.2.0\n\n${released}`)
})
afterEach(() => rmSync(repository, { recursive: true }))

const released = `type Query { chat(id: ID!, first: Int, old: Int @deprecated(reason: "Since 1.1: it does nothing.")): Chat things: [Thing!]! }
interface Thing { id: ID! }
type Chat implements Thing { id: ID! title: String! name: String @deprecated(reason: "Since 1.2: use \`title\`.") kind: Kind! legacy: Old @deprecated(reason: "Since 1.2: use \`title\`.") }
type Legacy { id: ID! more: More }
type More { id: ID! }
type Old { id: ID! part: Part }
type Part { id: ID! }
enum Kind { DIRECT GROUP OTHER @deprecated(reason: "Since 1.2: never given.") }
input Input { text: String! old: Int @deprecated(reason: "Since 1.1: it does nothing.") }
union Result = Chat | Legacy
type Mutation { rename(input: Input!): Result! }
`

const write = (name: string, text: string) => writeFileSync(join(repository, name), text)
const git = (...args: string[]) =>
  execFileSync('git', ['-c', 'user.name=test', '-c', 'user.email=test@example.com', ...args], {
    cwd: repository,
    stdio: 'pipe',
  })

const script = fileURLToPath(new URL('../../scripts/schema.ts', import.meta.url))
function run(...args: string[]): { status: number | null; problems: string } {
  const node = ['--import', import.meta.resolve('tsx'), script, ...args]
  const { status, stderr } = spawnSync(process.execPath, node, { cwd: repository, encoding: 'utf8' })
  return { status, problems: stderr }
}
function check(schema: string, ...args: string[]) {
  write('schema.graphql', schema)
  return run('check', ...args)
}

const withoutLegacyUnion = released.replace('union Result = Chat | Legacy', 'union Result = Chat')

/** Changes by what they are, or by where they break. */
const safe: Record<string, (sdl: string) => string> = {
  nothing: (sdl) => sdl,
  'a new field, and an argument that may be left out': (sdl) =>
    sdl.replace('id: ID!, ', 'id: ID!, last: Int, '),
  'a value of an enumeration more': (sdl) => sdl.replace('DIRECT', 'DIRECT SELF'),
  'a type that is new': (sdl) => `${sdl}\ntype New implements Thing { id: ID! }`,
  'a member of a result more': (sdl) =>
    `${sdl.replace('Chat | Legacy', 'Chat | Legacy | New')}\ntype New { id: ID! }`,
  'a deprecation': (sdl) =>
    sdl.replace('title: String!', 'title: String! @deprecated(reason: "Since 1.3: use `name`.")'),
  'other words': (sdl) => sdl.replace('type Legacy', '"""Old."""\ntype Legacy'),
  'a field that was deprecated goes': (sdl) => sdl.replace(/ name: String @deprecated\(.*?\)/, ''),
  'a value that was deprecated goes': (sdl) => sdl.replace(/ OTHER @deprecated\(.*?\)/, ''),
  'an argument that was deprecated goes': (sdl) => sdl.replace(/, old: Int @deprecated\(.*?\)\)/, ')'),
  'an input field that was deprecated goes': (sdl) => sdl.replace(/ old: Int @deprecated\(.*?\) }/, ' }'),
  'types go that only something deprecated led to': (sdl) =>
    sdl.replace(/ legacy: Old @deprecated\(.*?\)/, '').replace(/type (Old|Part) .*\n/g, ''),
}
const breaking: [string, (sdl: string) => string][] = [
  ['Chat.title', (sdl) => sdl.replace('title: String!', '')],
  ['Chat.title', (sdl) => sdl.replace('title: String!', 'title: String')],
  ['Chat.title', (sdl) => sdl.replace('title: String!', 'title: Int!')],
  ['Query.chat.first', (sdl) => sdl.replace('first: Int, ', '')],
  ['Query.chat.last', (sdl) => sdl.replace('first: Int', 'first: Int, last: Int!')],
  ['Input.text', (sdl) => sdl.replace('text: String! ', '')],
  ['Input.more', (sdl) => sdl.replace('text: String! ', 'text: String! more: Int! ')],
  ['Kind.GROUP', (sdl) => sdl.replace(' GROUP', '')],
  ['Chat', (sdl) => sdl.replace('Chat implements Thing', 'Chat')],
  ['Result', (sdl) => sdl.replace(' | Legacy', '')],
  ['Legacy.more', (sdl) => sdl.replace(' more: More', '')],
  ['More', (sdl) => sdl.replace(' more: More', '').replace(/type More .*\n/, '')],
  ['Mutation.rename', (sdl) => sdl.replace('rename(input: Input!)', 'name(input: Input!)')],
]

describe('a change', () => {
  /** In one process for all of them: here graphql would be loaded twice, and its copies refuse each other. */
  let found: Record<string, { path: string }[]>
  beforeAll(() => {
    const schemas = [...Object.values(safe), ...breaking.map(([, change]) => change)].map((change) =>
      change(released),
    )
    const code = `
      const { findBreakingChanges } = await import(${JSON.stringify(new URL('../../scripts/schema/breaking.ts', import.meta.url))})
      const { released, schemas } = ${JSON.stringify({ released, schemas })}
      const found = await Promise.all(schemas.map(async (sdl) => [sdl, await findBreakingChanges(released, sdl)]))
      console.log(JSON.stringify(Object.fromEntries(found)))`
    const node = ['--import', import.meta.resolve('tsx'), '--input-type=module', '-e', code]
    found = JSON.parse(execFileSync(process.execPath, node, { encoding: 'utf8' }))
  })

  test.each(Object.entries(safe))('that breaks nothing: %s', (what, change) => {
    const schema = change(released)
    expect(schema === released).toBe(what === 'nothing')
    expect(found[schema]).toEqual([])
  })

  test.each(breaking)('that breaks %s', (path, change) => {
    const schema = change(released)
    expect(schema).not.toBe(released)
    expect(found[schema]?.map((each) => each.path)).toContain(path)
  })
})

test('what breaks fails, and says where and since when', () => {
  expect(check(released)).toEqual({ status: 0, problems: '' })
  const { status, problems } = check(released.replace('title: String!', ''))
  expect(status).toBe(1)
  expect(problems).toContain('Against 1.2.0:\n  Chat.title: ')
})

test('a deprecation says since when, and what to use', () => {
  const reasons = ['Since 1.3: use `name`.', 'No longer supported', 'use `name`', 'Since 1.3']
  const fields = reasons.map((reason, i) => `f${i}: Int @deprecated(reason: "${reason}")`)
  const { status, problems } = check(released.replace('title: String!', `title: String! ${fields.join(' ')}`))
  expect([status, problems.match(/Chat\.f\d: a deprecation says since when/g)?.length]).toEqual([1, 3])
  expect(problems).not.toContain('Chat.f0')
})

describe('what breaks on purpose', () => {
  const broken = released.replace('title: String!', '')

  test('is allowed by its name in a new major version', () => {
    write('package.json', '{ "version": "2.0.0" }')
    expect(check(broken).status).toBe(1)
    expect(check(broken, '--allow', 'Chat.title')).toEqual({ status: 0, problems: '' })
    expect(check(released, '--allow', 'Chat.title').problems).toContain('nothing breaks there')
  })

  test('is not allowed in any other', () => {
    expect(check(broken, '--allow', 'Chat.title').problems).toContain('only a new major version')
  })

  test('is allowed in a new minor version before 1.0', () => {
    write('schema.released.graphql', `# The schema of 0.3.9\n\n${released}`)
    write('package.json', '{ "version": "0.3.10" }')
    expect(check(broken, '--allow', 'Chat.title').status).toBe(1)
    write('package.json', '{ "version": "0.4.0" }')
    expect(check(broken, '--allow', 'Chat.title').status).toBe(0)
  })
})

describe('a version that was tagged', () => {
  beforeEach(() => {
    git('init', '--quiet')
    write('schema.graphql', released)
    git('add', '.')
    git('commit', '--quiet', '-m', 'Release')
  })

  test('is what counts, whatever the copy says', () => {
    git('tag', 'v1.2.0')
    write('schema.released.graphql', `# The schema of 1.3.0\n\n${withoutLegacyUnion}`)
    expect(check(withoutLegacyUnion).problems).toContain('  Result: ')
  })

  test('without its copy is an error', () => {
    git('tag', 'v1.2.0')
    write('schema.released.graphql', `# The schema of 1.2.0\n\n${withoutLegacyUnion}`)
    expect(check(released).problems).toContain('is not the schema.graphql of v1.2.0')
  })

  test('is copied by schema:release, so that a clone without tags knows it', () => {
    expect(check(withoutLegacyUnion).status).toBe(1)
    expect(run('release').status).toBe(0)
    expect(run('check')).toEqual({ status: 0, problems: '' })
    expect(readFileSync(join(repository, 'schema.released.graphql'), 'utf8')).toMatch(
      /^# The schema of 1\.3\.0, /,
    )
  })
})
