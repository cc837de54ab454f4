import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PrismaPg } from '@prisma/adapter-pg'
import {
  bindMigrationAwareSqlAdapterFactory,
  ColumnTypeEnum,
  type SqlDriverAdapter,
  type SqlMigrationAwareDriverAdapterFactory,
} from '@prisma/driver-adapter-utils'
import type { MigrationList, SchemaEngine } from '@prisma/schema-engine-wasm/schema_engine_bg'
import pg from 'pg'
import { hasCode } from '../core/system-error.ts'
import { StartupError } from './startup-error.ts'

/** The oldest server that the tests and the SQL in use are known to fit. */
const OLDEST_SERVER = 15

/** The number that Prisma's own engine locks while it migrates: so its command line is kept out as well. */
const MIGRATION_LOCK = 72707369

const NO_FILTERS = { externalTables: [], externalEnums: [] }

export type MigrationOptions = {
  /**
   * The folder with `schema.prisma` and `migrations/`.
   * @default the nearest `prisma` folder above this file, which fits the sources as well as what is built from them
   */
  prismaDir?: string
}

/**
 * Brings the database up to the newest migration. Safe when several processes start at once: they take an advisory
 * lock for the whole of it, and all but the first find nothing left to do. Each migration happens whole or not at
 * all. The table is Prisma's own, so its command line may be used on the same database.
 * @returns the names of the migrations that were applied, oldest first
 * @throws StartupError with the migration's name and the server's words where one fails
 */
export async function migrate(
  databaseUrl: string,
  options: MigrationOptions = {},
): Promise<{ applied: string[] }> {
  const prismaDir = options.prismaDir ?? findPrismaDir()
  const pool = new EnginePool(databaseUrl)
  try {
    await pool.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK])
    const { finished, unfinished } = await readHistory(pool)
    // Most starts end here: nothing to do, and the engine is not even loaded.
    if (migrationNames(prismaDir).every((name) => finished.has(name))) return { applied: [] }
    return { applied: await apply(pool, prismaDir, unfinished) }
  } finally {
    await pool.end()
  }
}

async function apply(pool: EnginePool, prismaDir: string, unfinished: string[]): Promise<string[]> {
  const engine = await createEngine(pool, prismaDir)
  try {
    // We hold the lock, so whoever began these is gone, and what they had done was rolled back with them.
    for (const migrationName of unfinished) await engine.markMigrationRolledBack({ migrationName })
    const migrationsList = readMigrations(prismaDir)
    const { appliedMigrationNames } = await engine.applyMigrations({ migrationsList, filters: NO_FILTERS })
    return appliedMigrationNames
  } catch (error) {
    const { unfinished: failed } = await readHistory(pool)
    const reason = pool.scriptError?.message ?? firstLines(error)
    const which =
      failed.length > 0 ? `The migration ${failed.at(-1)}` : 'Bringing the database to this version'
    throw new StartupError(`${which} failed: ${reason}`, { cause: error })
  } finally {
    engine.free()
  }
}

/** The names in Prisma's table: those that are done, and those that were begun and neither done nor given up. */
async function readHistory(pool: EnginePool): Promise<{ finished: Set<string>; unfinished: string[] }> {
  const finished = new Set<string>()
  const unfinished: string[] = []
  const { rows: tables } = await pool.query(`SELECT to_regclass('_prisma_migrations') AS name`)
  if (tables[0]?.name === null) return { finished, unfinished }
  const { rows } = await pool.query(
    `SELECT migration_name, finished_at FROM _prisma_migrations WHERE rolled_back_at IS NULL ORDER BY started_at`,
  )
  for (const row of rows) {
    if (row.finished_at === null) unfinished.push(row.migration_name)
    else finished.add(row.migration_name)
  }
  return { finished, unfinished }
}

/**
 * What would have to be run for the database to match `schema.prisma`.
 * @returns SQL, or an empty string where the two are equal
 */
export async function migrationDrift(databaseUrl: string, options: MigrationOptions = {}): Promise<string> {
  const prismaDir = options.prismaDir ?? findPrismaDir()
  const pool = new EnginePool(databaseUrl)
  const engine = await createEngine(pool, prismaDir)
  try {
    const files = [{ path: 'schema.prisma', content: readFileSync(join(prismaDir, 'schema.prisma'), 'utf8') }]
    const { stdout } = await engine.diff({
      from: { tag: 'schemaDatasource', files, configDir: prismaDir },
      to: { tag: 'schemaDatamodel', files },
      script: true,
      exitCode: null,
      filters: NO_FILTERS,
    })
    return await withoutEqualIndexes(pool, stdout ?? '')
  } finally {
    engine.free()
    await pool.end()
  }
}

