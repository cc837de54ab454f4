import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { closeSync, openSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { hasCode } from '../../core/system-error.ts'
import { processStart } from '../data-dir.ts'
import { StartupError } from '../startup-error.ts'
import { type Context, type EmbeddedPostgresOptions, lastWords } from './context.ts'
import { commandLine } from './user.ts'

/** How long PostgreSQL may take to stop in order before it is stopped at once, in milliseconds. */
const STOP_PATIENCE = 20_000
const POLL = 5

type Server = { child: ChildProcess; port: number }

/** Between choosing a free port and using it another program may take it; and old processes may take a moment to go. */
const PASSING = /could not create any TCP\/IP sockets|pre-existing shared memory block/
const ATTEMPTS = 10

export async function launch(context: Context): Promise<Server> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort()
    const start = logSize(context.log)
    const child = spawnServer(context, port)
    if (await becomesReady(context, child)) return { child, port }
    const output = readFileSync(context.log, 'utf8').slice(start)
    if (attempt === ATTEMPTS || !PASSING.test(output)) {
      throw new StartupError(`PostgreSQL does not start: ${lastWords(context.log)}`)
    }
    await delay(100)
  }
}

/** A log that has grown beyond this many bytes is begun anew at the next start. */
const LOG_LIMIT = 5_000_000

function logSize(log: string): number {
  const size = statSync(log, { throwIfNoEntry: false })?.size ?? 0
  if (size <= LOG_LIMIT) return size
  rmSync(log)
  return 0
}

function spawnServer(
  { options, dataDir, binaries, runAs, cluster, log }: Context,
  port: number,
): ChildProcess {
  const settings = Object.entries({ ...serverSettings(options), port })
  const args = ['-D', cluster, ...settings.flatMap(([name, value]) => ['-c', `${name}=${value}`])]
  const output = openSync(log, 'a', 0o600)
  try {
    return spawn(...commandLine(runAs, binaries.postgres, args), {
      ...runAs.ids,
      cwd: dataDir.path,
      detached: true,
      windowsHide: true,
      stdio: ['ignore', output, output],
    })
  } finally {
    closeSync(output)
  }
}

function serverSettings({ durable = true, maxConnections = 100 }: EmbeddedPostgresOptions) {
  return {
    listen_addresses: '127.0.0.1',
    // A socket's path may have about a hundred bytes, and the data folder's may have more.
    unix_socket_directories: '',
    max_connections: maxConnections,
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_checkpoints: 'off',
    // Without the values that were refused: they may be what somebody has erased since.
    log_error_verbosity: 'terse',
    // Compiling a query costs more than any query here takes.
    jit: 'off',
    ...(durable
      ? {}
      : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', autovacuum_naptime: '5min' }),
  }
}

/** @returns false where it has ended instead */
async function becomesReady({ cluster, options, log }: Context, child: ChildProcess): Promise<boolean> {
  let failure: Error | undefined
  child.once('error', (error) => {
    failure = error
  })
  const slow = setTimeout(() => {
    options.onWarning?.(`PostgreSQL is still starting, perhaps repairing after a crash: see ${log}`)
  }, 10_000)
  try {
    while (!hasEnded(child)) {
      if (failure !== undefined) throw failure
      if (isReady(cluster, child.pid)) return true
      await delay(POLL)
    }
    return false
  } finally {
    clearTimeout(slow)
  }
}

/** The eighth line of this file is where the server tells its own tools how far it has come. */
function isReady(cluster: string, pid: number | undefined): boolean {
  const lines = readPidFile(cluster)
  return Number(lines[0]) === pid && lines[7]?.trim() === 'ready'
}

function readPidFile(cluster: string): string[] {
  try {
    return readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n')
  } catch (error) {
    // On Windows the file cannot be read at the moment it is written.
    if (hasCode(error, 'ENOENT') || hasCode(error, 'EBUSY') || hasCode(error, 'EPERM')) return []
    throw error
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

export async function stop({ binaries, cluster, options }: Context, child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return
  child.ref()
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const late = setTimeout(() => {
    options.onWarning?.(
      'PostgreSQL takes too long to stop and is stopped at once: its next start repairs what is open',
    )
    child.kill(process.platform === 'win32' ? 'SIGKILL' : 'SIGQUIT')
  }, STOP_PATIENCE)
  // Fast shutdown: sessions are cut off, and everything is written. Windows has no signals, but a tool that sends one.
  if (process.platform === 'win32')
    spawn(binaries.pgCtl, ['stop', '-D', cluster, '-m', 'fast', '-W'], { stdio: 'ignore' })
  else child.kill('SIGINT')
  await ended
  clearTimeout(late)
}

/** Ends a server whose Parley was killed. We hold the lock of the data folder, so nobody else can be using it. */
export async function stopOrphan(cluster: string): Promise<void> {
  const pid = Number(readPidFile(cluster)[0] ?? 0)
  if (!(pid > 0)) return
  const started = processStart(pid)
  if (started !== undefined && isServerOf(cluster, pid)) {
    process.kill(pid, 'SIGINT')
    await untilGone(cluster, pid, started)
  }
  disown(cluster)
}

async function untilGone(cluster: string, pid: number, started: string): Promise<void> {
  const deadline = Date.now() + STOP_PATIENCE
  while (processStart(pid) === started) {
    if (Date.now() > deadline) {
      throw new StartupError(
        `PostgreSQL, process ${pid}, still runs in ${cluster} and does not stop: end it first`,
      )
    }
    await delay(POLL)
  }
}

/**
 * PostgreSQL refuses to start where the number in its file is any process's: one that nobody has waited for, or a
 * program that was given the number since. Its own parent's it passes over. Without the file it would not look for
 * sessions of the killed server that are still at work.
 */
function disown(cluster: string): void {
  const [, ...lines] = readPidFile(cluster)
  if (lines.length === 0 || process.platform === 'win32') return
  writeFileSync(join(cluster, 'postmaster.pid'), [process.pid, ...lines].join('\n'))
}

function isServerOf(cluster: string, pid: number): boolean {
  if (process.platform === 'linux') {
    try {
      return readlinkSync(`/proc/${pid}/cwd`) === cluster
    } catch {
      return false
    }
  }
  if (process.platform === 'win32') return false
  return spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).stdout.includes(cluster)
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
