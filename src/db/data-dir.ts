import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import {
  accessSync,
  constants,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { hasCode } from '../core/system-error.ts'
import { StartupError } from './startup-error.ts'

/** A data folder that belongs to this process until it is disposed of. */
export type DataDir = {
  /** Absolute, without symbolic links. */
  readonly path: string
  /** Gives the folder up. May be called more than once. */
  dispose(): void
}

/** Who holds a lock. The start time tells a process from a later one that was given the same number. */
type Holder = { pid: number; started: string; token: string }

/**
 * Makes the folder if need be (readable by its owner alone) and takes it for this process.
 * The lock is the file `lock` in it; one left behind by a process that is gone is taken over.
 * @throws StartupError where the folder cannot be written, or another process holds it.
 */
export function claimDataDir(folder: string): DataDir {
  const path = makeFolder(folder)
  const lock = join(path, 'lock')
  const mine: Holder = { pid: process.pid, started: processStart(process.pid) ?? '', token: randomUUID() }
  try {
    acquire(lock, mine, path)
  } catch (error) {
    throw error instanceof StartupError ? error : unwritable(path, error)
  }
  return { path, dispose: () => release(lock, mine) }
}

function makeFolder(folder: string): string {
  try {
    makeWithParents(resolve(folder))
    accessSync(folder, constants.W_OK | constants.X_OK)
    return realpathSync(folder)
  } catch (error) {
    throw unwritable(folder, error)
  }
}

/** The option `recursive` never returns where a file system such as /proc says that a new folder does not exist. */
function makeWithParents(folder: string): void {
  if (existsSync(folder) && statSync(folder).isDirectory()) return
  if (!existsSync(dirname(folder))) makeWithParents(dirname(folder))
  try {
    mkdirSync(folder, { mode: 0o700 })
  } catch (error) {
    // Another process may have made it at the same moment.
    if (!hasCode(error, 'EEXIST') || !statSync(folder).isDirectory()) throw error
  }
}

function unwritable(folder: string, error: unknown): StartupError {
  const reason = error instanceof Error ? error.message : String(error)
  return new StartupError(`The data folder ${folder} cannot be written: ${reason}`, { cause: error })
}

function acquire(lock: string, mine: Holder, folder: string): void {
  for (;;) {
    if (create(lock, mine)) return
    const holder = read(lock)
    // Released between the two calls: try again.
    if (holder === undefined) continue
    if (isRunning(holder)) {
      throw new StartupError(
        `The data folder ${folder} is in use by another Parley, process ${holder.pid}: stop that one, or choose another folder`,
      )
    }
    if (takeOver(lock, holder, mine, folder)) return
  }
}

/**
 * Replaces the lock of a process that is gone. Two processes may see the same dead holder, and the slower one must
 * not throw away the lock that the faster one has just written. So the right to replace this very lock is a lock of
 * its own, named after the dead holder's token, and its owner looks again before it replaces anything.
 */
function takeOver(lock: string, dead: Holder, mine: Holder, folder: string): boolean {
  const right = `${lock}.${dead.token}`
  acquire(right, mine, folder)
  try {
    if (read(lock)?.token !== dead.token) return false
    const draft = write(lock, mine)
    renameSync(draft, lock)
    return true
  } finally {
    rmSync(right, { force: true })
  }
}

/** A hard link appears at once, with its content, or not at all: no reader ever sees half a lock. */
function create(lock: string, mine: Holder): boolean {
  const draft = write(lock, mine)
  try {
    linkSync(draft, lock)
    return true
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false
    throw error
  } finally {
    rmSync(draft, { force: true })
  }
}

function write(lock: string, mine: Holder): string {
  const draft = `${lock}.${mine.token}.new`
  writeFileSync(draft, JSON.stringify(mine), { mode: 0o600 })
  return draft
}

function read(lock: string): Holder | undefined {
  let text: string
  try {
    text = readFileSync(lock, 'utf8')
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  }
  try {
    const { pid, started, token } = JSON.parse(text)
    return { pid: Number(pid), started: String(started), token: String(token) }
  } catch {
    // A power cut can leave an empty file: its owner is certainly gone.
    return { pid: 0, started: '', token: 'unreadable' }
  }
}

function release(lock: string, mine: Holder): void {
  try {
    if (read(lock)?.token === mine.token) rmSync(lock, { force: true })
  } catch {
    // The folder went away with the lock in it.
  }
}

function isRunning({ pid, started }: Holder): boolean {
  return pid > 0 && processStart(pid) === started
}

/**
 * Something that no two processes with the same number share, or undefined where no such process runs. One that has
 * ended and waits for its parent to notice does not run: in a container without an init that may last for ever.
 */
export function processStart(pid: number): string | undefined {
  if (process.platform === 'linux') return linuxProcessStart(pid)
  if (process.platform === 'win32') return isAlive(pid) ? 'alive' : undefined
  const { stdout } = spawnSync('ps', ['-o', 'state=,lstart=', '-p', String(pid)], { encoding: 'utf8' })
  const [state = '', ...started] = (stdout ?? '').trim().split(/\s+/)
  return state === '' || state.startsWith('Z') ? undefined : started.join(' ')
}

/** The start time counts from the machine's start, so that belongs to it. */
function linuxProcessStart(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second field is the program's name in brackets and may hold anything, brackets and blanks included.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}/${fields[19]}`
  } catch {
    return undefined
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return hasCode(error, 'EPERM')
  }
}
