import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { hasCode } from '../../src/core/system-error.ts'
import { claimDataDir } from '../../src/db/data-dir.ts'
import { stopOrphan } from '../../src/db/embedded/server.ts'
import { startEmbeddedPostgres } from '../../src/db/embedded.ts'
import { migrate } from '../../src/db/migrations.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Of the database `postgres` on the server that all tests of a run share, as its superuser. */
    adminUrl: string
    /** A migrated database without rows, to be cloned. It takes no connections, which would keep it from being. */
    templateDatabase: string
    /** Where tests may make folders: it goes away after the run, and so do the servers in it. */
    scratchDir: string
    /** What `src` compiles to, for processes of their own: they start in less than half the time. */
    builtDir: string
  }
}

const PREFIX = 'parley-test-'
/** Beside `src`, since the server finds package.json and its migrations from there; and each run has its own. */
const BUILD_PREFIX = 'dist-tests-'
const BUILD = `${BUILD_PREFIX}${process.pid}`

const checkout = fileURLToPath(new URL('../..', import.meta.url))

/** One server for the whole run, in a folder that goes away with it, and one build of what tests start. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await removeLeftovers()
  const root = mkdtempSync(join(tmpdir(), PREFIX))
  // PostgreSQL may have to run as another user.
  chmodSync(root, 0o755)
  // So that a run that is told to end takes the way through the exit listeners, of which the server has one too.
  const end = () => process.exit(143)
  process.once('SIGTERM', end).once('SIGHUP', end)
  const server = await startEmbeddedPostgres({
    dataDir: join(root, 'server'),
    durable: false,
    maxConnections: 200,
  })
  const remove = () => {
    removeRoot(root)
    removeRoot(join(checkout, BUILD))
  }
  process.once('exit', remove)
  build()
  project.onTestsRerun(build)
  await migrate(server.url)
  project.provide('adminUrl', await closeTemplate(server.url))
  project.provide('templateDatabase', 'parley')
  project.provide('scratchDir', root)
  project.provide('builtDir', join(checkout, BUILD))
  return async () => {
    await server.dispose()
    process.off('SIGTERM', end).off('SIGHUP', end).off('exit', remove)
    remove()
  }
}

/** Types are checked elsewhere: without that it takes a second. */
function build(): void {
  const tsc = join(checkout, 'node_modules', '.bin', 'tsc')
  const options = ['-p', 'tsconfig.build.json', '--noCheck', '--outDir', BUILD]
  execFileSync(tsc, options, { cwd: checkout, stdio: 'inherit' })
  const asset = 'http/pages/graphiql.client.js'
  cpSync(join(checkout, 'src', asset), join(checkout, BUILD, asset))
}

/** Where servers of interrupted tests are still writing as they stop, the next run removes what they leave. */
function removeRoot(root: string): void {
  try {
    rmSync(root, { recursive: true, force: true, maxRetries: 5 })
  } catch (error) {
    if (!hasCode(error, 'ENOTEMPTY')) throw error
  }
}

async function closeTemplate(url: string): Promise<string> {
  const adminUrl = url.replace(/parley$/, 'postgres')
  const client = new pg.Client(adminUrl)
  await client.connect()
  await client.query('ALTER DATABASE parley ALLOW_CONNECTIONS false')
  await client.end()
  return adminUrl
}

/** What a run left behind that was killed: builds, servers that still run, and their folders. */
async function removeLeftovers(): Promise<void> {
  for (const name of readdirSync(checkout).filter((entry) => entry.startsWith(BUILD_PREFIX))) {
    if (!isRunning(Number(name.slice(BUILD_PREFIX.length)))) removeRoot(join(checkout, name))
  }
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(PREFIX))) {
    const root = join(tmpdir(), name)
    if (!isAbandoned(root)) continue
    for (const folder of readdirSync(root)) await stopOrphan(join(root, folder, 'postgres'))
    removeRoot(root)
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // It may be another user's.
    return !hasCode(error, 'ESRCH')
  }
}

function isAbandoned(root: string): boolean {
  try {
    // A run that has only just made its folder has no lock in it yet.
    if (!existsSync(join(root, 'server', 'lock'))) return Date.now() - statSync(root).mtimeMs > 60_000
    claimDataDir(join(root, 'server'))
    return true
  } catch {
    // Another run is using it, or another user made it.
    return false
  }
}
