import { readFileSync } from 'node:fs'
import pg from 'pg'
import { expect, test } from 'vitest'
import { linkMinutes } from '../../src/features/privacy/export-links.ts'
import { keptDays } from '../../src/features/privacy/exporter.ts'
import { exportsPerDay } from '../../src/features/privacy/exports.ts'
import { createTestDatabase } from '../testkit/database.ts'

const page = readFileSync(new URL('../../docs/privacy.md', import.meta.url), 'utf8')

async function columnsInDatabase(): Promise<string[]> {
  const database = await createTestDatabase()
  const client = new pg.Client(database.url)
  await client.connect()
  const { rows } = await client.query<{ name: string }>(
    `SELECT table_name || '.' || column_name AS name FROM information_schema.columns
      WHERE table_schema = 'public' AND table_name <> '_prisma_migrations'`,
  )
  await client.end()
  await database.dispose()
  return rows.map(({ name }) => name)
}

/** `table.column` of each row of the table: the first cell is the table, the second its columns. */
function columnsInDocs(): string[] {
  return [...page.matchAll(/^\| `(\w+)` \| ((?:`\w+`(?:, )?)+) \|/gm)].flatMap(([, table, columns = '']) =>
    [...columns.matchAll(/\w+/g)].map(([column]) => `${table}.${column}`),
  )
}

test('docs/privacy.md has every column of the database in one row of its table, and nothing else', async () => {
  const stored = await columnsInDatabase()
  expect(stored.length).toBeGreaterThan(80)
  expect(columnsInDocs().sort()).toEqual(stored.sort())
})

test('docs/privacy.md has the limits of exports', () => {
  const numbers = ['no', 'one', 'two', 'three']
  expect(page).toContain(`at most ${numbers[exportsPerDay]} within 24 hours`)
  expect(page).toContain(`\`downloadUrl\` for ${linkMinutes} minutes`)
  expect(page).toContain(`kept for ${keptDays} days`)
})
