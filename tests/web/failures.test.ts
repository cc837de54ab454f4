import type { Browser } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { startTestApp, type TestApp, type TestUser, testPassword } from '../testkit/app.ts'
import { hasBrowser, startBrowser } from '../testkit/browser.ts'
import { createDirectChat, createGroupChat, sendMessage } from '../testkit/chats.ts'
import {
  AddChatMembers,
  DeleteMessage,
  EditMessage,
  Login,
  RemoveChatMember,
  RenameChat,
} from '../testkit/operations.ts'
import { createTestProxy, type TestProxy } from '../testkit/proxy.ts'
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
  texts,
} from './people.ts'

describe.skipIf(!hasBrowser)('the web app, when something fails', { timeout: 60_000 }, () => {
  let app: TestApp
  let browser: Browser
  let proxy: TestProxy
  let present: Person[] = []

  beforeAll(async () => {
    buildWebApp()
    ;[app, browser] = await Promise.all([startTestApp({ config: { webApp: true } }), startBrowser()])
    proxy = await createTestProxy(app.url)
  }, 60_000)
  afterEach(async () => {
    const complaints = present.flatMap((each) => each.complaints)
    await Promise.all(present.map(({ context }) => context.close()))
    present = []
    proxy.mend()
    expect(complaints).toEqual([])
  })
  afterAll(async () => {
    await browser?.close()
    await proxy?.dispose()
    await app?.dispose()
  })

  /** At the proxy. */
  async function enter(user: TestUser, options: Parameters<typeof openPage>[3] = {}): Promise<Person> {
    const url = proxy.url.replace(/\/$/, '')
    const person = await openPage(browser, url, user.username, { ...loggedInAs(user, url), ...options })
    present.push(person)
    await person.page.getByRole('heading', { name: 'Chats' }).waitFor()
    return person
  }

  async function goOffline(person: Person): Promise<void> {
    person.offline()
    proxy.refuse()
    await person.page.getByRole('status').getByText('Reconnecting…').waitFor()
  }

  const pair = () => Promise.all([app.register('alice'), app.register('bob')])
  const isOperation = (body: string | null, name: string) => body?.includes(`"${name}"`) ?? false

  test('who is removed from the group that is open, and added again, has it again', async () => {
    const [alice, bob] = await pair()
    const chatId = await createGroupChat(alice, [bob.id], 'Walks')
    await sendMessage(alice, chatId, 'hello')
    const reader = await enter(bob)
    await openChat(reader, 'Walks')
    await message(reader, 'hello').waitFor()
    for (let i = 0; i < 2; i++) {
      await alice.run(RemoveChatMember, { input: { chatId, userId: bob.id } })
      await reader.page.getByText('There is no such chat').waitFor()
      await alice.run(AddChatMembers, { input: { chatId, userIds: [bob.id] } })
      await message(reader, 'hello').waitFor()
    }
  })

  test('what was opened or searched for without a network comes with it', async () => {
    const [alice, bob] = await pair()
    const chatId = await createDirectChat(alice, bob.id)
    await sendMessage(alice, chatId, 'hello')
    const reader = await enter(bob)
    await row(reader.page, 'alice').waitFor()
    await goOffline(reader)
    await row(reader.page, 'alice').click()
    await reader.page.getByText('It could not be loaded.').waitFor()
    await reader.page.getByRole('button', { name: 'New chat' }).click()
    await reader.page.getByLabel('Find people').fill(alice.username)
    await reader.page.getByRole('dialog').getByText('The server cannot be reached').waitFor()
    proxy.mend()
    await message(reader, 'hello').waitFor({ timeout: 20_000 })
    await reader.page.getByRole('checkbox', { name: alice.username }).waitFor()
    reader.online()
  })

  test('why a message was not deleted, or a reaction not taken, is said at the message', async () => {
    const [alice, bob] = await pair()
    const chatId = await createDirectChat(alice, bob.id)
    await sendMessage(bob, chatId, 'hello')
    const reader = await enter(bob)
    const { page } = reader
    await openChat(reader, 'alice')
    const problem = message(reader, 'hello').getByRole('alert')
    const react = async () => {
      await message(reader, 'hello').hover()
      await page.getByRole('button', { name: 'React' }).click()
      await page.getByRole('button', { name: '👍' }).click()
    }
    // What the page never asks for, so that the server refuses.
    await page.route('**/graphql', (route) => {
      const body = route.request().postData()
      if (!isOperation(body, 'AddReaction')) return route.continue()
      return route.continue({ postData: body?.replace('👍', 'not one') ?? '' })
    })
    await react()
    await expect.poll(() => problem.textContent()).toMatch(/emoji/i)
    await page.unrouteAll()
    await react()
    await message(reader, 'hello').getByRole('button', { name: '👍 1' }).waitFor()
    expect(await problem.count()).toBe(0)
    await goOffline(reader)
    await message(reader, 'hello').hover()
    await page.getByRole('button', { name: 'Delete' }).click()
    await expect.poll(() => problem.textContent()).toContain('cannot be reached')
  })

  test('a group is made once, however often one presses and whatever is lost', async () => {
    const alice = await app.register('alice')
    const maker = await enter(alice)
    const { page } = maker
    let made = 0
    await page.route('**/graphql', async (route) => {
      if (!isOperation(route.request().postData(), 'CreateGroupChat')) return route.continue()
      const answer = await route.fetch()
      const { data } = (await answer.json()) as { data?: { createGroupChat?: { __typename: string } } }
      if (data?.createGroupChat?.__typename !== 'CreateGroupChatPayload') {
        return route.fulfill({ response: answer })
      }
      made++
      // Of the second nobody hears.
      return made === 2 ? route.abort() : route.fulfill({ response: answer })
    })
    const create = async (title: string) => {
      await page.getByRole('button', { name: 'New chat' }).click()
      await page.getByLabel('Title').fill(title)
      await page.getByRole('button', { name: 'Create group' }).evaluate((button) => {
        for (let i = 0; i < 3; i++) (button as HTMLButtonElement).click()
      })
      await page.getByRole('dialog').waitFor({ state: 'detached' })
      await page.getByRole('heading', { name: title }).waitFor()
    }
    await create('First')
    maker.offline()
    await create('Second')
    expect(await page.locator('nav a.row').count()).toBe(2)
    expect(made).toBe(2)
  })

  test('what waits to be sent is not lost unasked, and can be discarded', async () => {
    const [alice, bob] = await pair()
    await createDirectChat(alice, bob.id)
    const writer = await enter(bob)
    const { page } = writer
    const asked: string[] = []
    page.removeAllListeners('dialog')
    page.on('dialog', (dialog) => {
      asked.push(dialog.type())
      void dialog.dismiss()
    })
    await openChat(writer, 'alice')
    await goOffline(writer)
    await say(writer, 'waits')
    await message(writer, 'waits').getByText('Not sent yet').waitFor()
    await page.close({ runBeforeUnload: true })
    await expect.poll(() => asked).toEqual(['beforeunload'])
    await page.getByRole('button', { name: 'Log out' }).click()
    await expect.poll(() => asked).toEqual(['beforeunload', 'confirm'])
    expect(await texts(writer)).toEqual(['waits'])
    await message(writer, 'waits').getByRole('button', { name: 'Discard' }).click()
    await expect.poll(() => texts(writer)).toEqual([])
    proxy.mend()
    await expect.poll(() => page.locator('.connection').textContent(), { timeout: 20_000 }).toBe('')
    await page.getByRole('button', { name: 'Log out' }).click()
    await page.getByRole('button', { name: 'Log in' }).waitFor()
    expect(asked).toHaveLength(2)
    expect(await page.evaluate(() => sessionStorage.length)).toBe(0)
  })

  test('whose session was ended is told so, and who logged out is not', async () => {
    const bob = await app.register('bob')
    const reader = await enter(bob)
    const { page } = reader
    await page.getByRole('button', { name: 'Log out' }).click()
    await page.getByRole('button', { name: 'Log in' }).waitFor()
    expect(await page.getByText('Your session has ended').count()).toBe(0)
    await page.getByRole('button', { name: 'Log in' }).click()
    await expect.poll(() => page.getByText('Required').count()).toBe(2)
    await logIn(reader, bob.username)
    const url = page.url()
    await page.goto('about:blank')
    const { login } = await bob.run(Login, { input: { identifier: bob.username, password: testPassword } })
    await app.client(login.tokens.accessToken).run('mutation { revokeOtherSessions { revokedCount } }')
    await page.goto(url)
    await page.getByText('Your session has ended. Log in again.').waitFor()
    await page.locator('input[name=identifier]:focus').waitFor()
    expect(reader.complaints.splice(0).filter((each) => !each.includes('status of 401'))).toEqual([])
  })

  test('what comes while one reads farther up is announced, and counted in the tab', async () => {
    const [alice, bob] = await pair()
    const chatId = await createDirectChat(alice, bob.id)
    for (let i = 1; i <= 40; i++) await sendMessage(alice, chatId, `number ${i}`)
    const reader = await enter(bob)
    const { page } = reader
    await expect.poll(() => page.title()).toBe('(40) Parley')
    await openChat(reader, 'alice')
    await message(reader, 'number 40').waitFor()
    await expect.poll(() => page.title()).toBe('Parley')
    await page.getByRole('list', { name: 'Messages' }).evaluate((list) => list.scrollTo(0, 300))
    await sendMessage(alice, chatId, 'the newest')
    await page.getByRole('button', { name: 'New messages' }).click()
    await expect.poll(() => page.getByRole('button', { name: 'New messages' }).count()).toBe(0)
    await message(reader, 'the newest').waitFor()
    await createGroupChat(bob, [], 'Notes')
    await openChat(reader, 'Notes')
    await say(reader, 'read by nobody')
    await message(reader, 'read by nobody').locator('.when').waitFor()
    expect(await page.getByText('Seen').count()).toBe(0)
  })

  test('where nothing hovers one button opens the actions of a message', async () => {
    const bob = await app.register('bob')
    await sendMessage(bob, await createGroupChat(bob, [], 'Notes'), 'hello')
    const viewport = { width: 390, height: 700 }
    const reader = await enter(bob, { viewport, isMobile: true, hasTouch: true })
    const { page } = reader
    await openChat(reader, 'Notes')
    const actions = message(reader, 'hello').getByRole('button', { name: 'Actions' })
    await actions.waitFor()
    expect(await page.getByRole('button', { name: 'Reply' }).isVisible()).toBe(false)
    await actions.tap()
    await expectAccessible(reader)
    await page.getByRole('button', { name: 'React' }).tap()
    await page.getByRole('button', { name: '👍' }).tap()
    await message(reader, 'hello').getByRole('button', { name: '👍 1' }).waitFor()
    expect(await page.getByRole('button', { name: 'Reply' }).isVisible()).toBe(false)
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390)
  })

  test('a text that is too long is told before it is sent', async () => {
    const bob = await app.register('bob')
    await createGroupChat(bob, [], 'Notes')
    const writer = await enter(bob)
    const { page } = writer
    await openChat(writer, 'Notes')
    await say(writer, '😀'.repeat(5_001))
    await page.getByRole('alert').getByText('5,000 characters: 1 too many').waitFor()
    expect(await page.getByRole('button', { name: 'Send' }).isDisabled()).toBe(true)
    expect(await texts(writer)).toEqual([])
    await say(writer, '😀'.repeat(5_000))
    await message(writer, '😀').locator('.when').waitFor()
  })

  test('a message that cannot pass holds up no other, and can be written anew', async () => {
    const [alice, bob] = await pair()
    await createDirectChat(alice, bob.id)
    await createGroupChat(bob, [], 'Notes')
    const writer = await enter(bob)
    const { page } = writer
    await page.route('**/graphql', (route) =>
      route.request().postData()?.includes('cannot pass')
        ? route.fulfill({ status: 413, contentType: 'text/plain', body: 'too large' })
        : route.continue(),
    )
    await openChat(writer, 'alice')
    await say(writer, 'cannot pass')
    await say(writer, 'behind it')
    await openChat(writer, 'Notes')
    await say(writer, 'elsewhere')
    await message(writer, 'elsewhere').locator('.when').waitFor()
    await openChat(writer, 'alice')
    await message(writer, 'behind it').locator('.when').waitFor()
    await message(writer, 'cannot pass').getByText('Not sent: The server answered with status 413.').waitFor()
    await message(writer, 'cannot pass').getByRole('button', { name: 'Edit' }).click()
    await expect.poll(() => page.getByLabel('Message', { exact: true }).inputValue()).toBe('cannot pass')
    await page.unrouteAll()
    await page.keyboard.press('Enter')
    await expect.poll(() => texts(writer)).toEqual(['behind it', 'cannot pass'])
    await message(writer, 'cannot pass').locator('.when').waitFor()
    expect(writer.complaints.splice(0).filter((each) => !each.includes('status of 413'))).toEqual([])
  })

  /** @returns after its call the log does not reach back to the cursor that the page asks for next, or so it is told */
  async function expiringCursors({ page }: Person): Promise<() => void> {
    let isExpired = false
    await page.routeWebSocket('**/graphql', (socket) => {
      const behind = socket.connectToServer()
      socket.onMessage((data) => {
        const { id, payload } = JSON.parse(String(data)) as { id: string; payload?: object }
        if (!isExpired || !isOperation(JSON.stringify(payload ?? null), 'Events')) return behind.send(data)
        isExpired = false
        const errors = [{ message: 'It has expired.', extensions: { code: 'CURSOR_EXPIRED' } }]
        socket.send(JSON.stringify({ id, type: 'error', payload: errors }))
      })
    })
    // A page is routed from its beginning.
    await page.reload()
    return () => {
      isExpired = true
    }
  }

  test('what is said while all is fetched anew is shown, whatever is answered late or never', async () => {
    const [alice, bob] = await pair()
    const chatId = await createDirectChat(alice, bob.id)
    await sendMessage(alice, chatId, 'before')
    const reader = await enter(bob)
    const { page } = reader
    const expire = await expiringCursors(reader)
    await openChat(reader, 'alice')
    await message(reader, 'before').waitFor()
    reader.offline()
    const asked: string[] = []
    await page.route('**/graphql', async (route) => {
      const name = ['Home', 'Conversation'].find((each) => isOperation(route.request().postData(), each))
      if (name === undefined) return route.continue()
      asked.push(name)
      // Lost; then read, and told when more has been said.
      if (asked.filter((each) => each === name).length === 1) return route.abort()
      const response = await route.fetch()
      await sendMessage(alice, chatId, `after ${name}`)
      await route.fulfill({ response })
    })
    expire()
    proxy.cut()
    await message(reader, 'after Conversation').waitFor({ timeout: 20_000 })
    expect(await texts(reader)).toEqual(['before', 'after Home', 'after Conversation'])
    expect(asked).toEqual(['Home', 'Home', 'Conversation', 'Conversation'])
    reader.online()
  })

  test('an answer that was read before all was fetched anew counts no more', async () => {
    const [alice, bob] = await pair()
    const chatId = await createDirectChat(alice, bob.id)
    await sendMessage(alice, chatId, 'before')
    const reader = await enter(bob)
    const { page } = reader
    const expire = await expiringCursors(reader)
    await row(page, 'alice').waitFor()
    reader.offline()
    const asked: string[] = []
    await page.route('**/graphql', async (route) => {
      const name = ['Home', 'Conversation'].find((each) => isOperation(route.request().postData(), each))
      if (name === undefined) return route.continue()
      asked.push(name)
      if (asked.length > 1) return route.continue()
      const response = await route.fetch()
      await sendMessage(alice, chatId, 'between')
      expire()
      proxy.cut()
      // It is told so once the page has its new place in the log.
      await row(page, 'alice').getByText('between').waitFor()
      await expect.poll(() => page.locator('.connection').textContent()).toBe('')
      await route.fulfill({ response })
    })
    await row(page, 'alice').click()
    await expect.poll(() => texts(reader), { timeout: 20_000 }).toEqual(['before', 'between'])
    expect(asked).toEqual(['Conversation', 'Home', 'Conversation'])
    reader.online()
  })

  /** Whether an answer is on its way is up to the test: it is read at once, and told when it is let go. */
  async function holdBack({ page }: Person, name: string) {
    const read = createGate()
    const mayCome = createGate()
    let isFirst = true
    await page.route('**/graphql', async (route) => {
      if (!isOperation(route.request().postData(), name) || !isFirst) return route.fallback()
      isFirst = false
      const response = await route.fetch()
      read.open()
      await mayCome.opened
      await route.fulfill({ response })
    })
    const letCome = async () => {
      const answer = page.waitForResponse((each) => isOperation(each.request().postData(), name))
      mayCome.open()
      await (await answer).finished()
      // The page has it by then, and has drawn what it makes of it.
      await page.getByRole('button', { name: 'New chat' }).click()
      await page.getByRole('button', { name: 'Close' }).click()
      await page.getByRole('dialog').waitFor({ state: 'detached' })
    }
    return { isRead: read.opened, letGo: mayCome.open, letCome }
  }

  test('an older page that comes late undoes nothing of what has happened meanwhile', async () => {
    const [alice, bob] = await pair()
    const chatId = await createDirectChat(alice, bob.id)
    const sent = []
    for (let i = 1; i <= 50; i++) sent.push(await sendMessage(alice, chatId, `number ${i}.`))
    const reader = await enter(bob)
    const older = await holdBack(reader, 'OlderMessages')
    await openChat(reader, 'alice')
    await message(reader, 'number 50.').waitFor()
    await reader.page.getByRole('list', { name: 'Messages' }).evaluate((list) => list.scrollTo(0, 0))
    await older.isRead
    await alice.run(DeleteMessage, { input: { messageId: sent[9]?.id } })
    await alice.run(EditMessage, { input: { messageId: sent[10]?.id, text: 'edited since' } })
    await sendMessage(alice, chatId, 'said meanwhile')
    await message(reader, 'said meanwhile').waitFor()
    await older.letCome()
    await message(reader, 'number 1.').waitFor()
    expect((await texts(reader)).slice(8, 12)).toEqual([
      'number 9.',
      'Message deleted',
      'edited since',
      'number 12.',
    ])
  })

  test('on the way to a message one may turn back, and nothing that happens meanwhile is lost', async () => {
    const [alice, bob] = await pair()
    const chatId = await createDirectChat(alice, bob.id)
    const sent = []
    for (let i = 1; i <= 70; i++) sent.push(await sendMessage(alice, chatId, `number ${i}.`))
    const reader = await enter(bob)
    const { page } = reader
    const focused = () => page.evaluate(() => document.activeElement?.getAttribute('data-sequence'))
    const go = () =>
      page.evaluate(() => {
        location.hash = '#m5'
      })
    await openChat(reader, 'alice')
    await message(reader, 'number 70.').waitFor()
    const given = await holdBack(reader, 'OlderMessages')
    await go()
    await given.isRead
    await page.keyboard.press('Escape')
    await page.getByText('Going to the message').waitFor({ state: 'detached' })
    expect(new URL(page.url()).hash).toBe('')
    await given.letCome()
    expect(await message(reader, 'number 5.').count()).toBe(0)

    const taken = await holdBack(reader, 'OlderMessages')
    await go()
    await taken.isRead
    await alice.run(EditMessage, { input: { messageId: sent[20]?.id, text: 'edited since' } })
    await sendMessage(alice, chatId, 'said meanwhile')
    await row(page, 'alice').getByText('said meanwhile').waitFor()
    taken.letGo()
    await expect.poll(focused).toBe('5')
    expect((await texts(reader)).slice(19, 22)).toEqual(['number 20.', 'edited since', 'number 22.'])
  })

  test('a chat that opens late is shown as it is now, and so is how much is unread', async () => {
    const [alice, bob, carol] = await Promise.all(['alice', 'bob', 'carol'].map((name) => app.register(name)))
    if (!alice || !bob || !carol) throw new Error('Nobody came.')
    const chatId = await createGroupChat(alice, [bob.id], 'Walks')
    const elsewhere = await createDirectChat(carol, bob.id)
    const { id: messageId } = await sendMessage(alice, chatId, 'too early')
    const reader = await enter(bob)
    const { page } = reader
    const opening = await holdBack(reader, 'Conversation')
    await row(page, 'Walks').click()
    await opening.isRead
    await alice.run(EditMessage, { input: { messageId, text: 'in time' } })
    await alice.run(RenameChat, { input: { chatId, title: 'Runs' } })
    await alice.run(AddChatMembers, { input: { chatId, userIds: [carol.id] } })
    await row(page, 'Runs').getByText('added carol').waitFor()
    await opening.letCome()
    await page.getByText('3 members: alice, bob, carol').waitFor()
    await page.getByRole('heading', { name: 'Runs' }).waitFor()
    expect(await texts(reader)).toEqual(['in time'])

    await expect.poll(() => page.title()).toBe('Parley')
    const reading = await holdBack(reader, 'MarkChatRead')
    await sendMessage(alice, chatId, 'read me')
    await reading.isRead
    await sendMessage(carol, elsewhere, 'unread')
    await expect.poll(() => page.title()).toBe('(1) Parley')
    await reading.letCome()
    expect(await page.title()).toBe('(1) Parley')
  })

  test('older finds come once, for the search that they belong to, and say when they do not', async () => {
    const [alice, bob] = await pair()
    const chatId = await createDirectChat(alice, bob.id)
    for (let i = 1; i <= 50; i++) await sendMessage(alice, chatId, i % 2 ? `nettle ${i}` : `nettle soup ${i}`)
    const reader = await enter(bob)
    const { page } = reader
    const found = page.getByRole('list', { name: 'Found messages' }).getByRole('link')
    const result = page.getByRole('dialog').getByRole('status')
    const field = page.getByRole('searchbox', { name: 'Search for' })
    const older = page.getByRole('button', { name: 'Older ones' })
    const hrefs = () => found.evaluateAll((links) => links.map((link) => (link as HTMLAnchorElement).hash))
    const numbers = (from: number, to: number, step = 1) =>
      Array.from({ length: (from - to) / step + 1 }, (_, i) => `#m${from - i * step}`)
    let asked = 0
    let held = createGate()
    let isLost = false
    await page.route('**/graphql', async (route) => {
      const body = route.request().postData()
      if (!isOperation(body, 'FindMessages') || !/"after":"/.test(body ?? '')) return route.continue()
      asked++
      if (isLost) return route.abort()
      const response = await route.fetch()
      await held.opened
      return route.fulfill({ response })
    })
    await openChat(reader, 'alice')
    await page.getByRole('button', { name: 'Search in this chat' }).click()
    await field.fill('nettle')
    await result.getByText('20 or more found').waitFor()
    await older.click()
    await result.getByText('Searching…').waitFor()
    await older.click({ force: true })
    held.open()
    await result.getByText('40 or more found').waitFor()
    expect(asked).toBe(1)
    expect(await hrefs()).toEqual(numbers(50, 11))

    held = createGate()
    await older.click()
    await expect.poll(() => asked).toBe(2)
    await field.fill('soup')
    await result.getByText('20 or more found').waitFor()
    const late = page.waitForResponse((each) => /"after":"/.test(each.request().postData() ?? ''))
    held.open()
    await (await late).finished()
    expect(await hrefs()).toEqual(numbers(50, 12, 2))
    await older.click()
    await result.getByText('25 found').waitFor()
    expect(await hrefs()).toEqual(numbers(50, 2, 2))

    await field.fill('nettle')
    await result.getByText('20 or more found').waitFor()
    reader.offline()
    isLost = true
    await older.click()
    await result.getByText('The server cannot be reached. Try again in a moment.').waitFor()
    isLost = false
    await older.click()
    await result.getByText('40 or more found').waitFor()
    expect(await hrefs()).toEqual(numbers(50, 11))
    reader.online()
  })

  test('a search that is refused is told why, and not repeated', async () => {
    const [, bob] = await pair()
    const reader = await enter(bob)
    const { page } = reader
    let asked = 0
    await page.clock.install()
    page.on('request', (request) => {
      if (isOperation(request.postData(), 'FindPeople')) asked++
    })
    await page.getByRole('button', { name: 'New chat' }).click()
    await page.getByLabel('Find people').fill('x'.repeat(121))
    await page.getByRole('dialog').getByText('120').waitFor()
    expect(await page.getByText('cannot be reached').count()).toBe(0)
    asked = 0
    await page.clock.runFor(10_000)
    await page.getByLabel('Find people').fill(bob.username.slice(0, 3))
    await expect.poll(() => page.getByRole('dialog').getByText('120').count()).toBe(0)
    expect(asked).toBe(1)
  })

  test('what is too much for the server at once is sent by itself, and not before its time', async () => {
    const bob = await app.register('bob')
    await createGroupChat(bob, [], 'Notes')
    const writer = await enter(bob)
    const { page } = writer
    const retryAfterMs = 1_500
    const answers = [
      { data: { sendMessage: { __typename: 'RateLimitedError', ...limit('Not so fast.'), retryAfterMs } } },
      { errors: [{ message: 'Not so fast.', extensions: { code: 'RATE_LIMITED', retryAfterMs } }] },
    ]
    const asked: number[] = []
    await page.route('**/graphql', (route) => {
      if (!route.request().postData()?.includes('"SendMessage"')) return route.continue()
      asked.push(performance.now())
      const json = answers.shift()
      return json === undefined ? route.continue() : route.fulfill({ json })
    })
    await openChat(writer, 'Notes')
    await say(writer, 'one')
    await say(writer, 'two')
    await message(writer, 'one').getByText('too many at a time').waitFor()
    expect(await message(writer, 'one').getByRole('button').allTextContents()).toEqual(['Discard'])
    // That the network is back is no reason.
    await page.evaluate(() => dispatchEvent(new Event('online')))
    await message(writer, 'two').locator('.when').waitFor()
    expect(await texts(writer)).toEqual(['one', 'two'])
    const pauses = asked.slice(1, 3).map((time, i) => time - (asked[i] ?? 0))
    for (const pause of pauses) expect(pause).toBeGreaterThanOrEqual(retryAfterMs - 50)
  })
})

/** No server of today limits messages, but clients are to be ready for one that does. */
function limit(reason: string) {
  return { code: 'RATE_LIMITED', reason }
}

/** Shut until it is opened. */
function createGate() {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open, opened }
}
