import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { noCodeGeneration } from '../../src/cli/code-generation.ts'
import { freePort } from '../testkit/redis.ts'

/** The processes under test, each on a port that it keeps. */
export interface Fleet {
  /** Of each process, whether it runs at the moment or not: a client does not know either. */
  readonly urls: readonly string[]
  readonly kills: number
  readonly drains: number
  /** Processes that ended without being told to, or did not end as they should when told to. */
  readonly failures: readonly string[]
  /** Ends one with -9 and brings it back. Resolves when it is ready again. */
  crash(index: number): Promise<void>
  /** Ends one in good order and brings it back. */
  drain(index: number): Promise<void>
  /** Resolves when every one is ready. */
  ready(): Promise<void>
  dispose(): Promise<void>
}

export interface FleetOptions {
  readonly size: number
  readonly databaseUrl: string
  readonly redisUrl: string | null
  /** What they run: the command line as it was built, from the root of the repository or absolute. */
  readonly main: string
  /** The variable WORKERS. */
  readonly workers: string | null
  readonly accessTokenSeconds: number
  /** Where their logs go. */
  readonly folder: string
}

interface Member {
  readonly name: string
  readonly url: string
  readonly port: number
  child: ChildProcess | null
  /** It was told to end. */
  told: boolean
  starting: Promise<void>
}

/** How long one that drains may take, in milliseconds. */
const drainMs = 10_000
/** After this long it is ended, in milliseconds. */
const patienceMs = 20_000
const root = fileURLToPath(new URL('../..', import.meta.url))

export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const ports = await Promise.all(Array.from({ length: options.size }, freePort))
  const failures: string[] = []
  let kills = 0
  let drains = 0
  let disposed = false
  const members = ports.map(
    (port, index): Member => ({
      name: `process ${index + 1}`,
      url: `http://127.0.0.1:${port}`,
      port,
      child: null,
      told: false,
      starting: Promise.resolve(),
    }),
  )

  /** Tries until it is ready: while the database is away it ends at its start. */
  async function start(member: Member, attempts = Number.POSITIVE_INFINITY): Promise<void> {
    for (let attempt = 0; attempt < attempts && !disposed; attempt++) {
      const child = launch(member, options)
      Object.assign(member, { child, told: false })
      let ready = false
      child.once('exit', (code, signal) => {
        if (member.child === child) member.child = null
        if (ready && !member.told) failures.push(`${member.name} ended by itself: ${signal ?? code}`)
      })
      while (member.child === child && !disposed) {
        if (await isReady(member.url)) {
          ready = true
          return
        }
        await delay(50)
      }
      await delay(100)
    }
    if (!disposed) throw new Error(`${member.name} does not start: see its log in ${options.folder}`)
  }

  function startAgain(member: Member): Promise<void> {
    member.starting = start(member)
    return member.starting
  }

  /** Ends one that is running. @returns how it ended, and after how long */
  async function end(member: Member, signal: NodeJS.Signals) {
    await member.starting
    const { child } = member
    if (child === null) return null
    member.told = true
    const asked = performance.now()
    const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
    child.kill(signal)
    // One that hangs must not hold up the rest; that it did is told by how it ended.
    const late = setTimeout(() => killGroup(child), patienceMs)
    const [code, by] = await ended
    clearTimeout(late)
    return { how: by ?? code, ms: performance.now() - asked }
  }

  const abandon = () => {
    disposed = true
    for (const { child } of members) if (child !== null) killGroup(child)
  }
  // A process that ends by itself must not leave them behind.
  process.prependOnceListener('exit', abandon)
  try {
    await Promise.all(members.map((member) => start(member, 1)))
  } catch (error) {
    abandon()
    throw error
  }
  const memberAt = (index: number) => members[index % members.length] as Member
  return {
    urls: members.map(({ url }) => url),
    failures,
    get kills() {
      return kills
    },
    get drains() {
      return drains
    },
    async crash(index) {
      const member = memberAt(index)
      if ((await end(member, 'SIGKILL')) !== null) kills++
      await startAgain(member)
    },
    async drain(index) {
      const member = memberAt(index)
      const ended = await end(member, 'SIGTERM')
      if (ended !== null) drains++
      if (ended !== null && (ended.how !== 0 || ended.ms > drainMs)) {
        failures.push(
          `${member.name} was told to end and did with ${ended.how} after ${ended.ms.toFixed(0)} ms`,
        )
      }
      await startAgain(member)
    },
    async ready() {
      await Promise.all(members.map((member) => member.starting))
    },
    async dispose() {
      disposed = true
      await Promise.all(
        members.map(async (member) => {
          member.told = true
          const { child } = member
          if (child === null) return
          const ended = once(child, 'exit')
          child.kill('SIGTERM')
          const late = setTimeout(() => killGroup(child), patienceMs)
          await ended
          clearTimeout(late)
        }),
      )
      process.off('exit', abandon)
    },
  }
}

function launch(member: Member, options: FleetOptions): ChildProcess {
  const output = openSync(join(options.folder, `${member.name.replace(' ', '-')}.log`), 'a')
  const { PATH = '' } = process.env
  const child = spawn(process.execPath, [noCodeGeneration, options.main, 'serve'], {
    cwd: root,
    // A group of its own: Ctrl-C is for this program, which ends them in order.
    detached: true,
    stdio: ['ignore', output, output],
    env: {
      PATH,
      NODE_ENV: 'production',
      DATABASE_URL: options.databaseUrl,
      JWT_SECRET: 'a secret that is only good for this and long enough',
      PORT: String(member.port),
      RATE_LIMITS: 'off',
      LOG_LEVEL: 'error',
      SEED: 'none',
      ACCESS_TOKEN_TTL: String(options.accessTokenSeconds),
      ...(options.redisUrl !== null && { REDIS_URL: options.redisUrl }),
      ...(options.workers !== null && { WORKERS: options.workers }),
    },
  })
  closeSync(output)
  return child
}

/** With the workers that it may have. */
function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended meanwhile.
  }
}

async function isReady(url: string): Promise<boolean> {
  try {
    const { ok } = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(2_000) })
    return ok
  } catch {
    return false
  }
}
