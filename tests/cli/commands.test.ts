import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parseSeedOptions } from '../../src/cli/seed.ts'
import { StartupError } from '../../src/db/startup-error.ts'
import { createTestDatabase } from '../testkit/database.ts'
import { run, secret } from './cli.ts'

const root = new URL('../../', import.meta.url)

test('schema prints schema.graphql, and asks for neither a database nor a configuration', async () => {
  const { code, stdout, stderr } = await run(['schema'], { env: { PORT: 'wrong' } }).ended
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toBe(readFileSync(new URL('schema.graphql', root), 'utf8'))
})

test('--version is that of package.json, --help names every command', async () => {
  const { version } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))
  expect(await run(['--version']).ended).toMatchObject({ code: 0, stdout: `${version}\n` })
  const { code, stdout } = await run(['--help']).ended
  expect(code).toBe(0)
  for (const command of ['serve', 'migrate', 'seed', 'account', 'operations', 'shell', 'schema'])
    expect(stdout).toContain(`\n  ${command} `)
})

test.each([
  [[], /^Usage: /],
  [['sevre'], /^There is no command sevre\n/],
  [['serve', '--port', '1'], /^serve takes no arguments\n/],
])('%j is answered with the usage and exit code 1', async (args, words) => {
  const { code, stdout, stderr } = await run(args).ended
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toMatch(words)
})

test('serve refuses to start without --disallow-code-generation-from-strings', async () => {
  const { code, stdout, stderr } = await run(['serve'], { mayGenerateCode: true }).ended
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toContain('--disallow-code-generation-from-strings')
})

test('seed with a bad option is refused in one line', async () => {
  const { code, stdout, stderr } = await run(['seed', '--users', 'many']).ended
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toBe('--users must be a whole number of at most 1,000,000, not many\n')
})

test.each([
  [['--users', '-1'], '--users'],
  [['--messages', '1e6'], '--messages must be a whole number'],
  [['--messages'], '--messages'],
  [['--chats', '10', '--users', '0'], '--chats need --users'],
  [['--messages', '10', '--chats', '0'], '--messages need --chats'],
  [['--rooms', '10'], '--rooms'],
  [['everything'], 'everything'],
])('seed %j is refused', (args, words) => {
  const parse = () => parseSeedOptions(args)
  expect(parse).toThrow(StartupError)
  expect(parse).toThrow(words)
  expect(parse).not.toThrow('\n')
})

test('seed fills in what is not given', () => {
  expect(parseSeedOptions([])).toBeNull()
  expect(parseSeedOptions(['--messages=5'])).toEqual({ users: 100, chats: 200, messages: 5 })
})

test('migrate says which database is up to date, without its password', async () => {
  const database = await createTestDatabase()
  try {
    const { code, stdout } = await run(['migrate'], {
      env: { DATABASE_URL: database.url, JWT_SECRET: secret },
    }).ended
    expect(code).toBe(0)
    expect(stdout).toMatch(/^Up to date: PostgreSQL at 127\.0\.0\.1:\d+\/test_\w+\n$/)
  } finally {
    await database.dispose()
  }
})
