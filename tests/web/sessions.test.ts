import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { startTestApp, type TestApp } from '../testkit/app.ts'
import { hasBrowser, startBrowser } from '../testkit/browser.ts'
import { Logout, Me } from '../testkit/operations.ts'
import { createTestProxy } from '../testkit/proxy.ts'
import {
  buildWebApp,
  logIn,
  message,
  openPage,
  type Person,
  say,
  signUp,
  startChat,
  texts,
} from './people.ts'

describe.skipIf(!hasBrowser)('sessions of the web app', { timeout: 60_000 }, () => {
  let app: TestApp
  let browser: Browser
  let present: Person[] = []

  beforeAll(async () => {
    buildWebApp()
    ;[app, browser] = await Promise.all([startTestApp({ config: { webApp: true } }), startBrowser()])
  }, 60_000)
  afterEach(async () => {
    await Promise.all(present.map(({ context }) => context.close()))
    present = []
  })
  afterAll(async () => {
    await browser?.close()
    await app?.dispose()
  })

  async function enter(name: string, url = app.url): Promise<Person> {
    const person = await openPage(browser, url, name)
    present.push(person)
    return person
  }

  const kept = (page: Page) => page.evaluate(() => localStorage.getItem('parley.session') ?? '')
  /** An event's way round: whatever an answer leads to has been done by then. */
  const drawn = (page: Page) =>
    page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))))
  const header = (page: Page) => page.getByRole('navigation', { name: 'Chats' }).locator('header')

  test('one that is ended elsewhere ends here, and every tab says so', async () => {
    const alice = await enter('Alice')
    await signUp(alice)
    const other = await alice.context.newPage()
    await other.goto(`${app.url}/app/`)
    await header(other).getByText('Alice').waitFor()
    await app.client(JSON.parse(await kept(alice.page)).accessToken).run(Logout)
    for (const page of [alice.page, other]) await page.getByText('Your session has ended').waitFor()
    await logIn(alice, alice.username)
    await header(other).getByText('Alice').waitFor()
    expect(await alice.page.getByText('Your session has ended').count()).toBe(0)
  })

  test('a logout that takes its time leaves the next login alone', async () => {
    const alice = await enter('Alice')
    await signUp(alice)
    const other = { ...alice, page: await alice.context.newPage() }
    await other.page.goto(`${app.url}/app/`)
    await header(other.page).getByText('Alice').waitFor()
    let letGo = () => {}
    const gate = new Promise<void>((resolve) => {
      letGo = resolve
    })
    await alice.page.route('**/graphql', async (route) => {
      if (!route.request().postData()?.includes('"Logout"')) return route.continue()
      const response = await route.fetch()
      await gate
      await route.fulfill({ response })
    })
    const answered = alice.page.waitForResponse((response) =>
      Boolean(response.request().postData()?.includes('"Logout"')),
    )
    await alice.page.getByRole('button', { name: 'Log out' }).click()
    await other.page.getByRole('button', { name: 'Log in' }).waitFor()
    // It was wished for, here or there.
    expect(await other.page.getByText('Your session has ended').count()).toBe(0)
    await logIn(other, alice.username)
    const newer = await kept(other.page)
    letGo()
    await (await answered).finished()
    await drawn(alice.page)
    expect(await kept(alice.page)).toBe(newer)
    await header(alice.page).getByText('Alice').waitFor()
    await header(other.page).getByText('Alice').waitFor()
  })

  test('an account of which no answer told is got into by the same press again', async () => {
    const alice = await enter('Alice')
    const { page, username } = alice
    let lost = 0
    await page.route('**/graphql', async (route) => {
      if (lost > 0 || !route.request().postData()?.includes('"Register"')) return route.continue()
      const answer = await route.fetch()
      if (!(await answer.text()).includes('RegisterPayload')) return route.fulfill({ response: answer })
      lost++
      return route.abort()
    })
    await page.getByRole('button', { name: 'Make an account' }).click()
    await page.getByLabel('Username').fill(username)
    await page.getByLabel('Email').fill(`${username}@example.com`)
    await page.getByLabel('Password').fill('Password123')
    await page.getByRole('button', { name: 'Sign up' }).click()
    await page.getByRole('alert').getByText('Your account may be there all the same').waitFor()
    await page.getByRole('button', { name: 'Sign up' }).click()
    await header(page).getByText(username).waitFor()
    expect(lost).toBe(1)

    // To anybody else it is taken, whatever was lost before.
    await page.getByRole('button', { name: 'Log out' }).click()
    await page.getByRole('button', { name: 'Make an account' }).click()
    await page.getByLabel('Username').fill(username)
    await page.getByLabel('Email').fill(`other_${username}@example.com`)
    await page.getByLabel('Password').fill('Lantern-Harbour-7')
    await page.getByRole('button', { name: 'Sign up' }).click()
    await expect.poll(() => page.getByLabel('Username').getAttribute('aria-invalid')).toBe('true')
  })

  test('tokens that live for seconds are refreshed when they are about to end, and not for each request', async () => {
    const strict = await startTestApp({
      database: app.database,
      config: { webApp: true, accessTokenTtlSeconds: 10, rateLimits: true },
    })
    try {
      const alice = await enter('Alice', strict.url)
      let refreshes = 0
      alice.page.on('request', (request) => {
        if (request.postData()?.includes('"RefreshTokens"')) refreshes++
      })
      await signUp(alice)
      await startChat(alice, [], 'Notes')
      const started = Date.now()
      const all = Array.from({ length: 30 }, (_, i) => `note ${i + 1}`)
      for (const text of all) {
        await say(alice, text)
        await expect.poll(() => message(alice, text).last().locator('.when').count()).toBe(1)
      }
      expect(await texts(alice)).toEqual(all)
      // One lasts for 9 s, and a quarter of them is left when the next one comes.
      expect(refreshes).toBeLessThanOrEqual(Math.ceil((Date.now() - started) / 6_000) + 2)
    } finally {
      await strict.dispose()
    }
  })

  test('a tab shows whose session there is, and nobody gets into the session of another tab', async () => {
    const [alice, bob] = [await enter('Alice'), await enter('Bob')]
    await signUp(alice)
    await signUp(bob)
    const bobs = await kept(bob.page)
    const other = await alice.context.newPage()
    await other.goto(`${app.url}/app/`)
    await header(other).getByText('Alice').waitFor()
    // In one go, as a tab sees it that was asleep meanwhile.
    await alice.page.evaluate((text) => localStorage.setItem('parley.session', text), bobs)
    await header(other).getByText('Bob').waitFor()

    await other.getByRole('button', { name: 'Log out' }).click()
    await alice.page.reload()
    await alice.page.getByRole('button', { name: 'Log in' }).waitFor()
    let letGo = () => {}
    const gate = new Promise<void>((resolve) => {
      letGo = resolve
    })
    await other.route('**/graphql', async (route) => {
      if (route.request().postData()?.includes('"Login"')) await gate
      await route.continue()
    })
    await other.getByLabel('Username or email').fill(bob.username)
    await other.getByLabel('Password').fill('Password123')
    const asked = other.waitForResponse((response) =>
      Boolean(response.request().postData()?.includes('"Login"')),
    )
    await other.getByRole('button', { name: 'Log in' }).click()
    await logIn(alice, alice.username)
    await header(other).getByText('Alice').waitFor()
    const mine = await kept(other)
    letGo()
    const { data } = await (await asked).json()
    await drawn(other)
    expect(await kept(other)).toBe(mine)
    await header(other).getByText('Alice').waitFor()
    // What came too late for anybody to use is over at the server, too.
    const late = app.client(data.login.tokens.accessToken)
    await expect.poll(() => late.codeOf(Me)).toBe('UNAUTHENTICATED')
  })

  test('a socket that nobody answers when it wants to open is given up', async () => {
    const proxy = await createTestProxy(app.url)
    try {
      const alice = await enter('Alice', proxy.url.replace(/\/$/, ''))
      await signUp(alice)
      await startChat(alice, [], 'Notes')
      let attempts = 0
      alice.page.on('websocket', () => {
        attempts++
      })
      proxy.cut()
      proxy.freeze()
      await alice.page.getByText('Reconnecting…').waitFor()
      await expect.poll(() => attempts, { timeout: 30_000 }).toBe(2)
      proxy.thaw()
      await alice.page.getByText('Reconnecting…').waitFor({ state: 'hidden' })
    } finally {
      await proxy.dispose()
    }
  })
})
