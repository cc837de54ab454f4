import { statSync } from 'node:fs'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { hasBrowser, startBrowser } from '../testkit/browser.ts'
import { createDirectChat, createGroupChat, sendMessage } from '../testkit/chats.ts'
import { AddReaction, MarkChatRead, UpdateProfile } from '../testkit/operations.ts'
import { buildWebApp, logIn, message, openChat, openPage, row } from './people.ts'

/** `SCREENSHOTS=1 npx vitest run tests/web/screenshots.test.ts` draws those of the documentation anew. */
const wanted = process.env['SCREENSHOTS'] === '1'

describe.skipIf(!hasBrowser || !wanted)('screenshots', { timeout: 60_000 }, () => {
  let app: TestApp
  let browser: Browser
  beforeAll(async () => {
    buildWebApp()
    ;[app, browser] = await Promise.all([startTestApp({ config: { webApp: true } }), startBrowser()])
  }, 60_000)
  afterAll(async () => {
    await browser?.close()
    await app?.dispose()
  })

  async function named(username: string, displayName: string): Promise<TestUser> {
    const user = await app.register(username)
    await user.run(UpdateProfile, { input: { displayName } })
    return user
  }

  test('of the web app', async () => {
    const [alice, ben, chidi, dana] = [
      await named('alice', 'Alice Moreau'),
      await named('ben', 'Ben Okafor'),
      await named('chidi', 'Chidi Anand'),
      await named('dana', 'Dana Lindqvist'),
    ]
    const dinner = await createDirectChat(chidi, alice.id)
    await sendMessage(alice, dinner, 'Dinner on Friday?')
    await sendMessage(chidi, dinner, 'With pleasure. Shall I bring anything?')
    const older = await createDirectChat(dana, alice.id)
    await sendMessage(dana, older, 'The photos are up now')
    const [last] = [await sendMessage(dana, older, 'Tell me which ones you want')]
    const group = await createGroupChat(ben, [alice.id, chidi.id, dana.id], 'Saturday walk')
    const talk = [
      [ben, 'Who is in for the coast path on Saturday? About 14 km, a lunch stop halfway.'],
      [dana, 'Me! What time?'],
      [alice, 'Count me in. The 9:12 train gets us there before ten.'],
      [ben, 'Then 8:55 at the station, by the clock.'],
      [chidi, 'I can bring the large thermos'],
      [chidi, 'and yes, the good tea'],
      [alice, 'You are a hero. I will bring sandwiches for everyone, tell me what you do not eat.'],
    ] as const
    let sent = { id: '' }
    for (const [who, text] of talk) {
      const { id } = await sendMessage(who, group, text)
      if (text.startsWith('Then')) sent = { id }
    }
    for (const user of [dana, chidi]) {
      await user.run(AddReaction, { input: { messageId: sent.id, emoji: '✔️' } })
    }
    await alice.run(MarkChatRead, { input: { chatId: older, sequence: 1 } })
    expect(last.sequence).toBe(2)

    const friend = await openPage(browser, app.url, 'Chidi')
    await logIn(friend, chidi.username)
    const person = await openPage(browser, app.url, 'Alice', { viewport: { width: 1080, height: 700 } })
    const { page } = person
    await page.screenshot({ path: 'docs/images/web-sign-in.png' })
    await logIn(person, alice.username)
    await openChat(person, 'Saturday walk')
    await message(person, 'sandwiches').waitFor()
    await row(page, 'Chidi Anand').getByLabel('online').waitFor()
    await openChat(friend, 'Saturday walk')
    await friend.page.getByLabel('Message', { exact: true }).pressSequentially('No')
    await page.locator('.conversation header').getByText('typing…').waitFor()
    await page.mouse.move(0, 0)
    await page.screenshot({ path: 'docs/images/web-light.png' })
    await page.emulateMedia({ colorScheme: 'dark' })
    await page.screenshot({ path: 'docs/images/web-dark.png' })
    await page.emulateMedia({ colorScheme: 'light' })
    const phone = { viewport: { width: 390, height: 700 }, isMobile: true, hasTouch: true }
    const held = await openPage(browser, app.url, 'Alice', phone)
    await logIn(held, alice.username)
    await openChat(held, 'Saturday walk')
    await message(held, 'sandwiches').waitFor()
    await held.page.screenshot({ path: 'docs/images/web-narrow.png' })
    await held.page.getByRole('button', { name: 'All chats' }).tap()
    await held.page.screenshot({ path: 'docs/images/web-narrow-list.png' })
    for (const name of ['sign-in', 'light', 'dark', 'narrow', 'narrow-list']) {
      expect(statSync(`docs/images/web-${name}.png`).size).toBeLessThan(150_000)
    }
  })
})
