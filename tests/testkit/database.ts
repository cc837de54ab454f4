import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { inject } from 'vitest'

export type TestDatabase = {
  readonly url: string
  /** Drops it, whoever may still be connected. */
  dispose(): Promise<void>
}

/** A migrated database without rows, for one test or one file: some 40 ms. */
export function createTestDatabase(): Promise<TestDatabase> {
  return createDatabase(`TEMPLATE ${inject('templateDatabase')}`)
}

/** A database that no migration has touched. */
export function createEmptyDatabase(): Promise<TestDatabase> {
  return createDatabase('')
}

async function createDatabase(source: string): Promise<TestDatabase> {
  const name = `test_${randomBytes(8).toString('hex')}`
  await runAsAdmin(`CREATE DATABASE ${name} ${source}`)
  return { url: databaseUrl(name), dispose: () => runAsAdmin(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) }
}

function databaseUrl(name: string): string {
  const url = new URL(inject('adminUrl'))
  url.pathname = `/${name}`
  return url.href
}

async function runAsAdmin(statement: string): Promise<void> {
  const client = new pg.Client(inject('adminUrl'))
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
