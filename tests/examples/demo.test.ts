import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
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
    expect(await accountsOf(program)).toEqual([null, null])
  }
  expect(app.logs.filter(({ level }) => Number(level) >= 50)).toEqual([])
})

/** Who is left of those whom it told of. */
async function accountsOf({ lines }: Program): Promise<unknown[]> {
  const names = lines.flatMap((line) => /is @(\w+) now/.exec(line)?.[1] ?? [])
  const somebody = await app.register()
  const query = 'query Find($name: String!) { user(username: $name) { id } }'
  return Promise.all(names.map(async (name) => (await somebody.run(query, { name })).user))
}

async function serve(listener: RequestListener): Promise<{ server: Server; url: string }> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

test('what does not come is waited for so long, and the accounts are deleted all the same', async () => {
  const { server, url } = await serve(async (request, response) => {
    const { authorization = '' } = request.headers
    const headers = { 'content-type': 'application/json', ...(authorization && { authorization }) }
    const answer = await fetch(`${app.url}/graphql`, { method: 'POST', headers, body: await text(request) })
    response.end(await answer.text())
  })
  // Of what goes to the server, one subscription gets lost.
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (near) => {
    const far = new WebSocket(`${app.url.replace('http', 'ws')}/graphql`, near.protocol)
    const opened = new Promise((resolve) => far.once('open', resolve))
    near.on('message', async (data) => {
      await opened
      if (!String(data).includes('typing(')) far.send(String(data))
    })
    far.on('message', (data) => near.send(String(data)))
    near.on('close', () => far.terminate())
    far.on('close', () => near.terminate())
  })
  const program = demo([url])
  expect(await program.ended).toBe(1)
  expect(program.problems).toEqual(['Ada did not see that Ben types.'])
  expect(await accountsOf(program)).toEqual([null, null])
  server.close()
})

test('stopped halfway, it deletes the accounts', async () => {
  const program = demo([app.url])
  await program.says('Ada writes')
  program.signal('SIGINT')
  expect(await program.ended).toBe(1)
  expect(program.problems).toEqual(['Stopped.'])
  expect(await accountsOf(program)).toEqual([null, null])
})

test('says in one line that there is no server, or another one', async () => {
  const others = await Promise.all(
    ['<html>', '{}', 'null', '{"data":{}}'].map((body) => serve((_request, response) => response.end(body))),
  )
  for (const url of ['http://127.0.0.1:9', 'nonsense', ...others.map((other) => other.url)]) {
    const program = demo([url])
    expect(await program.ended).toBe(1)
    expect(program.lines).toEqual([])
    expect(program.problems).toEqual([`No Parley answers at ${url}. Start one with npm start.`])
  }
  for (const { server } of others) server.close()
})
