import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { generate } from '@graphql-codegen/cli'
import { buildSchema } from 'graphql'
import { expect, inject, test } from 'vitest'
import { abstractFields, documentsOfEverything } from './everything.ts'
import codegen from './tools/codegen.ts'

const sdl = readFileSync('schema.graphql', 'utf8')
const schema = buildSchema(sdl)

test('the client preset has strict types for everything in the schema, and switches can be exhaustive', async () => {
  const folder = join(inject('scratchDir'), 'codegen')
  const [settings] = Object.values(codegen.generates)
  const files = (await generate(
    {
      schema: sdl,
      documents: documentsOfEverything(schema),
      generates: { [`${folder}/`]: settings },
      silent: true,
    } as never,
    false,
  )) as { filename: string; content: string }[]
  const write = (filename: string, content: string) => {
    mkdirSync(dirname(filename), { recursive: true })
    writeFileSync(filename, content)
  }
  for (const { filename, content } of files) write(filename, content)

  const unions = abstractFields(schema)
  const names = [...new Set(unions.map(({ type }) => type.split('[')[0]))].join(', ')
  const file = (leftOut: number) =>
    [
      `import type { ${names} } from './graphql.ts'`,
      ...unions.map(({ type, members }, i) => switchOver(i, type, members.slice(leftOut))),
    ].join('\n')
  write(join(folder, 'whole.ts'), file(0))
  write(join(folder, 'lacking.ts'), file(1))
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'))
  write(join(folder, 'package.json'), '{ "type": "module" }')
  write(join(folder, 'tsconfig.json'), tsconfig)
  const errors = await compile(folder)
  expect(errors.filter((line) => !line.startsWith('lacking.ts'))).toEqual([])
  expect(errors.length).toBe(unions.length)
  expect(unions.length).toBeGreaterThan(20)
}, 60_000)

/** Its last line is an error where a member is left. */
function switchOver(i: number, type: string, members: string[]): string {
  const cases = members.map((name) => `case '${name}': return '${name}'`).join('\n')
  return `export function on${i}(it: ${type}): string { switch (it.__typename) {
    ${cases}
    default: throw it satisfies never } }`
}

const tsconfig = JSON.stringify({
  extends: resolve('tsconfig.json'),
  compilerOptions: {
    skipLibCheck: false,
    types: [],
  },
  include: ['*.ts'],
})

/** The lines that say where an error is. */
async function compile(folder: string): Promise<string[]> {
  const tsc = resolve('node_modules/.bin/tsc')
  const { stdout } = await promisify(execFile)(tsc, ['-p', folder, '--pretty', 'false'], {
    cwd: folder,
  }).catch((error: { stdout: string }) => error)
  return stdout.split('\n').filter((line) => /error TS/.test(line))
}
