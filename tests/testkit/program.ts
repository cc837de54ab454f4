import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { vi } from 'vitest'

/** A program of ours in a process of its own, with what it said line by line. */
export interface Program {
  readonly lines: readonly string[]
  readonly problems: readonly string[]
  /** Types a line. */
  type(line: string): void
  signal(name: NodeJS.Signals): void
  /** Resolves with the index of the first line that has this. */
  says(text: string): Promise<number>
  /** Resolves with the exit code. */
  readonly ended: Promise<number | null>
}

/** @param path from the root of the repository */
export function startProgram(
  path: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Program {
  const file = fileURLToPath(new URL(`../../${path}`, import.meta.url))
  const { PATH = '', HOME = '' } = process.env
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), file, ...args], {
    env: { PATH, HOME, ...env },
  })
  const lines: string[] = []
  const problems: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line))
  createInterface({ input: child.stderr }).on('line', (line) => problems.push(line))
  let hasEnded = false
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  return {
    lines,
    problems,
    type: (line) => child.stdin.write(`${line}\n`),
    signal: (name) => child.kill(name),
    async says(text) {
      const find = () => lines.findIndex((line) => line.includes(text))
      await vi.waitFor(
        () => {
          if (find() === -1 && !hasEnded) throw new Error(`It does not say "${text}":\n${lines.join('\n')}`)
        },
        { timeout: 15_000, interval: 10 },
      )
      if (find() !== -1) return find()
      throw new Error(`It ended without saying "${text}":\n${[...lines, ...problems].join('\n')}`)
    },
    ended: new Promise((resolve) => {
      child.once('close', (code) => {
        process.off('exit', kill)
        hasEnded = true
        resolve(code)
      })
    }),
  }
}
