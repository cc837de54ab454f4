import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { startTestApp, type TestApp } from '../testkit/app.ts'
import { startProgram } from '../testkit/program.ts'

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
      'Their tokens are worth nothing from this moment on.',
    ]) {
      expect(story).toContain(line)
    }
    expect(program.lines.at(-1)).toBe('That was Parley.')
  }
  expect(app.logs.filter(({ level }) => Number(level) >= 50)).toEqual([])
})

test('says in one line that there is no server, or another one', async () => {
  const other = createServer((_request, response) => response.end('<html>')).listen(0, '127.0.0.1')
  await new Promise((resolve) => other.once('listening', resolve))
  const urls = ['http://127.0.0.1:9', `http://127.0.0.1:${(other.address() as AddressInfo).port}`, 'nonsense']
  for (const url of urls) {
    const program = demo([url])
    expect(await program.ended).toBe(1)
    expect(program.lines).toEqual([])
    expect(program.problems).toEqual([`No Parley answers at ${url}. Start one with npm start.`])
  }
  other.close()
})