/**
 * The engine does not read the operator class of a btree index from the database, so it wants to drop and create
 * again every index that names one. Those pairs go where the server's own definition says the same.
 */
async function withoutEqualIndexes(pool: EnginePool, script: string): Promise<string> {
  const { rows } = await pool.query(
    `SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition FROM pg_index`,
  )
  const existing = new Set(rows.map((row) => plainSql(row.definition)))
  const equal = new Set<string>()
  for (const [statement, name] of script.matchAll(/^CREATE (?:UNIQUE )?INDEX "(\w+)" ON .*;$/gm)) {
    if (name !== undefined && existing.has(plainSql(statement))) equal.add(name)
  }
  const kept = script.split(/^(?=-- )/m).filter((step) => {
    const name = /^(?:DROP|CREATE (?:UNIQUE )?) ?INDEX "(\w+)"/m.exec(step)?.[1]
    return name === undefined || !equal.has(name)
  })
  // The engine writes this comment and nothing else where it finds no difference.
  return kept.filter((step) => !step.startsWith('-- This is an empty migration.')).join('')
}

/** Two ways of writing one CREATE INDEX statement come out the same. */
function plainSql(statement: string): string {
  return statement
    .replaceAll('"', '')
    .replace(/ ON (?:public\.)?/, ' ON ')
    .replace(' USING btree', '')
    .replaceAll(/[\s;]/g, '')
    .toLowerCase()
}

/**
 * Makes sure that the server answers and is new enough.
 * @throws StartupError with one line that names the server, never the password
 */
export async function checkServer(databaseUrl: string): Promise<void> {
  const place = describe(databaseUrl)
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 5_000 })
  // A connection that breaks while idle must not end the process: the query reports it.
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query('SHOW server_version_num')
    const major = Math.floor(Number(rows[0]?.server_version_num) / 10_000)
    if (major >= OLDEST_SERVER) return
    throw new StartupError(
      `The database server at ${place} is PostgreSQL ${major}, and Parley needs ${OLDEST_SERVER} or newer`,
    )
  } catch (error) {
    if (error instanceof StartupError) throw error
    throw new StartupError(`The database at ${place} cannot be reached: ${reasonOf(error)}`, { cause: error })
  } finally {
    await client.end().catch(() => {})
  }
}

function describe(databaseUrl: string): string {
  if (!URL.canParse(databaseUrl)) throw new StartupError('The database URL is not a URL: postgresql://…')
  const { hostname, port, pathname } = new URL(databaseUrl)
  return `${hostname}:${port === '' ? 5432 : port}${pathname}`
}

/** A name with several addresses fails with an error for each of them, and no message of its own. */
function reasonOf(error: unknown): string {
  const first = error instanceof AggregateError ? error.errors[0] : error
  return first instanceof Error ? firstLines(first) : String(first)
}

/** The engine's errors go on with where in its own sources they arose. */
function firstLines(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return message
    .replace(/\n\s+0: [\s\S]*$/, '')
    .replaceAll(/\s*\n\s*/g, ' ')
    .trim()
}

export function findPrismaDir(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'prisma', 'migrations'))) {
    const parent = dirname(folder)
    if (parent === folder)
      throw new StartupError('The folder prisma/migrations is missing from this installation')
    folder = parent
  }
  return join(folder, 'prisma')
}

