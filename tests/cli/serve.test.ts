import { existsSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { startEmbeddedPostgres } from '../../src/db/embedded.ts'
import { migrate } from '../../src/db/migrations.ts'
import { createTestClient } from '../testkit/client.ts'
import { createTestDatabase } from '../testkit/database.ts'
import { Login } from '../testkit/operations.ts'
import { addressOf, isRunning, newFolder, postgresIn, type Run, type RunOptions, run, secret } from './cli.ts'

// Each of these starts whole processes, some of them with a Postgres to be made first.
vi.setConfig({ testTimeout: 60_000 })

const started: Run[] = []
/** One that was used before, so that a start takes no time. Whoever uses it leaves it to the next. */
let dataDir: string

beforeAll(async () => {
  dataDir = newFolder()
  const server = await startEmbeddedPostgres({ dataDir, durable: false })
  await migrate(server.url)
  await server.dispose()
}, 60_000)

afterEach(async () => {
  for (const { child, ended } of started.splice(0)) {
    child.kill('SIGTERM')
    await ended
  }
})

function serve(env: Record<string, string>, options: RunOptions = {}): Run {
  const server = run(['serve'], { ...options, env })
  started.push(server)
  return server
}

/** What it says on the way out: it must be one line, and the exit code 1. */
async function refusal(env: Record<string, string>): Promise<string> {
  const { code, stdout, stderr } = await serve(env).ended
  expect(code).toBe(1)
  expect(stdout).toBe('')
  expect(stderr.trimEnd().split('\n')).toHaveLength(1)
  return stderr
}

const demoLogin = { input: { identifier: 'alice', password: 'Password123' } }

describe('on a fresh data folder', () => {
  test('it answers, and the demo accounts log in; the next start finds them as they were', async () => {
    const dataDir = join(newFolder(), 'data')
    const chatsOfAlice = async (url: string) => {
      const { login } = await createTestClient(url).run(Login, demoLogin)
      const client = createTestClient(url, login.tokens.accessToken)
      const { viewer } = await client.run(
        '{ viewer { unreadCount chats(first: 100) { edges { node { id title } } } } }',
      )
      return viewer
    }
    const first = serve({ DATA_DIR: dataDir }, { sources: true })
    const before = await chatsOfAlice(await addressOf(first))
    expect(before.chats.edges.map((edge: { node: { title: string } }) => edge.node.title)).toEqual([
      null,
      'Weekend hike',
      'Notebook',
    ])
    expect(before.unreadCount).toBeGreaterThan(0)
    first.child.kill('SIGTERM')
    expect((await first.ended).code).toBe(0)

    const second = serve({ DATA_DIR: dataDir })
    expect(await chatsOfAlice(await addressOf(second))).toEqual(before)
  })

  test('SEED=none leaves it empty; whoever then starts without it gets the demo data', async () => {
    for (const env of [{ SEED: 'none' }, {}]) {
      const server = serve({ DATA_DIR: dataDir, ...env })
      const { login } = await createTestClient(await addressOf(server)).run(Login, demoLogin)
      expect(login.__typename).toBe(env.SEED === 'none' ? 'AuthenticationError' : 'LoginPayload')
      server.child.kill('SIGTERM')
      await server.ended
    }
  })
})

describe('it ends with its Postgres', () => {
  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('on %s, with exit code 0', async (signal) => {
    const server = serve({ DATA_DIR: dataDir })
    await addressOf(server)
    const postgres = postgresIn(dataDir)
    server.child.kill(signal)
    expect(await server.ended).toMatchObject({ code: 0, stderr: '' })
    expect(isRunning(postgres)).toBe(false)
    expect(existsSync(join(dataDir, 'lock'))).toBe(false)
  })

  test('on a signal that comes while it starts', async () => {
    const server = serve({ DATA_DIR: dataDir })
    await vi.waitFor(() => expect(existsSync(join(dataDir, 'lock'))).toBe(true), 10_000)
    server.child.kill('SIGTERM')
    expect(await server.ended).toMatchObject({ code: 0, stdout: '', stderr: '' })
    expect(existsSync(join(dataDir, 'lock'))).toBe(false)
    expect(existsSync(join(dataDir, 'postgres', 'postmaster.pid'))).toBe(false)
  })

  test('when the shell that npm runs it in is told to end, and does not tell it', async () => {
    // The command after it keeps the shell from replacing itself by the server.
    const server = serve({ DATA_DIR: dataDir, npm_lifecycle_event: 'start' }, { shell: '"$@"; true' })
    await addressOf(server)
    const postgres = postgresIn(dataDir)
    server.child.kill('SIGTERM')
    // Its output is closed when the last process that could write to it has gone.
    await server.ended
    expect(isRunning(postgres)).toBe(false)
    expect(existsSync(join(dataDir, 'lock'))).toBe(false)
  })

  test('with one line and exit code 1 when Postgres goes by itself', async () => {
    const server = serve({ DATA_DIR: dataDir })
    await addressOf(server)
    process.kill(postgresIn(dataDir), 'SIGQUIT')
    const { code, stderr } = await server.ended
    expect(code).toBe(1)
    expect(stderr).toMatch(/^PostgreSQL has ended by itself: .*\n$/)
  })
})

describe('it says in one line why it cannot start', () => {
  test('a port that is taken, before anything is made', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => taken.once('listening', resolve))
    const { port } = taken.address() as AddressInfo
    const dataDir = join(newFolder(), 'data')
    try {
      expect(await refusal({ DATA_DIR: dataDir, PORT: String(port) })).toMatch(
        new RegExp(`Port ${port} .* set PORT`),
      )
      expect(existsSync(dataDir)).toBe(false)
    } finally {
      taken.close()
    }
  })

  test('an address of another machine', async () => {
    expect(await refusal({ DATA_DIR: newFolder(), HOST: '192.0.2.1' })).toContain('HOST 192.0.2.1')
  })

  test('a data folder in use, also where the port is taken as well', async () => {
    const server = serve({ DATA_DIR: dataDir })
    const { port } = new URL(await addressOf(server))
    const inUse = `in use by another Parley, process ${server.child.pid}`
    expect(await refusal({ DATA_DIR: dataDir })).toContain(inUse)
    expect(await refusal({ DATA_DIR: dataDir, PORT: port })).toContain(inUse)
  })

  test('a database that does not answer, without its password', async () => {
    const DATABASE_URL = 'postgresql://parley:hidden@127.0.0.1:1/parley'
    const words = await refusal({ DATABASE_URL, JWT_SECRET: secret })
    expect(words).toContain('127.0.0.1:1/parley')
    expect(words).not.toContain('hidden')
  })
})

test('every problem of the configuration at once', async () => {
  const { code, stderr } = await serve({
    PORT: '99999',
    SEED: 'some',
    DATABASE_URL: 'postgres://localhost/x',
  }).ended
  expect(code).toBe(1)
  expect(stderr).toContain('3 problems')
  for (const name of ['PORT', 'SEED', 'JWT_SECRET'])
    expect(stderr).toMatch(new RegExp(`^ {2}- ${name} `, 'm'))
})

test('SEED=demo fills a database of its own without users, once', async () => {
  const database = await createTestDatabase()
  try {
    const env = { DATABASE_URL: database.url, JWT_SECRET: secret, SEED: 'demo' }
    // Two at once: one of them writes, and both start.
    const servers = [serve(env), serve(env)]
    for (const server of servers) {
      const { login } = await createTestClient(await addressOf(server)).run(Login, demoLogin)
      expect(login.__typename).toBe('LoginPayload')
    }
    for (const { child, ended } of servers) {
      child.kill('SIGTERM')
      expect(await ended).toMatchObject({ code: 0, stderr: '' })
    }
  } finally {
    await database.dispose()
  }
})
