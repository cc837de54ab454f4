import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { claimDataDir } from '../../src/db/data-dir.ts'
import { ensureDatabase, initialise, readPassword } from '../../src/db/embedded/cluster.ts'
import { type Context, DATABASE, USER } from '../../src/db/embedded/context.ts'
import { findBinaries, reachableBinaries } from '../../src/db/embedded/programs.ts'
import { chooseUser, commandLine, own } from '../../src/db/embedded/user.ts'
import { freePort } from '../testkit/redis.ts'

/** `fast` cuts sessions off and writes everything; the others leave the next start to recover from its log. */
export type HowToStop = 'fast' | 'immediate' | 'kill'

const signals = { fast: 'SIGINT', immediate: 'SIGQUIT', kill: 'SIGKILL' } as const

/** A Postgres that comes back on the same port and folder, whatever became of it. */
export interface Postgres {
  readonly url: string
  stop(how: HowToStop): Promise<void>
  start(): Promise<void>
  dispose(): Promise<void>
}

/** What was committed survives the death of the server, though not of the machine: nothing here needs more. */
const settings = { fsync: 'off', jit: 'off', max_connections: 200, listen_addresses: '127.0.0.1' }

const attempts = 100

/** @param folder of its own, made here; the folder above must be open to all, in case this is root */
export async function startPostgres(folder: string): Promise<Postgres> {
  const context = prepare(folder)
  const password = readPassword(context)
  await initialise(context)
  own(context.cluster, context.runAs)
  const port = await freePort()
  const url = `postgresql://${USER}:${password}@127.0.0.1:${port}/${DATABASE}`
  let child: ChildProcess | null = null

  async function start(): Promise<void> {
    // The sessions of one that was killed may take a moment to go, and it does not start beside them.
    for (let attempt = 0; child === null; attempt++) {
      if (attempt === attempts) throw new Error(`Postgres does not start: see ${context.log}`)
      const started = launch(context, port)
      child = started
      started.once('exit', () => {
        child = null
      })
      while (child === started && !(await answers(url))) await delay(20)
    }
  }

  async function stop(how: HowToStop): Promise<void> {
    if (child === null) return
    const ended = once(child, 'exit')
    child.kill(signals[how])
    await ended
  }

  // A process that ends by itself must not leave it behind; before its folder goes.
  const abandon = () => child?.kill('SIGQUIT')
  process.prependOnceListener('exit', abandon)
  await start()
  await ensureDatabase(url, folder)
  return {
    url,
    start,
    stop,
    async dispose() {
      await stop('fast')
      process.off('exit', abandon)
    },
  }
}

function prepare(folder: string): Context {
  mkdirSync(folder)
  const dataDir = claimDataDir(folder)
  const cluster = join(dataDir.path, 'postgres')
  const options = { dataDir: dataDir.path, durable: false }
  const runAs = chooseUser(dataDir.path, cluster, options)
  chmodSync(dataDir.path, 0o711)
  const binaries = reachableBinaries(findBinaries(), dataDir.path, runAs)
  return { dataDir, options, binaries, runAs, cluster, log: join(dataDir.path, 'postgres.log') }
}

function launch({ cluster, binaries, runAs, dataDir, log }: Context, port: number): ChildProcess {
  const all = Object.entries({ ...settings, port, unix_socket_directories: '' })
  const args = ['-D', cluster, ...all.flatMap(([name, value]) => ['-c', `${name}=${value}`])]
  const output = openSync(log, 'a')
  const child = spawn(...commandLine(runAs, binaries.postgres, args), {
    ...runAs.ids,
    cwd: dataDir.path,
    detached: true,
    stdio: ['ignore', output, output],
  })
  closeSync(output)
  return child
}

const noSuchDatabase = '3D000'

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client(url)
  client.on('error', () => {})
  try {
    await client.connect()
    return true
  } catch (error) {
    return (error as { code?: string }).code === noSuchDatabase
  } finally {
    await client.end().catch(() => {})
  }
}