/** Oldest first: the names begin with the time they were made. */
export function migrationNames(prismaDir: string): string[] {
  return readdirSync(join(prismaDir, 'migrations'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()
}

function readMigrations(prismaDir: string): MigrationList {
  const baseDir = join(prismaDir, 'migrations')
  return {
    baseDir,
    lockfile: { path: 'migration_lock.toml', content: readIfPresent(join(baseDir, 'migration_lock.toml')) },
    shadowDbInitScript: '',
    migrationDirectories: migrationNames(prismaDir).map((path) => {
      const value = readFileSync(join(baseDir, path, 'migration.sql'), 'utf8')
      return { path, migrationFile: { path: 'migration.sql', content: { tag: 'ok', value } } }
    }),
  }
}

function readIfPresent(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null
    throw error
  }
}

/** PostgreSQL's one-byte catalogue type `"char"`, which the driver adapter does not know and the engine reads. */
const CATALOGUE_CHAR = 18
const CHAR_ARRAY = 1002

/**
 * A pool of one connection: the advisory lock belongs to a connection, and the engine, which takes the same lock once
 * more, has to come in on the one that holds it.
 *
 * It reports `"char"` columns as arrays of it, since the adapter refuses a result with the type itself; no query of
 * the engine asks for such an array.
 */
class EnginePool extends pg.Pool {
  /** What the server said of the script that failed last; the engine's own account of it is longer and says less. */
  scriptError: Error | undefined

  constructor(databaseUrl: string) {
    super({ connectionString: databaseUrl, max: 1, idleTimeoutMillis: 0 })
    this.on('error', () => {})
    const query = this.query.bind(this) as (...input: unknown[]) => Promise<pg.QueryResult>
    this.query = (async (...input: unknown[]) => {
      const result = await query(...input)
      for (const field of result.fields ?? []) {
        if (field.dataTypeID === CATALOGUE_CHAR) field.dataTypeID = CHAR_ARRAY
      }
      return result
    }) as typeof this.query
  }
}

async function createEngine(pool: EnginePool, prismaDir: string): Promise<SchemaEngine> {
  const { SchemaEngine } = await loadEngine()
  const schema = await readFile(join(prismaDir, 'schema.prisma'), 'utf8')
  const adapter = bindMigrationAwareSqlAdapterFactory(engineAdapter(pool))
  return SchemaEngine.new({ datamodels: [['schema.prisma', schema]] }, () => {}, adapter)
}

function engineAdapter(pool: EnginePool): SqlMigrationAwareDriverAdapterFactory {
  const factory = new PrismaPg(pool)
  const connect = async () => adapt(await factory.connect(), pool)
  return { provider: factory.provider, adapterName: factory.adapterName, connect, connectToShadowDb: connect }
}

function adapt(adapter: SqlDriverAdapter, pool: EnginePool): SqlDriverAdapter {
  const queryRaw = adapter.queryRaw.bind(adapter)
  adapter.queryRaw = async (query) => {
    const result = await queryRaw(query)
    const columnTypes = result.columnTypes.map((type) =>
      type === ColumnTypeEnum.CharacterArray ? ColumnTypeEnum.Character : type,
    )
    return { ...result, columnTypes }
  }
  // The adapter's own cuts the script at every semicolon, those in functions and texts included. Sent as one, the
  // server parses it, and runs it in one transaction.
  adapter.executeScript = async (script) => {
    try {
      await pool.query(script)
    } catch (error) {
      if (error instanceof Error) pool.scriptError = error
      throw error
    }
  }
  return adapter
}

/** What is used of it: the compiler's library for Node does not describe the global. */
declare const WebAssembly: {
  instantiate(
    module: Uint8Array,
    imports: Record<string, unknown>,
  ): Promise<{ instance: { exports: { __wbindgen_start(): void } } }>
}

type Engine = typeof import('@prisma/schema-engine-wasm/schema_engine_bg')

let engine: Promise<Engine> | undefined

/** Prisma's migration engine, loaded once: five megabytes of WebAssembly, some thirty milliseconds. */
function loadEngine(): Promise<Engine> {
  engine ??= instantiateEngine()
  return engine
}

async function instantiateEngine(): Promise<Engine> {
  const script = createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm/schema_engine_bg')
  const bindings = await import('@prisma/schema-engine-wasm/schema_engine_bg')
  // The engine reports its own bugs to this name, which its command line sets.
  Object.assign(globalThis, { PRISMA_WASM_PANIC_REGISTRY: { set_message: throwPanic } })
  const module = await readFile(script.replace(/\.js$/, '.wasm'))
  const { instance } = await WebAssembly.instantiate(module, {
    './schema_engine_bg.js': withIdleTimers(bindings),
  })
  bindings.__wbg_set_wasm(instance.exports)
  instance.exports.__wbindgen_start()
  return bindings
}

/** The engine never clears the timeouts of what has long succeeded, and a process would wait ten seconds for them. */
function withIdleTimers(bindings: Engine): Record<string, unknown> {
  const idle = (setTimer: (...input: unknown[]) => NodeJS.Timeout) => (callback: unknown, delay: unknown) =>
    setTimer(callback, delay).unref()
  return Object.fromEntries(
    Object.entries(bindings).map(([name, value]) => [
      name,
      name.startsWith('__wbg_setTimeout') && typeof value === 'function' ? idle(value as never) : value,
    ]),
  )
}

function throwPanic(message: string): never {
  throw new Error(`The migration engine failed: ${message}`)
}
