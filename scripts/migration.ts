// Writes and checks the migrations, offline: against a PostgreSQL of its own in a folder that goes away afterwards.
//
//   create <name>    writes prisma/migrations/<time>_<name>/migration.sql: from the existing ones to schema.prisma
//   check            fails, and prints the difference, where the migrations do not lead to schema.prisma
//   reset-initial    writes the one and only migration anew, for as long as no database that matters has run it
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbeddedPostgres } from '../src/db/embedded.ts'
import { findPrismaDir, migrate, migrationDrift, migrationNames } from '../src/db/migrations.ts'

/** What schema.prisma cannot say and the first migration needs: the operator class for searching within names. */
const INITIAL_PREFIX = 'CREATE EXTENSION IF NOT EXISTS pg_trgm;\n\n'

const prismaDir = findPrismaDir()
const migrationsDir = join(prismaDir, 'migrations')

async function differenceToSchema(): Promise<string> {
  const dataDir = mkdtempSync(join(tmpdir(), 'parley-migration-'))
  const server = await startEmbeddedPostgres({ dataDir, durable: false })
  try {
    await migrate(server.url, { prismaDir })
    return await migrationDrift(server.url, { prismaDir })
  } finally {
    await server.dispose()
    rmSync(dataDir, { recursive: true, force: true })
  }
}

async function create(name: string | undefined): Promise<number> {
  if (name === undefined || !/^\w+$/.test(name)) {
    return fail(
      'A migration needs a name of letters, digits and underscores: npm run migration create <name>',
    )
  }
  const sql = await differenceToSchema()
  if (sql === '') return fail('The migrations lead to schema.prisma already: there is nothing to write')
  const isFirst = migrationNames(prismaDir).length === 0
  const time = new Date().toISOString().replaceAll(/\D/g, '').slice(0, 14)
  write(`${time}_${name}`, isFirst ? INITIAL_PREFIX + sql : sql)
  return 0
}

async function resetInitial(): Promise<number> {
  const names = migrationNames(prismaDir)
  if (names.length > 1) return fail('There is more than one migration: add another with "create" instead')
  for (const initial of names) rmSync(join(migrationsDir, initial), { recursive: true })
  return create('init')
}

function write(name: string, sql: string): void {
  mkdirSync(join(migrationsDir, name), { recursive: true })
  writeFileSync(join(migrationsDir, name, 'migration.sql'), sql)
  writeFileSync(join(migrationsDir, 'migration_lock.toml'), 'provider = "postgresql"\n')
  process.stdout.write(`prisma/migrations/${name}/migration.sql\n`)
}

async function check(): Promise<number> {
  const difference = await differenceToSchema()
  return difference === ''
    ? 0
    : fail(`The migrations do not lead to schema.prisma. What is missing:\n\n${difference}`)
}

function fail(message: string): number {
  process.stderr.write(`${message}\n`)
  return 1
}

const [command, name] = process.argv.slice(2)
if (command === 'create') process.exitCode = await create(name)
else if (command === 'check') process.exitCode = await check()
else if (command === 'reset-initial') process.exitCode = await resetInitial()
else process.exitCode = fail('Usage: npm run migration <create <name> | check | reset-initial>')
