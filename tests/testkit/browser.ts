import { spawn, spawnSync } from 'node:child_process'
import { createInterface } from 'node:readline'
import { type Browser, chromium } from 'playwright-core'

const executablePath = ['chromium', 'chromium-browser', 'google-chrome'].find(
  (name) => spawnSync(name, ['--version']).status === 0,
)

/** Whether there is a Chromium to run; tests that need one are skipped without. */
export const hasBrowser = executablePath !== undefined

/**
 * Close it in the end. The driver is in a process of its own: it checks what tests evaluate in pages by `Function`,
 * which tests run without.
 */
export async function startBrowser(): Promise<Browser> {
  const path = spawnSync('sh', ['-c', `command -v ${executablePath}`], { encoding: 'utf8' }).stdout.trim()
  const options = {
    executablePath: path,
    // Root has no sandbox to be had, and small machines no shared memory to speak of.
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  }
  const script = `
    const { chromium } = await import(${JSON.stringify(import.meta.resolve('playwright-core'))})
    const server = await chromium.launchServer(${JSON.stringify(options)})
    console.log(server.wsEndpoint())
    process.stdin.on('end', () => server.close()).resume()`
  const driver = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  for await (const endpoint of createInterface({ input: driver.stdout })) {
    const browser = await chromium.connect(endpoint)
    browser.on('disconnected', () => driver.stdin.end())
    return browser
  }
  throw new Error('The browser ended before it was ready.')
}
