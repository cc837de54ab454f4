import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import pg from 'pg'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import WebSocket, { WebSocketServer } from 'ws'
import { startTestApp, type TestApp } from '../testkit/app.ts'
import { type Program, startProgram } from '../testkit/program.ts'

// Each starts whole processes.
vi.setConfig({ testTimeout: 60_000 })

let app: TestApp
beforeAll(async () => {
  // As it is served: with its limits on attempts.
  app = await startTestApp({ config: { rateLimits: true } })
})
afterAll(() => app.dispose())

const demo = (args: readonly string[], env: Record<string, string> = {}) =>
  startProgram('scripts/demo.ts', args, env)

test('tells what a server does, as often as one likes', async () => {
  for (const program of [demo([app.url]), demo([], { PARLEY_URL: app.url })]) {
    expect({ code: await program.ended, problems: program.problems }).toEqual({ code: 0, problems: [] })
    const story = program.lines.join('\n')
    for (const line of [
      'Ben hears "Hello Ben!"',
      'The answer is the same message, number 1: nothing is doubled.',
      'Ben sees "Hello, dear Ben!".',
      'Ada sees 👍 1.',
      'Ada sees that Ben is typing.',
      'Ada sends three messages. Ben has heard 0 of them.',
      'each once and in order: Are you there? · Ben? · Well then.',
      'Unread: 4.',
      'Unread: 0.',
      'Ada and Ben delete their accounts, and everything they wrote.',
      'Their tokens are worth nothing from this moment on.',
    ]) {
      expect(story).toContain(line)
    }
    expect(program.lines.at(-1)).toBe('That was Parley.')
    await expectNobodyLeft(program)
  }
  expect(app.logs.filter(({ level }) => Number(level) >= 50)).toEqual([])
})

/** Both of those whom it told of, within moments: of removals there is one at a time. */
async function expectNobodyLeft({ lines }: Program): Promise<void> {
  const names = lines.flatMap((line) => /is @(\w+) now/.exec(line)?.[1] ?? [])
  const somebody = await app.register()
  const query = 'query Find($name: String!) { user(username: $name) { id } }'
  const find = async (name: string) => (await somebody.run(query, { name })).user
  await expect.poll(() => Promise.all(names.map(find)), { timeout: 10_000 }).toEqual([null, null])
}

async function serve(listener: RequestListener): Promise<{ server: Server; url: string }> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await new Promise<void>((done) => server.once('listening', done))
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

/** The server by HTTP, but that the answer to what has this in its text is lost the first time. */
async function serveLossy(lost: string): Promise<{ server: Server; url: string }> {
  let isLost = false
  return serve(async (request, response) => {
    const { authorization = '' } = request.headers
    const headers = { 'content-type': 'application/json', ...(authorization && { authorization }) }
    const body = await text(request)
    const answer = await fetch(`${app.url}/graphql`, { method: 'POST', headers, body })
    const whole = await answer.text()
    if (isLost || !body.includes(lost)) {
      response.end(whole)
    } else {
      isLost = true
      response.destroy()
    }
  })
}

function passSockets(server: Server, passes: (data: string) => boolean = () => true): void {
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (near) => {
    const far = new WebSocket(`${app.url.replace('http', 'ws')}/graphql`, near.protocol)
    const opened = new Promise((resolve) => far.once('open', resolve))
    near.on('message', async (data) => {
      await opened
      if (passes(String(data))) far.send(String(data))
    })
    far.on('message', (data) => near.send(String(data)))
    near.on('close', () => far.terminate())
    far.on('close', () => near.terminate())
  })
}

test('what does not come is waited for so long, and the accounts are deleted all the same', async () => {
  const { server, url } = await serveLossy('nothing of the kind')
  // Of what goes to the server, one subscription gets lost.
  passSockets(server, (data) => !data.includes('typing('))
  const program = demo([url])
  expect(await program.ended).toBe(1)
  expect(program.problems).toEqual(['Ada did not see that Ben types.'])
  await expectNobodyLeft(program)
  server.close()
})

test.each(['register(', 'deleteAccount('])(
  'an answer to %s… that is lost leaves no account',
  async (lost) => {
    const { server, url } = await serveLossy(lost)
    passSockets(server)
    const program = demo([url])
    expect(await program.ended).toBe(1)
    expect(program.problems).toEqual([`No Parley answers at ${url}. Start one with npm start.`])
    const database = new pg.Client(app.database.url)
    await database.connect()
    const left = `SELECT username FROM users WHERE username ~ '^(ada|ben)_'`
    await expect.poll(async () => (await database.query(left)).rows).toEqual([])
    await database.end()
    server.close()
  },
)

test('a server whose limits, manifests or version keep it from running is told of in one line', async () => {
  const only = await startTestApp({
    database: app.database,
    config: {
      persistedOperations: 'only',
      persistedOperationsDir: resolve('tests/clients/generated/apollo'),
    },
  })
  const other = await serve((_request, response) =>
    response.end(
      JSON.stringify({
        errors: [
          { message: 'Cannot query field "viewer".', extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } },
        ],
      }),
    ),
  )
  // Whoever registers from here is limited from now on.
  const strict = await startTestApp({ config: { rateLimits: true } })
  for (let count = 0; count < 20; count++) await strict.register()
  const programs = [only.url, other.url, strict.url].map((url) => demo([url]))
  expect(await Promise.all(programs.map(({ ended }) => ended))).toEqual([1, 1, 1])
  expect(programs.map(({ problems }) => problems)).toEqual([
    [expect.stringContaining('runs the operations of its manifests only')],
    [`${other.url} is of another version than this demo: Cannot query field "viewer".`],
    [expect.stringMatching(/^RATE_LIMITED: Too many attempts\. Try again in \d+ seconds\.$/)],
  ])
  other.server.close()
  await only.dispose()
  await strict.dispose()
})

test('stopped halfway, it deletes the accounts', async () => {
  const program = demo([app.url])
  await program.says('Ada writes')
  program.signal('SIGINT')
  expect(await program.ended).toBe(1)
  expect(program.problems).toEqual(['Stopped.'])
  await expectNobodyLeft(program)
})

test('says in one line that there is no server, or another one', async () => {
  const others = await Promise.all(
    ['<html>', '{}', 'null', '{"data":{}}'].map((body) => serve((_request, response) => response.end(body))),
  )
  await Promise.all(
    ['http://127.0.0.1:9', 'nonsense', ...others.map((other) => other.url)].map(async (url) => {
      const program = demo([url])
      expect(await program.ended).toBe(1)
      expect(program.lines).toEqual([])
      expect(program.problems).toEqual([`No Parley answers at ${url}. Start one with npm start.`])
    }),
  )
  for (const { server } of others) server.close()
})
