import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import axe from 'axe-core'
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core'
import { expect } from 'vitest'
import { type TestUser, testPassword } from '../testkit/app.ts'

const root = 'examples/web'

/** As Parley serves it: built anew where a source is younger than the build. */
export function buildWebApp(): void {
  const page = join(root, 'dist/index.html')
  const sources = ['src', 'public'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) =>
      join(root, folder, name),
    ),
  )
  const newest = Math.max(
    ...[...sources, join(root, 'index.html'), join(root, 'vite.config.ts')].map(
      (file) => statSync(file).mtimeMs,
    ),
  )
  if (existsSync(page) && statSync(page).mtimeMs > newest) return
  const { status } = spawnSync(process.execPath, ['scripts/build-web.mjs'], { stdio: 'inherit' })
  if (status !== 0) throw new Error('The web app cannot be built.')
}

/** Somebody at a browser of their own. */
export interface Person {
  readonly page: Page
  readonly context: BrowserContext
  readonly name: string
  readonly username: string
  /** What the browser complained of: errors in the console, exceptions, breaches of the content security policy. */
  readonly complaints: string[]
  /** The network is away: what the browser says of that is no complaint, until `online`. */
  offline(): void
  online(): void
}

let count = 0

export async function openPage(
  browser: Browser,
  url: string,
  name: string,
  options: BrowserContextOptions = {},
): Promise<Person> {
  const context = await browser.newContext({ locale: 'en-GB', ...options })
  context.setDefaultTimeout(10_000)
  const page = await context.newPage()
  const complaints: string[] = []
  let isOffline = false
  page.on('console', (message) => {
    if (message.type() !== 'error' && message.type() !== 'warning') return
    const text = message.text()
    const isOfNetwork = /^(WebSocket connection to|Failed to load resource: net::)/.test(text)
    if (!(isOffline && isOfNetwork)) complaints.push(text)
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('dialog', (dialog) => void dialog.accept())
  await page.goto(`${url}/app/`)
  const username = `${name.toLowerCase()}_${process.pid}_${++count}`
  return {
    page,
    context,
    name,
    username,
    complaints,
    offline: () => {
      isOffline = true
    },
    online: () => {
      isOffline = false
    },
  }
}

/** Options of `openPage`: a browser in which somebody is logged in already. Once for each user. */
export function loggedInAs({ token, refreshToken }: TestUser, url: string): BrowserContextOptions {
  const session = { accessToken: token, accessTokenExpiresAt: '', refreshToken, id: token }
  const value = JSON.stringify({ ...session, receivedAt: Date.now() })
  const localStorage = [{ name: 'parley.session', value }]
  return { storageState: { cookies: [], origins: [{ origin: url.replace(/\/$/, ''), localStorage }] } }
}

export async function signUp({ page, name, username }: Person): Promise<void> {
  await page.getByRole('button', { name: 'Make an account' }).click()
  await page.getByLabel('Username').fill(username)
  await page.getByLabel('Name', { exact: true }).fill(name)
  await page.getByLabel('Email').fill(`${username}@example.com`)
  await page.getByLabel('Password').fill(testPassword)
  await page.getByRole('button', { name: 'Sign up' }).click()
  await page.getByRole('heading', { name: 'Chats' }).waitFor()
}

export async function logIn({ page }: Person, username: string): Promise<void> {
  await page.getByLabel('Username or email').fill(username)
  await page.getByLabel('Password').fill(testPassword)
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.getByRole('heading', { name: 'Chats' }).waitFor()
}

export async function startChat({ page }: Person, others: readonly Person[], title?: string): Promise<void> {
  await page.getByRole('button', { name: 'New chat' }).click()
  for (const other of others) {
    await page.getByLabel('Find people').fill(other.username)
    await page.getByRole('checkbox', { name: other.username }).check()
  }
  if (title !== undefined) await page.getByLabel('Title').fill(title)
  await page.getByRole('button', { name: title === undefined ? 'Start chat' : 'Create group' }).click()
  await page.getByLabel('Message', { exact: true }).waitFor()
}

export async function openChat({ page }: Person, title: string): Promise<void> {
  await row(page, title).click()
  await page.getByLabel('Message', { exact: true }).waitFor()
}

/** A chat in the list. */
export function row(page: Page, title: string) {
  return page.getByRole('navigation', { name: 'Chats' }).getByRole('link', { name: title })
}

export async function say({ page }: Person, text: string): Promise<void> {
  await page.getByLabel('Message', { exact: true }).fill(text)
  await page.keyboard.press('Enter')
}

/** The texts of the open chat as they are shown, unconfirmed ones included. */
export function texts({ page }: Person): Promise<string[]> {
  return page.locator('.messages .text').allTextContents()
}

export const message = ({ page }: Person, text: string) =>
  page.locator('.message').filter({ has: page.locator('.text', { hasText: text }) })

/** What stands against using it without a mouse, or without eyes. */
export async function expectAccessible({ page }: Person): Promise<void> {
  // Past the content security policy, as the tool of a browser is.
  await page.evaluate(axe.source)
  const problems = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: typeof import('axe-core') }
    const { violations } = await axe.run({ resultTypes: ['violations'] })
    return violations.map(({ id, impact, nodes }) => ({
      id,
      impact,
      where: nodes.map(({ html, failureSummary }) => `${html.slice(0, 200)} ${failureSummary}`),
    }))
  })
  expect(problems.filter(({ impact }) => impact === 'serious' || impact === 'critical')).toEqual([])
}
