import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { inject } from 'vitest'
import type { AppOptions } from '../../src/app.ts'
import { noCodeGeneration } from '../../src/cli/code-generation.ts'
import { testSecret } from './app.ts'

/** A Parley in a process of its own, to be killed. */
export interface AppProcess {
  readonly url: string
  /** Ends it at once, without a word to anybody. */
  kill(): Promise<void>
}

export async function startAppProcess(
  databaseUrl: string,
  timings: AppOptions['timings'],
): Promise<AppProcess> {
  const options = { databaseUrl, jwtSecrets: [testSecret], timings }
  const built = (name: string) => JSON.stringify(join(inject('builtDir'), name))
  const script = `
    const [{ startApp }, { parseConfig }] = [await import(${built('app.js')}), await import(${built('config.js')})]
    const config = parseConfig({ PORT: '0', LOG_LEVEL: 'error', RATE_LIMITS: 'off' })
    const app = await startApp({ config, ...${JSON.stringify(options)} })
    console.log(app.url)`
  const args = [noCodeGeneration, '--input-type=module', '-e', script]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  for await (const url of createInterface({ input: child.stdout })) {
    return {
      url,
      async kill() {
        process.off('exit', kill)
        if (child.exitCode !== null || child.signalCode !== null) return
        const gone = once(child, 'exit')
        kill()
        await gone
      },
    }
  }
  throw new Error('The process ended before it was ready.')
}
