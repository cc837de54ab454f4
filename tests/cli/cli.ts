import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inject } from 'vitest'
import { noCodeGeneration } from '../../src/cli/code-generation.ts'

const source = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

export const secret = 'a secret that is only good for tests and long enough'

export interface Run {
  readonly child: ChildProcess
  /** What it has written so far. */
  readonly stdout: string
  readonly stderr: string
  /** Resolves when it has ended. */
  readonly ended: Promise<{ code: number | null; stdout: string; stderr: string }>
  /** Resolves once its output has this; rejects with all its output where it ends before. */
  says(pattern: RegExp): Promise<RegExpExecArray>
}

export interface RunOptions {
  readonly env?: Record<string, string>
  /** What to type; then the input ends. */
  readonly input?: string
  /** Run inside this shell command line, where it is `"$@"`. */
  readonly shell?: string
  /** Run the sources, as `npm start` does, rather than what is built of them. @default false */
  readonly sources?: boolean
  /** Leave out the option that the server insists on. @default false */
  readonly mayGenerateCode?: boolean
}

/** Runs the command line in a process of its own, which knows of the environment only what it is given. */
export function run(args: readonly string[], options: RunOptions = {}): Run {
  const flags = options.mayGenerateCode ? [] : [noCodeGeneration]
  const program = options.sources
    ? ['--import', import.meta.resolve('tsx'), source]
    : [join(inject('builtDir'), 'main.js')]
  const command = [process.execPath, ...flags, ...program, ...args]
  const [executable = '', ...rest] =
    options.shell === undefined ? command : ['sh', '-c', options.shell, 'sh', ...command]
  const { PATH = '', HOME = '' } = process.env
  const child = spawn(executable, rest, { cwd: newFolder(), env: { PATH, HOME, PORT: '0', ...options.env } })
  child.stdin?.end(options.input ?? '')
  return observe(child)
}

function observe(child: ChildProcess): Run {
  const output = { stdout: '', stderr: '' }
  const listeners = new Set<() => void>()
  const notify = () => {
    for (const listener of listeners) listener()
  }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      output[name] += text
      notify()
    })
  }
  let hasEnded = false
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    child.once('close', (code) => {
      hasEnded = true
      resolve({ code, ...output })
      notify()
    })
  })
  const says = (pattern: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const look = () => {
        const match = pattern.exec(output.stdout + output.stderr)
        if (match === null && !hasEnded) return
        listeners.delete(look)
        if (match !== null) resolve(match)
        else reject(new Error(`It ended without saying ${pattern}:\n${output.stdout}${output.stderr}`))
      }
      listeners.add(look)
      look()
    })
  return {
    child,
    ended,
    says,
    get stdout() {
      return output.stdout
    },
    get stderr() {
      return output.stderr
    },
  }
}

export function newFolder(): string {
  return mkdtempSync(join(inject('scratchDir'), 'cli-'))
}

/** The address in the line that tells that the server is ready. */
export async function addressOf(server: Run): Promise<string> {
  const [, url = ''] = await server.says(/"url":"([^"]+)".*Parley is ready/)
  return url
}

/** The process number of the embedded Postgres that runs in a data folder. */
export function postgresIn(dataDir: string): number {
  return Number(readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0])
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
