import type { Browser } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { toGlobalId, uuidv7 } from '../../src/core/ids.ts'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { hasBrowser, startBrowser } from '../testkit/browser.ts'
import { createDirectChat, createGroupChat, sendMessage } from '../testkit/chats.ts'
import { AddChatMembers, RemoveChatMember, SetChatMemberRole } from '../testkit/operations.ts'
import {
  buildWebApp,
  expectAccessible,
  loggedInAs,
  message,
  openChat,
  openPage,
  type Person,
  row,
  texts,
} from './people.ts'

describe.skipIf(!hasBrowser)('search and groups in the web app', { timeout: 60_000 }, () => {
  let app: TestApp
  let browser: Browser
  let present: Person[] = []

  beforeAll(async () => {
    buildWebApp()
    ;[app, browser] = await Promise.all([startTestApp({ config: { webApp: true } }), startBrowser()])
  }, 60_000)
  afterEach(async () => {
    const complaints = present.flatMap((each) => each.complaints)
    await Promise.all(present.map(({ context }) => context.close()))
    present = []
    expect(complaints).toEqual([])
  })
  afterAll(async () => {
    await browser?.close()
    await app?.dispose()
  })

  async function enter(user: TestUser): Promise<Person> {
    const person = await openPage(browser, app.url, user.username, loggedInAs(user, app.url))
    present.push(person)
    await person.page.getByRole('heading', { name: 'Chats' }).waitFor()
    return person
  }

  /** Accounts that nobody logs in to: a password takes its time. */
  async function addPeople(count: number): Promise<{ id: string; name: string }[]> {
    const people = Array.from({ length: count }, (_, i) => ({ id: uuidv7(), name: `member${i}` }))
    await app.app.database.prisma.$executeRaw`
      INSERT INTO users (id, username, username_key, email, email_key, display_name, display_name_key, password_hash)
      SELECT id, id, id, id, id, name, name, ''
      FROM unnest(${people.map(({ id }) => id)}::uuid[], ${people.map(({ name }) => name)}::text[]) AS p(id, name)`
    return people.map(({ id, name }) => ({ id: toGlobalId('User', id), name }))
  }

  const inBothColours = async (person: Person) => {
    for (const colorScheme of ['dark', 'light'] as const) {
      await person.page.emulateMedia({ colorScheme })
      await expectAccessible(person)
    }
  }

  test('messages are found by their words, and one is brought to them with the keyboard', async () => {
    const [alice, bob] = await Promise.all([app.register('alice'), app.register('bob')])
    const chatId = await createDirectChat(alice, bob.id)
    const elsewhere = await createGroupChat(bob, [alice.id], 'Kitchen')
    await sendMessage(alice, chatId, 'a nettle <b>soup</b> with potatoes')
    for (let i = 1; i <= 80; i += 10) {
      const some = Array.from({ length: 10 }, (_, j) => sendMessage(alice, chatId, `${i + j} times soup`))
      await Promise.all(some)
    }
    await sendMessage(alice, elsewhere, 'Nettles? No: one NETTLE is enough')
    const reader = await enter(bob)
    const { page } = reader
    const found = page.getByRole('list', { name: 'Found messages' }).getByRole('link')
    const field = page.getByRole('searchbox', { name: 'Search for' })
    const focused = () => page.evaluate(() => document.activeElement?.textContent ?? '')

    await page.getByRole('button', { name: 'Search all chats' }).click()
    await page.keyboard.type('nettle')
    await expect.poll(() => page.getByRole('status').allTextContents()).toContain('2 found, newest first')
    await expect.poll(() => found.locator('mark').allTextContents()).toEqual(['NETTLE', 'nettle'])
    expect(await found.nth(0).textContent()).toContain('alice in Kitchen')
    expect(await found.nth(1).textContent()).toContain('a nettle <b>soup</b> with potatoes')
    await inBothColours(reader)
    await field.fill('-nettle')
    await page.getByText('Type a word to look for.').waitFor()
    await field.fill('nothing like it')
    await page.getByText('Nothing found.').waitFor()
    await field.fill('nettle')
    await found.nth(1).waitFor()
    // From the field past the two finds: to the second of them.
    await field.focus()
    await page.keyboard.press('Tab')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await expect.poll(focused).toContain('a nettle <b>soup</b>')
    const isInSight = () =>
      page.evaluate(() => {
        const at = document.activeElement?.getBoundingClientRect()
        const list = document.querySelector('.messages')?.getBoundingClientRect()
        return at !== undefined && list !== undefined && at.top >= list.top && at.bottom <= list.bottom
      })
    expect(await isInSight()).toBe(true)
    expect(new URL(page.url()).hash).toBe('')
    expect((await texts(reader)).length).toBe(81)
    // Nobody has seen the end yet.
    const { chat } = await bob.run('query ($id: ID!) { chat(id: $id) { unreadCount } }', { id: chatId })
    expect(chat.unreadCount).toBe(81)
    await expectAccessible(reader)

    await page.getByRole('button', { name: 'Search in this chat' }).click()
    await field.fill('soup')
    await page.getByText('20 or more found').waitFor()
    await page.getByRole('button', { name: 'Older ones' }).click()
    await page.getByText('40 or more found').waitFor()
    await expect.poll(focused).toContain('times soup')
    await found.last().click()
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
    await expect.poll(focused).toContain('times soup')
    expect(await isInSight()).toBe(true)
    await sendMessage(alice, chatId, 'said meanwhile')
    await page.getByRole('button', { name: 'New messages' }).click()
    await message(reader, 'said meanwhile').waitFor()
  })

  test('a message far back is gone to by a link, time and again', async () => {
    const [alice, bob] = await Promise.all([app.register('alice'), app.register('bob')])
    const chatId = await createDirectChat(alice, bob.id)
    for (let i = 1; i <= 440; i += 40)
      await Promise.all(Array.from({ length: 40 }, (_, j) => sendMessage(alice, chatId, `number ${i + j}`)))
    const reader = await enter(bob)
    const { page } = reader
    const focused = () => page.evaluate(() => document.activeElement?.getAttribute('data-sequence'))
    await page.goto(`${app.url}/app/c/${chatId}#m10`)
    await expect.poll(focused).toBe('10')
    expect(await page.locator('.jump').count()).toBe(0)
    await page.getByRole('list', { name: 'Messages' }).evaluate((list) => {
      list.scrollTop = list.scrollHeight
    })
    await expect.poll(() => page.locator('.message').count()).toBe(200)
    await page.evaluate(() => {
      location.hash = '#m9'
    })
    await expect.poll(focused).toBe('9')
    expect(await page.locator('.jump').count()).toBe(0)
  })

  test('a group is managed as far as the role goes, and everybody sees what comes of it', async () => {
    const [alice, bob, carol, dave] = await Promise.all(
      ['alice', 'bob', 'carol', 'dave'].map((name) => app.register(name)),
    )
    if (!alice || !bob || !carol || !dave) throw new Error('Nobody came.')
    const others = await addPeople(50)
    const memberIds = [bob.id, carol.id, ...others.map(({ id }) => id)]
    const chatId = await createGroupChat(alice, memberIds, 'Club')
    const [owner, other] = await Promise.all([enter(alice), enter(bob)])
    const members = ({ page }: Person) =>
      page.getByRole('list', { name: 'Members' }).locator('strong').allTextContents()
    const all = ['alice', 'bob', 'carol', ...others.map(({ name }) => name)]
    for (const each of [owner, other]) {
      await openChat(each, 'Club')
      await each.page.getByRole('button', { name: 'Group' }).click()
      await each.page.getByRole('heading', { name: '53 members' }).waitFor()
      expect(await members(each)).toEqual(all.slice(0, 50))
    }
    const inDialog = other.page.getByRole('dialog').locator('button, select, input, summary')
    await other.page.getByRole('button', { name: 'More members' }).click()
    await expect.poll(() => members(other)).toEqual(all)
    // The one that closes it, and the one to leave.
    expect(await inDialog.count()).toBe(2)

    await owner.page.getByLabel('Role of bob').selectOption('Admin')
    await other.page.getByLabel('Name of the group').fill('')
    await other.page.getByRole('button', { name: 'Rename' }).click()
    await expect
      .poll(() => other.page.getByLabel('Name of the group').getAttribute('aria-invalid'))
      .toBe('true')
    await other.page.getByLabel('Name of the group').fill('Society')
    await other.page.keyboard.press('Enter')
    await owner.page.getByRole('dialog', { name: 'Society' }).waitFor()
    await row(owner.page, 'Society').waitFor()

    await other.page.getByText('Add people').click()
    await other.page.getByLabel('Find people').fill(dave.username)
    await other.page.getByRole('checkbox', { name: dave.username }).check()
    await inBothColours(other)
    await other.page.getByRole('button', { name: 'Add', exact: true }).click()
    await expect.poll(() => members(other)).toEqual([...all, 'dave'])
    // Their place is behind those that are not known yet.
    await owner.page.getByRole('heading', { name: '54 members' }).waitFor()
    expect(await members(owner)).toEqual(all.slice(0, 50))
    await owner.page.getByRole('button', { name: 'More members' }).click()
    await expect.poll(() => members(owner)).toEqual([...all, 'dave'])
    await owner.page.getByRole('button', { name: 'Remove carol' }).click()
    const left = [...all.filter((name) => name !== 'carol'), 'dave']
    for (const each of [owner, other]) await expect.poll(() => members(each)).toEqual(left)

    // What is offered may be over by the time it is asked for.
    await other.page.route('**/graphql', async (route) => {
      if (route.request().postData()?.includes('"RemoveChatMember"'))
        await alice.run(SetChatMemberRole, { input: { chatId, userId: others[0]?.id, role: 'ADMIN' } })
      return route.continue()
    })
    await other.page.getByRole('button', { name: 'Remove member0' }).click()
    await other.page.getByText('the owner removes admins, too').waitFor()
    await other.page.getByRole('button', { name: 'Remove member0' }).waitFor({ state: 'hidden' })

    await owner.page.getByLabel('Role of bob').selectOption('Owner')
    await other.page.getByLabel('Role of alice').waitFor()
    expect(await owner.page.getByLabel('Role of').count()).toBe(0)
    await owner.page.getByRole('button', { name: 'Leave group' }).click()
    await row(owner.page, 'Society').waitFor({ state: 'hidden' })
    await owner.page.getByText('Choose a chat').waitFor()
    await expect.poll(() => members(other)).toEqual(left.filter((name) => name !== 'alice'))
    await other.page.getByRole('button', { name: 'Close' }).click()
    await expect
      .poll(() => other.page.evaluate(() => document.activeElement?.getAttribute('aria-label')))
      .toBe('Group')
  })

  test('the focus stays where the group is managed, and late members are those of today', async () => {
    const [alice, bob, carol] = await Promise.all(['alice', 'bob', 'carol'].map((name) => app.register(name)))
    if (!alice || !bob || !carol) throw new Error('Nobody came.')
    const others = await addPeople(55)
    const chatId = await createGroupChat(alice, [bob.id, ...others.map(({ id }) => id)], 'Club')
    const owner = await enter(alice)
    const { page } = owner
    const focused = () =>
      page.evaluate(() => {
        const element = document.activeElement
        return `${element?.tagName} ${element?.getAttribute('aria-label') ?? element?.textContent}`
      })
    const members = page.getByRole('list', { name: 'Members' }).locator('strong')
    await openChat(owner, 'Club')
    await page.getByRole('button', { name: 'Group' }).click()
    await page.route('**/graphql', async (route) => {
      if (!route.request().postData()?.includes('"MoreMembers"')) return route.continue()
      const response = await route.fetch()
      await alice.run(AddChatMembers, { input: { chatId, userIds: [carol.id] } })
      await alice.run(RemoveChatMember, { input: { chatId, userId: others[54]?.id } })
      await row(page, 'Club').getByText('removed member54').waitFor()
      return route.fulfill({ response })
    })
    await page.getByRole('button', { name: 'More members' }).press('Enter')
    const names = ['alice', 'bob', ...others.slice(0, 54).map(({ name }) => name), 'carol']
    await expect.poll(() => members.allTextContents()).toEqual(names)
    await expect.poll(focused).toBe('H3 57 members')

    const role = page.getByLabel('Role of bob')
    await role.focus()
    await role.selectOption('Admin')
    await row(page, 'Club').getByText('made bob an admin').waitFor()
    await expect.poll(() => role.getAttribute('aria-disabled')).toBe('false')
    expect(await focused()).toBe('SELECT Role of bob')
    await page.getByLabel('Name of the group').fill('Society')
    await page.getByRole('button', { name: 'Rename' }).press('Enter')
    await page.getByRole('dialog', { name: 'Society' }).waitFor()
    await expect.poll(() => page.locator('form [aria-disabled=true]').first().textContent()).toBe('Rename')
    expect(await focused()).toBe('BUTTON Rename')
    await role.focus()
    await role.selectOption('Owner')
    await expect.poll(focused).toBe('H3 57 members')
    await page.getByLabel('Name of the group').focus()
    await bob.run(SetChatMemberRole, { input: { chatId, userId: alice.id, role: 'MEMBER' } })
    await expect.poll(focused).toBe('H2 Society')
    await bob.run(RemoveChatMember, { input: { chatId, userId: alice.id } })
    await expect.poll(focused).toBe('BUTTON All chats')
    await bob.run(AddChatMembers, { input: { chatId, userIds: [alice.id] } })
    await page.getByRole('button', { name: 'Group' }).click()
    await page.getByRole('button', { name: 'Leave group' }).press('Enter')
    await page.getByText('Choose a chat').waitFor()
    await expect.poll(focused).toBe('H1 Chats')
  })
})
