import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { seedDemo } from '../../src/seed/demo.ts'
import { startTestApp, type TestApp } from '../testkit/app.ts'
import { hasBrowser, startBrowser } from '../testkit/browser.ts'
import { sendMessage } from '../testkit/chats.ts'
import type { Data } from '../testkit/client.ts'
import { createTestDatabase, type TestDatabase } from '../testkit/database.ts'
import { Login } from '../testkit/operations.ts'

// A browser takes its time to load nine megabytes on a machine that has other things to do.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 })
const patience = { timeout: 20_000 }

describe.skipIf(!hasBrowser)('GraphiQL', () => {
  let browser: Browser
  let database: TestDatabase
  let demo: TestApp
  let bare: TestApp
  beforeAll(async () => {
    browser = await startBrowser()
    database = await createTestDatabase()
    await seedDemo({ databaseUrl: database.url, when: 'empty' })
    demo = await startTestApp({ database, demo: true })
    bare = await startTestApp()
    await bare.register('bob')
  })
  afterAll(async () => {
    await browser?.close()
    await demo?.dispose()
    await database?.dispose()
    await bare?.dispose()
  })

  let page: Page
  /** What must not happen: complaints of the page, failed requests, and requests to anybody else. */
  let complaints: string[]

  /** As somebody new, whom nothing but this server answers. */
  async function open(app: TestApp): Promise<void> {
    const context = await browser.newContext({ viewport: { width: 1400, height: 900 } })
    page = await context.newPage()
    await context.route(
      (url) => url.protocol.startsWith('http') && url.origin !== app.url,
      (route) => {
        complaints.push(`asked ${route.request().url()}`)
        return route.abort()
      },
    )
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
    })
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('response', (response) => {
      if (response.status() >= 400) complaints.push(`${response.status()} ${response.url()}`)
    })
    page.on('websocket', (socket) => {
      if (!socket.url().startsWith(app.url.replace('http', 'ws'))) complaints.push(`asked ${socket.url()}`)
    })
    await page.goto(`${app.url}/graphql`)
    await ready()
  }

  const ready = () => page.getByRole('button', { name: /^Execute query/ }).waitFor(patience)
  const tabs = () => page.locator('.graphiql-tab-button')
  const hint = () => page.locator('#hint').textContent()

  /** The text of an editor: `query.graphql`, `variables.json`, `headers.json`, `response.json`. */
  const editor = (name: string): Promise<string> =>
    page.evaluate((file) => {
      const { monaco } = globalThis as Data
      const models = monaco.editor.getModels()
      return models.find((model: Data) => model.uri.path.endsWith(file))?.getValue() ?? ''
    }, name)

  async function execute(): Promise<void> {
    await page.getByRole('button', { name: /^Execute query/ }).click()
  }

  /** Runs what a tab opens with. @returns the data, which has neither errors nor a refusal in it */
  async function runTab(name: string): Promise<Data> {
    await page.locator('.graphiql-tab-button', { hasText: name }).click()
    await vi.waitFor(async () => expect(await editor('.graphql')).toContain(name), patience)
    // The page fills in what it has seen.
    await vi.waitFor(async () => expect(await editor('variables.json')).not.toContain('Id": ""'), patience)
    await execute()
    const data = await vi.waitFor(async () => {
      const answer = JSON.parse((await editor('response.json')) || '{}')
      expect(answer).toHaveProperty('data')
      return answer.data
    }, patience)
    expect(JSON.stringify(data)).not.toContain('"code"')
    return data
  }

  beforeEach(() => {
    complaints = []
    return async () => {
      await page?.context().close()
      expect(complaints).toEqual([])
    }
  })

  const tours: [string, () => TestApp, string[], string, string][] = [
    [
      'with demo accounts',
      () => demo,
      ['LogIn', 'WhoAmI', 'FindPeople', 'OpenChat', 'ReadChat', 'SendMessage', 'Subscribe'],
      'bob',
      'Password123',
    ],
    [
      'without anybody',
      () => bare,
      ['Register', 'WhoAmI', 'FindPeople', 'NewGroup', 'ReadChat', 'SendMessage', 'Subscribe'],
      'alice',
      'Choose1OfYourOwn',
    ],
  ]
  test.each(tours)('the tour works as it stands, %s', async (_what, app, names, identifier, password) => {
    await open(app())
    const titles = await tabs().allTextContents()
    expect(titles.map((title, i) => title.startsWith(names[i] ?? '?'))).toEqual(names.map(() => true))
    const [first = '', , , chatTab = ''] = names

    const login = Object.values(await runTab(first))[0] as Data
    expect(login.viewer.user.username).toBe('alice')
    expect(await page.locator('#session').textContent()).toBe('Signed in as alice')
    expect((await runTab('WhoAmI')).viewer.user.username).toBe('alice')
    const { users } = await runTab('FindPeople')
    expect(users.edges.map(({ node }: Data) => node.username)).toContainEqual(expect.stringMatching(/^bob/))
    const { chat } = Object.values(await runTab(chatTab))[0] as Data
    expect((await runTab('ReadChat')).chat).not.toBeNull()
    const sent = await runTab('SendMessage')
    expect(sent.sendMessage.message.text).toContain('Hello from GraphiQL')
    // What the tab says: a second time it is the same message.
    await execute()
    await vi.waitFor(
      async () => expect(await editor('response.json')).toContain('"deduplicated": true'),
      patience,
    )

    await page.locator('.graphiql-tab-button', { hasText: 'Subscribe' }).click()
    await vi.waitFor(async () => expect(await editor('.graphql')).toContain('Subscribe {'), patience)
    await execute()
    await vi.waitFor(async () => expect(await editor('response.json')).toContain('CaughtUp'), patience)
    const other = await app().anonymous.run(Login, { input: { identifier, password } })
    await sendMessage(app().client(other.login.tokens.accessToken), chat.id, 'from another client')
    await vi.waitFor(async () => {
      const { events } = JSON.parse(await editor('response.json')).data
      expect([events.__typename, events.message?.text]).toEqual(['MessageAdded', 'from another client'])
    }, patience)
    expect(await hint()).toMatch(/^Subscribed: \d+ received/)
  })

  test('a reload keeps the login and the headers, and no other browser tab has them', async () => {
    await open(demo)
    await runTab('LogIn')
    await page.getByRole('button', { name: 'Headers' }).click()
    const headers = '{ "x-secret": "letmein" }'
    await page.locator('.graphiql-editor-tool .graphiql-editor:not(.hidden)').click()
    await page.keyboard.insertText(headers)
    await vi.waitFor(async () => expect(await editor('headers.json')).toContain(headers), patience)
    // It saves a moment after typing.
    await vi.waitFor(
      async () => expect(await page.evaluate(() => JSON.stringify(sessionStorage))).toContain('letmein'),
      patience,
    )
    await page.reload()
    await ready()
    await vi.waitFor(async () => expect(await editor('headers.json')).toContain(headers), patience)
    expect(await tabs().count()).toBe(7)
    expect(await page.locator('#session').textContent()).toBe('Signed in as alice')
    const requested = page.waitForRequest((request) => request.postData()?.includes('LogIn') ?? false)
    await execute()
    expect((await requested).headers()['x-secret']).toBe('letmein')

    expect(await page.evaluate(() => JSON.stringify(localStorage))).not.toMatch(/letmein|eyJ/)
    const another = await page.context().newPage()
    await another.goto(`${demo.url}/graphql`)
    await another.getByRole('button', { name: /^Execute query/ }).waitFor(patience)
    expect(await another.locator('#session').textContent()).toBe('Not signed in')
    expect(await another.evaluate(() => JSON.stringify(sessionStorage))).not.toContain('letmein')
  })

  test('the documentation has the words of the schema', async () => {
    await open(demo)
    await page.getByRole('button', { name: 'Show Documentation Explorer' }).click()
    const docs = page.locator('.graphiql-doc-explorer')
    await docs.getByRole('link', { name: 'Query', exact: true }).click()
    await docs.getByText('Operations that read data.').waitFor(patience)
    await docs.getByText('The one who is asking; null without an access token.').waitFor(patience)
    await docs.getByRole('link', { name: 'viewer', exact: true }).click()
    await docs.getByRole('link', { name: 'Viewer', exact: true }).click()
    await docs.getByText('The one who is asking, and all that is theirs alone.').waitFor(patience)
  })
})
