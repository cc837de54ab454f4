import type { Browser } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { pruneLog } from '../../src/events/retention.ts'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { hasBrowser, startBrowser } from '../testkit/browser.ts'
import { createDirectChat, sendMessage } from '../testkit/chats.ts'
import { createTestProxy } from '../testkit/proxy.ts'
import {
  buildWebApp,
  expectAccessible,
  loggedInAs,
  logIn,
  message,
  openChat,
  openPage,
  type Person,
  row,
  say,
  signUp,
  startChat,
  texts,
} from './people.ts'

describe.skipIf(!hasBrowser)('the web app', { timeout: 60_000 }, () => {
  let app: TestApp
  let browser: Browser
  let present: Person[] = []

  beforeAll(async () => {
    buildWebApp()
    ;[app, browser] = await Promise.all([startTestApp({ config: { webApp: true } }), startBrowser()])
  }, 60_000)
  afterEach(async () => {
    const complaints = present.flatMap((each) => each.complaints)
    await departAll()
    present = []
    expect(complaints).toEqual([])
  })
  afterAll(async () => {
    await browser?.close()
    await app?.dispose()
  })

  async function enter(name: string, options: Parameters<typeof openPage>[3] & { url?: string } = {}) {
    const { url = app.url, ...rest } = options
    const person = await openPage(browser, url, name, rest)
    present.push(person)
    return person
  }

  /** Before a server of its own ends, of which browsers would complain. */
  const departAll = () => Promise.all(present.map(({ context }) => context.close()))

  /** Logged in, with an account of their own. */
  async function join(name: string, { url = app.url }: { url?: string } = {}): Promise<Person> {
    const user = await app.register(name)
    const person = await enter(name, { url, ...loggedInAs(user, url) })
    await person.page.getByRole('heading', { name: 'Chats' }).waitFor()
    return { ...person, username: user.username }
  }

  const idOf = async (user: TestUser, { username }: Person): Promise<string> =>
    (await user.run('query ($username: String!) { user(username: $username) { id } }', { username })).user.id

  test.each(['only', 'off'] as const)('it works with PERSISTED_OPERATIONS=%s', async (mode) => {
    const strict = await startTestApp({
      database: app.database,
      config: { webApp: true, persistedOperations: mode },
    })
    try {
      const alice = await enter('Alice', { url: strict.url })
      const sent: string[] = []
      alice.page.on('request', (request) => sent.push(request.postData() ?? ''))
      await signUp(alice)
      const bob = await join('Bob', { url: strict.url })
      await startChat(alice, [bob])
      await openChat(bob, 'Alice')
      await say(bob, 'hello')
      await message(alice, 'hello').waitFor()
      expect(sent.filter((body) => body.includes('sha256Hash')).length).toBeGreaterThan(
        mode === 'only' ? 3 : 0,
      )
      if (mode === 'only') expect(sent.filter((body) => body.includes('"query":'))).toEqual([])
    } finally {
      await departAll()
      await strict.dispose()
    }
  })

  test('two people find each other and talk', async () => {
    const [alice, bob] = await Promise.all([join('Alice'), join('Bob')])
    await startChat(alice, [bob])
    await say(alice, 'hello <b>Bob</b>')
    await expect.poll(() => row(bob.page, 'Alice').textContent()).toContain('1 unread')
    await openChat(bob, 'Alice')
    expect(await texts(bob)).toEqual(['hello <b>Bob</b>'])
    await expect.poll(() => row(bob.page, 'Alice').textContent()).not.toContain('unread')
    await message(alice, 'hello').getByText('Seen').waitFor()
    await alice.page.locator('.conversation header').getByText('online').waitFor()

    await bob.page.getByLabel('Message', { exact: true }).pressSequentially('hi')
    await alice.page.locator('.conversation header').getByText('Bob typing…').waitFor()
    await bob.page.keyboard.press('Enter')
    await message(alice, 'hi').waitFor()
    await alice.page.getByText('typing…').first().waitFor({ state: 'hidden' })
    await expect.poll(() => texts(alice)).toEqual(['hello <b>Bob</b>', 'hi'])
    await expect.poll(() => texts(bob)).toEqual(['hello <b>Bob</b>', 'hi'])
  })

  test('edits, answers, reactions and deletions show on the other side; a group says who came', async () => {
    const [alice, bob, carol] = await Promise.all([join('Alice'), join('Bob'), join('Carol')])
    await startChat(alice, [bob, carol], 'Walks')
    await say(alice, 'tomorow?')
    await openChat(bob, 'Walks')
    await message(bob, 'tomorow?').waitFor()

    await message(alice, 'tomorow?').hover()
    await alice.page.getByRole('button', { name: 'Edit' }).click()
    await expectAccessible(alice)
    await alice.page.getByLabel('Text of the message').fill('tomorrow?')
    await alice.page.keyboard.press('Enter')
    await message(bob, 'tomorrow?').getByText('edited').waitFor()

    await message(bob, 'tomorrow?').hover()
    await bob.page.getByRole('button', { name: 'React' }).click()
    await bob.page.getByRole('button', { name: '👍' }).click()
    await message(alice, 'tomorrow?').getByRole('button', { name: '👍 1: Bob' }).click()
    await message(bob, 'tomorrow?').getByRole('button', { name: '👍 2: Bob, Alice' }).waitFor()

    await message(bob, 'tomorrow?').hover()
    await bob.page.getByRole('button', { name: 'Reply' }).click()
    await say(bob, 'gladly')
    await expect
      .poll(() => message(alice, 'gladly').locator('blockquote').textContent())
      .toBe('Alicetomorrow?')

    await message(alice, 'tomorrow?').hover()
    await message(alice, 'tomorrow?').getByRole('button', { name: 'Delete' }).click()
    await message(bob, 'Message deleted').waitFor()
    await expect.poll(() => texts(bob)).toEqual(['Message deleted', 'gladly'])
    await expect.poll(() => message(bob, 'gladly').locator('blockquote').textContent()).toContain('deleted')
  })

  test('who loses the network sees it, and afterwards everything once', async () => {
    const proxy = await createTestProxy(app.url)
    try {
      const alice = await join('Alice')
      const bob = await join('Bob', { url: proxy.url.replace(/\/$/, '') })
      await startChat(alice, [bob])
      await say(alice, 'before')
      await openChat(bob, 'Alice')
      await message(bob, 'before').waitFor()

      bob.offline()
      proxy.refuse()
      await bob.page.getByRole('status').getByText('Reconnecting…').waitFor()
      await say(alice, 'missed 1')
      await say(alice, 'missed 2')
      await say(bob, 'said offline')
      await message(bob, 'said offline').getByText('Not sent yet').waitFor()
      await message(bob, 'said offline').getByRole('button', { name: 'Try again' }).waitFor()
      await message(alice, 'missed 2').waitFor()
      proxy.mend()

      const all = ['before', 'missed 1', 'missed 2', 'said offline']
      await message(alice, 'said offline').waitFor()
      await expect.poll(() => texts(bob), { timeout: 20_000 }).toEqual(all)
      expect(await texts(alice)).toEqual(all)
      await expect.poll(() => bob.page.getByRole('status').textContent()).toBe('')
      bob.online()
      await bob.page.reload()
      await message(bob, 'said offline').waitFor()
      expect(await texts(bob)).toEqual(all)
    } finally {
      await departAll()
      await proxy.dispose()
    }
  })

  test('who was away for longer than the log goes back gets the state anew', async () => {
    const proxy = await createTestProxy(app.url)
    try {
      const [alice, carol] = await Promise.all([app.register('alice'), app.register('carol')])
      const bob = await join('Bob', { url: proxy.url.replace(/\/$/, '') })
      const bobId = await idOf(carol, bob)
      const chatId = await createDirectChat(alice, bobId)
      await openChat(bob, 'alice')
      const expected = Array.from({ length: 40 }, (_, i) => `missed ${i + 1}`)
      await sendMessage(alice, chatId, 'before')
      await message(bob, 'before').waitFor()
      bob.offline()
      proxy.refuse()
      await bob.page.getByRole('status').getByText('Reconnecting…').waitFor()
      // More than a page, so that what is fetched anew does not join on to what was shown.
      for (const text of expected) await sendMessage(alice, chatId, text)
      await sendMessage(
        carol,
        await createDirectChat(carol, bobId),
        'a chat of which no event tells any more',
      )
      while ((await pruneLog(app.app.database, -1)).more);
      proxy.mend()
      await row(bob.page, 'carol').waitFor()
      await message(bob, 'missed 40').waitFor()
      await expect.poll(() => bob.page.getByRole('status').textContent()).toBe('')
      bob.online()
      await expect
        .poll(async () => {
          await bob.page.getByRole('list', { name: 'Messages' }).evaluate((each) => each.scrollTo(0, 0))
          return texts(bob)
        })
        .toEqual(['before', ...expected])
      await sendMessage(alice, chatId, 'after')
      await message(bob, 'after').waitFor()
    } finally {
      await departAll()
      await proxy.dispose()
    }
  })

  // On a busy machine a thousand messages alone take most of a minute to send.
  test('a thousand messages that were missed are all there, in order, each once', {
    timeout: 150_000,
  }, async () => {
    const proxy = await createTestProxy(app.url)
    try {
      const alice = await app.register('alice')
      const bob = await join('Bob', { url: proxy.url.replace(/\/$/, '') })
      const chatId = await createDirectChat(alice, await idOf(alice, bob))
      await sendMessage(alice, chatId, 'before')
      await openChat(bob, 'alice')
      await message(bob, 'before').waitFor()
      bob.offline()
      proxy.refuse()
      await bob.page.getByRole('status').getByText('Reconnecting…').waitFor()
      const sent: { text: string; sequence: number }[] = []
      for (let i = 0; i < 1_000; i += 20) {
        const some = Array.from({ length: 20 }, (_, j) => sendMessage(alice, chatId, `missed ${i + j}`))
        sent.push(...((await Promise.all(some)) as unknown as typeof sent))
      }
      const all = ['before', ...sent.sort((a, b) => a.sequence - b.sequence).map(({ text }) => text)]
      proxy.mend()
      const list = bob.page.getByRole('list', { name: 'Messages' })
      await expect.poll(() => bob.page.getByRole('status').textContent(), { timeout: 100_000 }).toBe('')
      bob.online()
      // What is far from sight is drawn when one goes there.
      const end = await texts(bob)
      expect(end).toEqual(all.slice(-end.length))
      await expect
        .poll(
          async () => {
            await list.evaluate((each) => each.scrollTo(0, 0))
            return list.locator('.text').count()
          },
          { timeout: 20_000 },
        )
        .toBe(all.length)
      expect(await texts(bob)).toEqual(all)
    } finally {
      await departAll()
      await proxy.dispose()
    }
  })

  test('an answer that is lost leaves one message', async () => {
    const [alice, bob] = await Promise.all([join('Alice'), join('Bob')])
    await startChat(alice, [bob])
    let lost = 0
    await alice.page.route('**/graphql', async (route) => {
      const isSend = route.request().postData()?.includes('"SendMessage"') ?? false
      if (!isSend || lost > 0) return route.continue()
      // It gets there; that it did, nobody hears.
      const answer = await route.fetch()
      const { data } = (await answer.json()) as { data?: { sendMessage?: { __typename: string } } }
      if (data?.sendMessage?.__typename !== 'SendMessagePayload') return route.fulfill({ response: answer })
      lost++
      return route.abort()
    })
    alice.offline()
    await say(alice, 'only once')
    await openChat(bob, 'Alice')
    await say(bob, 'heard')
    await message(alice, 'heard').waitFor()
    await expect.poll(() => texts(alice)).toEqual(['only once', 'heard'])
    await expect.poll(() => alice.page.locator('.message .state').count()).toBe(0)
    expect(await texts(bob)).toEqual(['only once', 'heard'])
    expect(lost).toBe(1)
  })

  test('older messages come as one scrolls up, in order, and nothing jumps', async () => {
    const [alice, bob] = [await app.register('alice'), await app.register('bob')]
    const chatId = await createDirectChat(alice, bob.id)
    const expected = Array.from({ length: 120 }, (_, i) => `number ${i + 1}`)
    for (const text of expected) await sendMessage(alice, chatId, text)
    const reader = await enter('Bob')
    await logIn(reader, bob.username)
    await openChat(reader, 'alice')
    await message(reader, 'number 120').waitFor()
    const list = reader.page.getByRole('list', { name: 'Messages' })
    const isAtEnd = () => list.evaluate((each) => each.scrollHeight - each.scrollTop - each.clientHeight < 2)
    await expect.poll(isAtEnd).toBe(true)
    expect(await texts(reader)).toEqual(expected.slice(-(await texts(reader)).length))

    // What one looks at stays where it is when a page comes above it.
    const top = () =>
      list.evaluate((each) => {
        const edge = each.getBoundingClientRect().top
        const first = [...each.querySelectorAll('.text')].find(
          (one) => one.getBoundingClientRect().top >= edge,
        )
        return { text: first?.textContent, at: (first?.getBoundingClientRect().top ?? 0) - edge }
      })
    const known = (await texts(reader)).length
    await list.evaluate((each) => {
      each.scrollTop = 300
    })
    const seen = await top()
    await expect.poll(async () => (await texts(reader)).length).toBeGreaterThan(known)
    const still = await top()
    expect(still.text).toBe(seen.text)
    expect(Math.abs(still.at - seen.at)).toBeLessThan(2)

    await expect
      .poll(async () => {
        await list.evaluate((each) => {
          each.scrollTop = 0
        })
        return list.getByText('The beginning of this chat').count()
      })
      .toBe(1)
    expect(await texts(reader)).toEqual(expected)
    await sendMessage(alice, chatId, 'the newest')
    await expect.poll(() => texts(reader)).toEqual([...expected, 'the newest'])
    expect(await isAtEnd()).toBe(false)
  })

  test('problems are told at their fields, and tokens are renewed in time', async () => {
    const strict = await startTestApp({
      database: app.database,
      config: { webApp: true, accessTokenTtlSeconds: 10 },
    })
    try {
      const alice = await enter('Alice', { url: strict.url })
      await alice.page.getByRole('button', { name: 'Make an account' }).click()
      await alice.page.getByLabel('Username').fill('a')
      await alice.page.getByLabel('Password').fill('short')
      await alice.page.getByRole('button', { name: 'Sign up' }).click()
      for (const name of ['Username', 'Email', 'Password']) {
        await expect.poll(() => alice.page.getByLabel(name).getAttribute('aria-invalid')).toBe('true')
      }
      await expect
        .poll(() => alice.page.evaluate(() => document.activeElement?.getAttribute('name')))
        .toBe('username')
      await alice.page.reload()
      let refreshes = 0
      alice.page.on('request', (request) => {
        if (request.postData()?.includes('"RefreshTokens"')) refreshes++
      })
      await signUp(alice)
      const stored = () =>
        alice.page.evaluate(() => JSON.parse(localStorage.getItem('parley.session') ?? '{}').accessToken)
      const first = await stored()
      await startChat(alice, [], 'Notes')
      await say(alice, 'to myself')
      await expect.poll(() => message(alice, 'to myself').locator('.when').count()).toBe(1)
      // The answer to it is stored, and does not replace what follows.
      await expect.poll(stored, { timeout: 15_000 }).not.toBe(first)
      expect(refreshes).toBeGreaterThan(0)

      // One that looks good here, and that the server refuses: it is refreshed, and the request repeated.
      refreshes = 0
      await alice.page.evaluate(() => {
        const session = JSON.parse(localStorage.getItem('parley.session') ?? '{}')
        const accessTokenExpiresAt = new Date(Date.now() + 3_600_000).toISOString()
        const refused = { ...session, accessToken: 'refused', accessTokenExpiresAt }
        localStorage.setItem('parley.session', JSON.stringify(refused))
      })
      await say(alice, 'said again')
      await expect.poll(() => message(alice, 'said again').locator('.when').count()).toBe(1)
      expect(refreshes).toBeGreaterThan(0)
      expect(alice.complaints.splice(0).filter((each) => !each.includes('status of 401'))).toEqual([])
      await alice.page.getByRole('button', { name: 'Log out' }).click()
      await alice.page.getByRole('button', { name: 'Log in' }).waitFor()
      expect(await alice.page.evaluate(() => localStorage.length + sessionStorage.length)).toBe(0)
    } finally {
      await departAll()
      await strict.dispose()
    }
  })

  test('a clock that is 20 minutes ahead costs no refreshes', async () => {
    const alice = await enter('Alice')
    await alice.page.addInitScript((ms) => {
      const now = Date.now
      Date.now = () => now() + ms
    }, 20 * 60_000)
    await alice.page.reload()
    let refreshes = 0
    alice.page.on('request', (request) => {
      if (request.postData()?.includes('"RefreshTokens"')) refreshes++
    })
    await signUp(alice)
    await startChat(alice, [], 'Notes')
    for (const text of ['one', 'two', 'three']) {
      await say(alice, text)
      await expect.poll(() => message(alice, text).locator('.when').count()).toBe(1)
    }
    await alice.page.reload()
    await message(alice, 'three').waitFor()
    expect(refreshes).toBe(0)
  })

  test('a keyboard is enough, and what reads it aloud finds everything', async () => {
    const other = await app.register('alice')
    const bob = await app.register('bob')
    const chatId = await createDirectChat(other, bob.id)
    await sendMessage(other, chatId, 'can you hear me?')
    const reader = await enter('Bob')
    const { page } = reader
    await page.getByRole('button', { name: 'Log in' }).waitFor()
    await expectAccessible(reader)
    const isOnRow = () => page.evaluate(() => document.activeElement?.matches('a.row') ?? false)
    await page.keyboard.press('Tab')
    await page.keyboard.type(bob.username)
    await page.keyboard.press('Tab')
    await page.keyboard.type('Password123')
    await page.keyboard.press('Enter')
    await row(page, 'alice').waitFor()
    await expectAccessible(reader)
    for (let i = 0; i < 10 && !(await isOnRow()); i++) await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await message(reader, 'can you hear me?').waitFor()
    await expect
      .poll(() => page.evaluate(() => document.activeElement?.getAttribute('aria-label')))
      .toBe('Message')
    await page.keyboard.type('loud and clear')
    await page.keyboard.press('Enter')
    await expect.poll(() => texts(reader)).toEqual(['can you hear me?', 'loud and clear'])
    await expectAccessible(reader)
    await sendMessage(other, chatId, 'good')
    await expect.poll(() => page.locator('[aria-live=polite]').textContent()).toBe('alice: good')

    for (const colorScheme of ['dark', 'light'] as const) {
      await page.emulateMedia({ colorScheme })
      await expectAccessible(reader)
    }
    const colour = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor)
    const light = await colour()
    await page.emulateMedia({ colorScheme: 'dark' })
    expect(await colour()).not.toBe(light)
  })

  test('on a narrow screen there is one pane at a time', async () => {
    const [alice, bob] = [await app.register('alice'), await app.register('bob')]
    await createDirectChat(alice, bob.id)
    const reader = await enter('Bob', { viewport: { width: 390, height: 780 } })
    await logIn(reader, bob.username)
    await openChat(reader, 'alice')
    expect(await reader.page.getByRole('heading', { name: 'Chats' }).isVisible()).toBe(false)
    await reader.page.getByRole('button', { name: 'All chats' }).click()
    await reader.page.getByRole('heading', { name: 'Chats' }).waitFor()
    await reader.page.goBack()
    await reader.page.getByLabel('Message', { exact: true }).waitFor()
    expect(await reader.page.evaluate(() => document.documentElement.scrollWidth)).toBe(390)
  })
})
