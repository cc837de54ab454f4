import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createClient } from '@redis/client'

/** Whether there is a Redis to run; tests that need one are skipped without. */
export const hasRedis = spawnSync('redis-server', ['--version']).status === 0

export interface TestRedis {
  readonly url: string
  start(): Promise<void>
  /** Connections are cut. */
  stop(): Promise<void>
  /** Connections stay, and nothing is answered. */
  freeze(): void
  thaw(): void
  /** The values of all keys. */
  values(): Promise<number[]>
  /** Moves every budget's clock on. */
  pass(ms: number): Promise<void>
}

/** A server of its own in memory, not started yet. Stop it in the end. */
export async function createTestRedis(): Promise<TestRedis> {
  const port = await freePort()
  const url = `redis://127.0.0.1:${port}`
  let child: ChildProcess | null = null

  async function onEach<Result>(command: (key: string) => string[]): Promise<Result[]> {
    const client = createClient({ url })
    await client.connect()
    const keys = await client.keys('*')
    const results = await Promise.all(keys.map((key) => client.sendCommand(command(key))))
    client.destroy()
    return results as Result[]
  }

  return {
    url,
    async start() {
      const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
      const server = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] })
      child = server
      const kill = () => server.kill('SIGKILL')
      process.once('exit', kill)
      server.once('exit', () => process.off('exit', kill))
      await new Promise<void>((resolve, reject) => {
        server.stdout.on('data', (data) => {
          if (String(data).includes('Ready to accept connections')) resolve()
        })
        server.once('exit', (code) => reject(new Error(`redis-server ended with ${code}.`)))
      })
    },
    async stop() {
      if (child === null) return
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
      child = null
    },
    freeze: () => child?.kill('SIGSTOP'),
    thaw: () => child?.kill('SIGCONT'),
    values: async () => (await onEach<string>((key) => ['GET', key])).map(Number),
    pass: async (ms) => {
      await onEach((key) => ['DECRBY', key, String(ms)])
    },
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}
