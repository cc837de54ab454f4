import type { ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { claimDataDir, type DataDir } from './data-dir.ts'
import { ensureDatabase, initialise, readPassword } from './embedded/cluster.ts'
import { type Context, DATABASE, type EmbeddedPostgresOptions, lastWords, USER } from './embedded/context.ts'
import { checkVersion, findBinaries, reachableBinaries } from './embedded/programs.ts'
import { launch, stop, stopOrphan } from './embedded/server.ts'
import { chooseUser, own } from './embedded/user.ts'
import { StartupError } from './startup-error.ts'

export type EmbeddedPostgres = {
  /** Of the database `parley`, with a password that only this data folder knows. */
  readonly url: string
  /** Stops PostgreSQL in order, waits until it has ended, and gives the folder up. May be called more than once. */
  dispose(): Promise<void>
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
