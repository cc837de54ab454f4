import { spawnSync } from 'node:child_process'
import { type Browser, chromium } from 'playwright-core'

const executablePath = ['chromium', 'chromium-browser', 'google-chrome'].find(
  (name) => spawnSync(name, ['--version']).status === 0,
)

/** Whether there is a Chromium to run; tests that need one are skipped without. */
export const hasBrowser = executablePath !== undefined

/** Close it in the end. */
export async function startBrowser(): Promise<Browser> {
  const path = spawnSync('sh', ['-c', `command -v ${executablePath}`], { encoding: 'utf8' }).stdout.trim()
  return chromium.launch({
    executablePath: path,
    // Root has no sandbox to be had, and small machines no shared memory to speak of.
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  })
}
