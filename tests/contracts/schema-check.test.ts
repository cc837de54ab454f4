import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
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

const released = `directive @twice(n: Int = 1) repeatable on FIELD
directive @mark on OBJECT
scalar Time @specifiedBy(url: "https://example.com/time")
type Query { now: Time search(size: Int! = 5, page: Int = 1, sort: Int): Int find(by: Find): Int chat(id: ID!, first: Int, old: Int @deprecated(reason: "Since 1.1: it does nothing.")): Chat things: [Thing!]! }
interface Thing { id: ID! }
type Chat implements Thing { id: ID! title: String! name: String @deprecated(reason: "Since 1.2: use \`title\`.") kind: Kind! legacy: Old @deprecated(reason: "Since 1.2: use \`title\`.") }
type Legacy { id: ID! more: More }
type More { id: ID! }
type Old { id: ID! part: Part }
type Part { id: ID! }
enum Kind { DIRECT GROUP OTHER @deprecated(reason: "Since 1.2: never given.") }
input Find { size: Int! = 5 page: Int = 1 sort: Int }
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
  const { status, stderr } = runWhole(...args)
  return { status, problems: stderr }
}
function runWhole(...args: string[]) {
  const node = ['--import', import.meta.resolve('tsx'), script, ...args]
  return spawnSync(process.execPath, node, { cwd: repository, encoding: 'utf8' })
}
function check(schema: string, ...args: string[]) {
  write('schema.graphql', schema)
  return run('check', ...args)
}

const withoutLegacyUnion = released.replace('union Result = Chat | Legacy', 'union Result = Chat')

/** Changes by what they are, or by where they break. */
const safe: Record<string, (sdl: string) => string> = {
  nothing: (sdl) => sdl,
  'a new field': (sdl) => sdl.replace('title: String!', 'title: String! subtitle: String'),
  'a type that is new': (sdl) => `${sdl}\ntype New implements Thing { id: ID! }`,
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
/** What clients are told to be ready for: it passes, and is named. */
const expected: [string, (sdl: string) => string][] = [
  ['Kind.SELF', (sdl) => sdl.replace('DIRECT', 'DIRECT SELF')],
  ['Result', (sdl) => sdl.replace('Chat | Legacy', 'Chat | Legacy | More')],
  ['Legacy', (sdl) => sdl.replace('type Legacy', 'type Legacy implements Thing')],
  ['Query.chat.last', (sdl) => sdl.replace('id: ID!, ', 'id: ID!, last: Int, ')],
  ['Query.search.more', (sdl) => sdl.replace('sort: Int)', 'sort: Int, more: Int! = 1)')],
  ['Find.more', (sdl) => sdl.replace('sort: Int }', 'sort: Int more: Int! = 1 }')],
  ['Legacy.@mark', (sdl) => sdl.replace('type Legacy', 'type Legacy @mark')],
]
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
  ['Query.search.size', (sdl) => sdl.replace('search(size: Int! = 5', 'search(size: Int!')],
  ['Query.search.size', (sdl) => sdl.replace('search(size: Int! = 5', 'search(size: Int! = 6')],
  ['Query.search.page', (sdl) => sdl.replace('page: Int = 1,', 'page: Int,')],
  ['Query.search.sort', (sdl) => sdl.replace('sort: Int)', 'sort: Int = 1)')],
  ['Find.size', (sdl) => sdl.replace('{ size: Int! = 5', '{ size: Int!')],
  ['Find.size', (sdl) => sdl.replace('{ size: Int! = 5', '{ size: Int! = 6')],
  ['Find.page', (sdl) => sdl.replace('page: Int = 1 ', 'page: Int ')],
  ['Find.sort', (sdl) => sdl.replace('sort: Int }', 'sort: Int = 1 }')],
  ['@twice', (sdl) => sdl.replace('repeatable ', '')],
  ['@twice.n', (sdl) => sdl.replace('@twice(n: Int = 1)', '@twice(n: Int = 2)')],
  ['Time.@specifiedBy.url', (sdl) => sdl.replace('example.com/time', 'example.com/date')],
  ['Mutation.rename', (sdl) => sdl.replace('rename(input: Input!)', 'name(input: Input!)')],
]

describe('a change', () => {
  /** In one process for all of them: here graphql would be loaded twice, and its copies refuse each other. */
  let found: Record<string, Record<'breaking' | 'expected', { path: string }[]>>
  beforeAll(() => {
    const schemas = [...Object.values(safe), ...[...expected, ...breaking].map(([, change]) => change)].map(
      (change) => change(released),
    )
    const code = `
      const { findChanges } = await import(${JSON.stringify(new URL('../../scripts/schema/breaking.ts', import.meta.url))})
      const { released, schemas } = ${JSON.stringify({ released, schemas })}
      const found = await Promise.all(schemas.map(async (sdl) => [sdl, await findChanges(released, sdl)]))
      console.log(JSON.stringify(Object.fromEntries(found)))`
    const node = ['--import', import.meta.resolve('tsx'), '--input-type=module', '-e', code]
    found = JSON.parse(execFileSync(process.execPath, node, { encoding: 'utf8' }))
  })

  test.each(Object.entries(safe))('that breaks nothing: %s', (what, change) => {
    const schema = change(released)
    expect(schema === released).toBe(what === 'nothing')
    expect(found[schema]).toEqual({ breaking: [], expected: [] })
  })

  test.each(expected)('that is to be expected, and named: %s', (path, change) => {
    const schema = change(released)
    expect(schema).not.toBe(released)
    expect(found[schema]).toEqual({ breaking: [], expected: [expect.objectContaining({ path })] })
  })

  test.each(breaking)('that breaks %s', (path, change) => {
    const schema = change(released)
    expect(schema).not.toBe(released)
    expect(found[schema]?.breaking.map((each) => each.path)).toContain(path)
  })
})

test('what breaks fails, and says where and since when', () => {
  expect(check(released)).toEqual({ status: 0, problems: '' })
  const { status, problems } = check(released.replace('title: String!', ''))
  expect(status).toBe(1)
  expect(problems).toContain('Against 1.2.0:\n  Chat.title: ')
})

test('what is to be expected passes, and is named', () => {
  write('schema.graphql', released.replace('DIRECT', 'DIRECT SELF'))
  const { status, stdout } = runWhole('check')
  expect(status).toBe(0)
  expect(stdout).toContain('New since 1.2.0, breaks nothing: Kind.SELF: ')
})

describe('while no version has been released', () => {
  beforeEach(() => rmSync(join(repository, 'schema.released.graphql')))

  test('the check passes and says in one line that there is no released schema', () => {
    write('schema.graphql', withoutLegacyUnion)
    const { status, stdout, stderr } = runWhole('check')
    expect([status, stdout, stderr]).toEqual([
      0,
      'There is no released schema yet, so there are no clients to break.\n',
      '',
    ])
  })

  test('the check still reports unclear deprecations and needless permissions', () => {
    const unclear = released.replace('title: String!', 'title: String! @deprecated')
    const { status, problems } = check(unclear, '--allow', 'Chat.title')
    expect([status, problems.split('\n')]).toEqual([
      1,
      [
        'Against no released schema:',
        '  --allow Chat.title: nothing breaks there, so take it out',
        expect.stringContaining('  Chat.title: a deprecation says since when'),
        '',
      ],
    ])
  })
})

test('a version that is older than the released one fails', () => {
  write('package.json', '{ "version": "1.1.9" }')
  expect(check(released).problems).toContain('package.json says 1.1.9, which is older')
})

test('the picture shows what is a list', () => {
  mkdirSync(join(repository, 'docs'))
  write('docs/schema.md', '<!-- picture -->\n```mermaid\n```\n')
  write('schema.graphql', released)
  expect(run('picture').status).toBe(0)
  expect(run('picture', '--check').status).toBe(0)
  write('schema.graphql', released.replace('now: Time', 'now: [Time!]!'))
  expect(run('picture', '--check')).toEqual({
    status: 1,
    problems: 'docs/schema.md shows another schema: run npm run schema:picture.\n',
  })
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

  test('with no copy at all is an error', () => {
    git('tag', 'v1.2.0')
    rmSync(join(repository, 'schema.released.graphql'))
    expect(check(released).problems).toContain('There is no schema.released.graphql.')
  })

  test('is copied by schema:release, so that a clone without tags knows it', () => {
    write('package.json', '{ "version": "2.0.0" }')
    expect(check(withoutLegacyUnion).status).toBe(1)
    expect(run('release').status).toBe(0)
    expect(run('check')).toEqual({ status: 0, problems: '' })
    expect(readFileSync(join(repository, 'schema.released.graphql'), 'utf8')).toMatch(
      /^# The schema of 2\.0\.0, /,
    )
  })

  test('keeps its schema', () => {
    git('tag', 'v1.2.0')
    write('package.json', '{ "version": "1.2.0" }')
    expect(run('release').status).toBe(0)
    write('schema.graphql', released.replace('DIRECT', 'DIRECT SELF'))
    expect(run('release').problems).toBe('1.2.0 is released: raise the version in package.json.\n')
    write('package.json', '{ "version": "1.2.1" }')
    expect(run('release').status).toBe(0)
  })
})

describe('releasing', () => {
  const copy = () => readFileSync(join(repository, 'schema.released.graphql'), 'utf8')

  test.each(['1.2.0', '1.3.0'])('what breaks is refused as %s, and changes nothing', (version) => {
    const before = copy()
    write('package.json', JSON.stringify({ version }))
    write('schema.graphql', withoutLegacyUnion)
    expect(run('release')).toEqual({
      status: 1,
      problems: `${version} would break clients of 1.2.0 (Result): raise the version in package.json.\n`,
    })
    expect(copy()).toBe(before)
  })

  test('an older version is refused', () => {
    write('package.json', '{ "version": "1.1.0" }')
    write('schema.graphql', released)
    expect(run('release').problems).toBe('1.1.0 is older than 1.2.0.\n')
  })

  test('the first one, what only adds, and a new major version are written', () => {
    rmSync(join(repository, 'schema.released.graphql'))
    write('package.json', '{ "version": "1.2.0" }')
    for (const [version, schema] of [
      ['1.2.0', released],
      ['1.2.0', released.replace('DIRECT', 'DIRECT SELF')],
      ['2.0.0', withoutLegacyUnion],
    ] as const) {
      write('package.json', JSON.stringify({ version }))
      write('schema.graphql', schema)
      expect(run('release')).toEqual({ status: 0, problems: '' })
      expect(copy()).toContain(`# The schema of ${version}, `)
      expect(copy().endsWith(schema)).toBe(true)
    }
  })
})
