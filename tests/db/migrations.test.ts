import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, inject, it, vi } from 'vitest'
import {
  checkServer,
  findPrismaDir,
  migrate,
  migrationDrift,
  migrationNames,
} from '../../src/db/migrations.ts'
import { StartupError } from '../../src/db/startup-error.ts'
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../testkit/database.ts'

let database: TestDatabase

beforeEach(async () => {
  database = await createEmptyDatabase()
})

afterEach(() => database.dispose())

async function query(sql: string, url = database.url) {
  const client = new pg.Client(url)
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

/** A copy of the real folder with one more migration. */
function withMigration(name: string, sql: string): string {
  const prismaDir = mkdtempSync(join(inject('scratchDir'), 'prisma-'))
  cpSync(findPrismaDir(), prismaDir, { recursive: true })
  mkdirSync(join(prismaDir, 'migrations', name), { recursive: true })
  writeFileSync(join(prismaDir, 'migrations', name, 'migration.sql'), sql)
  return prismaDir
}

async function failure(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(StartupError)
  const { message } = error as StartupError
  expect(message).not.toContain('\n')
  return message
}

describe('the migrations', () => {
  it('lead from nothing to what schema.prisma says', async () => {
    expect(await migrate(database.url)).toEqual({ applied: migrationNames(findPrismaDir()) })
    expect(await migrationDrift(database.url)).toBe('')
  })

  it('are applied once, however many processes start at once', async () => {
    const results = await Promise.all([1, 2, 3].map(() => migrate(database.url)))
    expect(results.flatMap(({ applied }) => applied)).toEqual(migrationNames(findPrismaDir()))
    expect(await query('SELECT count(*)::int AS rows FROM _prisma_migrations')).toEqual([
      { rows: migrationNames(findPrismaDir()).length },
    ])
  })

  it('are not even read where there is nothing to do', async () => {
    await migrate(database.url)
    const prismaDir = mkdtempSync(join(inject('scratchDir'), 'prisma-'))
    cpSync(findPrismaDir(), prismaDir, { recursive: true })
    for (const name of migrationNames(prismaDir)) rmSync(join(prismaDir, 'migrations', name, 'migration.sql'))
    expect(await migrate(database.url, { prismaDir })).toEqual({ applied: [] })
    mkdirSync(join(prismaDir, 'migrations', '29990101000000_one_to_do'))
    await expect(migrate(database.url, { prismaDir })).rejects.toThrow('migration.sql')
  })

  it('are recorded the way the command line of Prisma does', async () => {
    await migrate(database.url)
    const rows = await query(
      'SELECT checksum, finished_at, rolled_back_at, applied_steps_count FROM _prisma_migrations',
    )
    for (const row of rows) {
      expect(row).toMatchObject({ rolled_back_at: null, applied_steps_count: 1 })
      expect(row.checksum).toMatch(/^[0-9a-f]{64}$/)
      expect(row.finished_at).toBeInstanceOf(Date)
    }
  })

  it('may hold functions and semicolons in texts', async () => {
    const sql = `CREATE FUNCTION one() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN 'a;b'; END; $$;`
    await migrate(database.url, { prismaDir: withMigration('29990101000000_function', sql) })
    expect(await query('SELECT one()')).toEqual([{ one: 'a;b' }])
  })

  it('put the chats that are there into the lists of their members', async () => {
    const prismaDir = mkdtempSync(join(inject('scratchDir'), 'prisma-'))
    cpSync(findPrismaDir(), prismaDir, { recursive: true })
    const names = migrationNames(prismaDir)
    const later = names.slice(names.findIndex((name) => name.endsWith('_conversations')))
    for (const name of later) rmSync(join(prismaDir, 'migrations', name), { recursive: true })
    await migrate(database.url, { prismaDir })
    await query(`INSERT INTO users (id, username, username_key, email, email_key, display_name, display_name_key, password_hash)
      SELECT gen_random_uuid(), n, n, n, n, n, n, '' FROM generate_series(1, 51) n`)
    await query(`INSERT INTO chats (id, kind, title, last_activity_at)
      SELECT gen_random_uuid(), 'GROUP', size, '2026-01-02T03:04:05Z' FROM unnest('{1,50,51}'::int[]) size`)
    await query(`INSERT INTO chat_members (id, chat_id, user_id) SELECT gen_random_uuid(), c.id, u.id
      FROM chats c JOIN users u ON u.username::int <= c.title::int`)
    expect(await migrate(database.url)).toEqual({ applied: later })
    const listings = await query(`SELECT title, wide, activity_at, count(*)::int FROM chats c
      JOIN chat_listings l ON l.chat_id = c.id GROUP BY c.id, activity_at ORDER BY title`)
    const activity_at = new Date('2026-01-02T03:04:00Z')
    expect(listings).toEqual([
      { title: '1', wide: false, activity_at, count: 1 },
      { title: '50', wide: false, activity_at, count: 50 },
      { title: '51', wide: true, activity_at: null, count: 51 },
    ])
  })

  it('that fail leave nothing behind, name themselves, and are tried again when they are mended', async () => {
    const name = '29990101000000_bad'
    const bad = withMigration(name, 'CREATE TABLE half (id int); CREATE TABLE other (id nonsense);')
    for (const _ of [1, 2]) {
      expect(await failure(migrate(database.url, { prismaDir: bad }))).toBe(
        `The migration ${name} failed: type "nonsense" does not exist`,
      )
    }
    expect(await query(`SELECT to_regclass('half') AS half`)).toEqual([{ half: null }])
    const mended = withMigration(name, 'CREATE TABLE half (id int);')
    expect(await migrate(database.url, { prismaDir: mended })).toEqual({ applied: [name] })
  })

  it('do not mind a database that a newer release has migrated', async () => {
    await migrate(database.url, { prismaDir: withMigration('29990101000000_newer', 'SELECT 1;') })
    expect(await migrate(database.url)).toEqual({ applied: [] })
  })

  it('say what has drifted', async () => {
    await migrate(database.url)
    await query('ALTER TABLE users ADD COLUMN by_hand text')
    expect(await migrationDrift(database.url)).toContain('DROP COLUMN "by_hand"')
  })

  it('say what index has drifted, operator class and all', async () => {
    await migrate(database.url)
    await query('CREATE INDEX by_hand ON users (username_key text_pattern_ops)')
    expect(await migrationDrift(database.url)).toMatch(/^-- DropIndex\nDROP INDEX "by_hand";\s*$/)
  })

  it('begin with the extension that the indexes need', () => {
    const [first = ''] = migrationNames(findPrismaDir())
    const sql = readFileSync(join(findPrismaDir(), 'migrations', first, 'migration.sql'), 'utf8')
    expect(sql).toMatch(/^CREATE EXTENSION IF NOT EXISTS pg_trgm;/)
    expect(readdirSync(join(findPrismaDir(), 'migrations'))).toContain('migration_lock.toml')
  })
})

describe('a test database', () => {
  it('is a migrated one of its own, and goes with whoever is connected', async () => {
    const [one, other] = await Promise.all([createTestDatabase(), createTestDatabase()])
    await query('CREATE TABLE mine (id int)', one.url)
    expect(await query(`SELECT to_regclass('mine') AS mine`, other.url)).toEqual([{ mine: null }])
    expect(await migrate(other.url)).toEqual({ applied: [] })
    const client = new pg.Client(one.url)
    const cut = vi.fn()
    client.on('error', cut)
    await client.connect()
    await Promise.all([one.dispose(), other.dispose()])
    await vi.waitFor(() => expect(cut).toHaveBeenCalled())
    await client.end()
    await expect(query('SELECT 1', one.url)).rejects.toMatchObject({ code: '3D000' })
  })

  it('is to be had by many at once', async () => {
    const all = await Promise.all(Array.from({ length: 8 }, createTestDatabase))
    expect(new Set(all.map(({ url }) => url)).size).toBe(8)
    await Promise.all(all.map((each) => each.dispose()))
  })
})

describe('the check of the server', () => {
  it('passes one that answers and is new enough', async () => {
    await checkServer(database.url)
  })

  it('names one that does not answer', async () => {
    const server = await fakeServer(() => {})
    await server.dispose()
    const message = await failure(checkServer(`postgresql://parley:hidden@127.0.0.1:${server.port}/parley`))
    expect(message).toMatch(
      new RegExp(`^The database at 127.0.0.1:${server.port}/parley cannot be reached: .*REFUSED`),
    )
    expect(message).not.toContain('hidden')
  })

  it('names one that refuses the password, and does not repeat it', async () => {
    const url = database.url.replace(/:[0-9a-f]+@/, ':hidden@')
    const message = await failure(checkServer(url))
    expect(message).toContain('password authentication failed')
    expect(message).not.toContain('hidden')
  })

  it('refuses what is not a URL', async () => {
    expect(await failure(checkServer('host=hidden'))).not.toContain('hidden')
  })

  it('refuses one that is too old', async () => {
    const server = await fakeServer(speakAs14)
    try {
      expect(await failure(checkServer(`postgresql://parley:hidden@127.0.0.1:${server.port}/parley`))).toBe(
        `The database server at 127.0.0.1:${server.port}/parley is PostgreSQL 14, and Parley needs 15 or newer`,
      )
    } finally {
      await server.dispose()
    }
  })
})

async function fakeServer(speak: (socket: Socket) => void) {
  const server = createServer(speak)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { port, dispose: () => new Promise<void>((resolve) => server.close(() => resolve())) }
}

/** One message of the PostgreSQL protocol: its letter, its length, its content. */
function message(letter: string, ...content: (string | number[])[]): Buffer {
  const body = Buffer.concat(
    content.map((part) => (typeof part === 'string' ? Buffer.from(`${part}\0`) : Buffer.from(part))),
  )
  const head = Buffer.alloc(5)
  head.write(letter)
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

/** Lets everyone in, and answers every query with the one row `140010`. */
function speakAs14(socket: Socket): void {
  const ready = message('Z', [...Buffer.from('I')])
  socket.once('data', () => {
    socket.write(Buffer.concat([message('R', [0, 0, 0, 0]), message('S', 'server_version', '14.10'), ready]))
    socket.on('data', (data) => {
      if (data.toString('latin1', 0, 1) !== 'Q') return
      const column = message(
        'T',
        [0, 1],
        'server_version_num',
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 25, 255, 255, 255, 255, 255, 255, 0, 0],
      )
      const row = message('D', [0, 1, 0, 0, 0, 6, ...Buffer.from('140010')])
      socket.write(Buffer.concat([column, row, message('C', 'SHOW'), ready]))
    })
  })
}
