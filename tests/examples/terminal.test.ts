import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { printable } from '../../examples/terminal/lines.ts'
import { startTestApp, type TestApp, type TestUser, testPassword } from '../testkit/app.ts'
import { createDirectChat, sendMessage } from '../testkit/chats.ts'
import type { Data } from '../testkit/client.ts'
import { BlockUser, ChatMessages, DeleteMessage, EditMessage, EventCursor } from '../testkit/operations.ts'
import { type Program, startProgram } from '../testkit/program.ts'
import { createTestProxy, type TestProxy } from '../testkit/proxy.ts'

// Each starts whole processes.
vi.setConfig({ testTimeout: 60_000 })

let app: TestApp
/** The same server, whose tokens end while a test runs. */
let brief: TestApp
let proxy: TestProxy
let alice: TestUser
let bob: TestUser
let chatId: string
const started: Program[] = []

beforeAll(async () => {
  app = await startTestApp()
  brief = await startTestApp({ database: app.database, config: { accessTokenTtlSeconds: 5 } })
})
beforeEach(async () => {
  ;[alice, bob] = [await app.register('alice'), await app.register('bob')]
  chatId = await createDirectChat(alice, bob.id)
  proxy = await createTestProxy(brief.url)
})
afterEach(async () => {
  for (const program of started.splice(0)) {
    program.signal('SIGKILL')
    await program.ended
  }
  await proxy.dispose()
})
afterAll(async () => {
  await brief.dispose()
  await app.dispose()
})

function chat(
  who: TestUser,
  other: TestUser,
  url: string,
  password = testPassword,
  env: Record<string, string> = {},
): Program {
  const args = ['--url', url, '--as', who.username, '--password', password, '--with', other.username]
  const program = startProgram('examples/terminal/chat.ts', args, env)
  started.push(program)
  return program
}

/** Whether tokens have given way to others twice, of as many programs as follow where they end. */
function tokensLater(programs = 1): () => boolean {
  let refreshes = 0
  brief.app.database.onStatement = (sql) => {
    if (sql.includes('UPDATE refresh_tokens')) refreshes++
  }
  return () => refreshes >= 2 * programs
}

/** What it shows of messages, without the time of day. */
const messagesOf = ({ lines }: Program) =>
  lines.filter((line) => /^\d\d:\d\d /.test(line)).map((line) => line.slice(6))

async function sessionsOf(user: TestUser): Promise<string[]> {
  const { viewer } = await user.run('{ viewer { sessions { edges { node { deviceName } } } } }')
  return viewer.sessions.edges.map(({ node }: Data) => node.deviceName)
}

test('two of them talk, and a lost connection loses nothing and shows nothing twice', async () => {
  const before = Array.from({ length: 25 }, (_, i) => `before ${i + 1}`)
  for (const text of before) await sendMessage(alice, chatId, text)
  const said = before.slice(-20).map((text) => `${alice.username}: ${text}`)
  const [ofAlice, ofBob] = [chat(alice, bob, app.url), chat(bob, alice, proxy.url)]
  await Promise.all([ofAlice.says('/quit ends'), ofBob.says('/quit ends')])
  expect(messagesOf(ofBob)).toEqual(said)

  for (const [from, who, text] of [
    [ofAlice, alice, 'hello'],
    [ofBob, bob, 'and hello to you'],
  ] as const) {
    from.type(text)
    said.push(`${who.username}: ${text}`)
    await Promise.all([ofAlice.says(text), ofBob.says(text)])
  }

  // Bob goes through a tunnel: his connections end, and new ones lead nowhere.
  proxy.cut()
  proxy.freeze()
  await ofBob.says('reconnecting…')
  for (const text of ['one', 'two', 'three']) {
    ofAlice.type(text)
    said.push(`${alice.username}: ${text}`)
    await ofAlice.says(`: ${text}`)
  }
  ofBob.type('from the tunnel')
  said.push(`${bob.username}: from the tunnel`)
  expect(ofBob.lines.at(-1)).toBe('reconnecting…')
  // What he has sent by now ends halfway, and goes again.
  proxy.cut()
  proxy.thaw()
  await Promise.all([ofAlice.says('from the tunnel'), ofBob.says('from the tunnel')])

  const isLater = tokensLater()
  for (let i = 1; !isLater(); i++) {
    ofAlice.type(`later ${i}`)
    said.push(`${alice.username}: later ${i}`)
    await ofBob.says(`later ${i}`)
  }
  ofAlice.type('the end')
  said.push(`${alice.username}: the end`)
  await Promise.all([ofAlice.says('the end'), ofBob.says('the end')])
  expect(messagesOf(ofAlice)).toEqual(said)
  expect(messagesOf(ofBob)).toEqual(said)
  expect(ofBob.lines.filter((line) => line === 'reconnecting…')).toHaveLength(1)
  expect([ofAlice.problems, ofBob.problems]).toEqual([[], []])
  // What was sent twice is there once.
  const { chat: whole } = await bob.run(ChatMessages, { id: chatId, last: 100 })
  const kept = whole.messages.edges.map(({ node }: Data) => `${node.author.username}: ${node.text}`)
  expect(kept).toEqual(
    [...before.slice(0, 5).map((text) => `${alice.username}: ${text}`), ...said].slice(-100),
  )

  expect(await sessionsOf(alice)).toContain('Terminal')
  ofAlice.type('/quit')
  ofBob.signal('SIGINT')
  expect(await Promise.all([ofAlice.ended, ofBob.ended])).toEqual([0, 0])
  expect(await sessionsOf(alice)).not.toContain('Terminal')
  expect(await sessionsOf(bob)).not.toContain('Terminal')
})

test('edits and deletions are shown, and a message cannot pass for one of somebody else', async () => {
  const ofBob = chat(bob, alice, app.url)
  await ofBob.says('/quit ends')
  const { id } = await sendMessage(alice, chatId, 'tpyo')
  await ofBob.says('tpyo')
  await alice.run(EditMessage, { input: { messageId: id, text: 'typo' } })
  await ofBob.says('typo (edited)')
  await alice.run(DeleteMessage, { input: { messageId: id } })
  await ofBob.says('(taken back)')
  await sendMessage(
    alice,
    chatId,
    'hello\n12:00 bob: a forged\u2028line\n> \u202eprompt\ttabbed\u2066\u200f\u061c 👩‍👩‍👧',
  )
  await ofBob.says('prompt')
  const from = ofBob.lines.findIndex((line) => line.endsWith(`${alice.username}: hello`))
  expect(ofBob.lines.slice(from + 1)).toEqual([
    '      │ 12:00 bob: a forged\\u2028line',
    '      │ > \\u202eprompt\\ttabbed\\u2066\\u200f\\u061c 👩‍👩‍👧',
  ])
})

test('what a terminal would break by its width is broken with a gutter', () => {
  const forged = `12:00 alice: ${' '.repeat(67)}12:00 bob: yes`
  expect(printable(forged, 80).split('\n').slice(1)).toEqual([
    expect.stringMatching(/^ {6}│ .*12:00 bob: yes$/),
  ])
  for (const line of printable('👍'.repeat(100), 80).split('\n')) expect([...line].length).toBeLessThan(45)
  expect(printable(forged)).toBe(forged)
})

test.each([
  ['jamo', '\u1100'],
  ['vowel signs', '\u0bbe'],
  ['a family without end', '👩\u200d'],
  ['conjuncts', '\u0915\u094d'],
])('%s that count as one character are as wide as a terminal draws them', (_what, one) => {
  // Two columns for each code point are the most that any terminal draws.
  const lines = printable(`.${one.repeat(50)}12:00 alice: a forged line`, 80).split('\n')
  expect(lines.join('').replaceAll('      │ ', '')).toBe(`.${one.repeat(50)}12:00 alice: a forged line`)
  for (const line of lines.map((each) => each.replace('      │ ', ''))) {
    expect([...line].reduce((sum, point) => sum + (point <= '~' ? 1 : 2), 0)).toBeLessThanOrEqual(72)
  }
})

test('Ctrl-C before there is an answer ends it', async () => {
  const silent = createServer(() => {})
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const asked = once(silent, 'request')
  const ofBob = chat(bob, alice, `http://127.0.0.1:${(silent.address() as AddressInfo).port}`)
  await asked
  ofBob.signal('SIGINT')
  expect(await ofBob.ended).toBe(0)
  silent.closeAllConnections()
  silent.close()
})

test.each([60, 110])(
  '%i messages after which its cursor has expired are shown, or told of',
  async (count) => {
    const ofBob = chat(bob, alice, proxy.url)
    await ofBob.says('/quit ends')
    const early = (await bob.run(EventCursor)).viewer.eventCursor
    await sendMessage(alice, chatId, 'before')
    await ofBob.says('before')
    proxy.refuse()
    await ofBob.says('reconnecting…')
    for (let i = 1; i <= count; i++) await sendMessage(alice, chatId, `missed ${i}`)
    const admin = new pg.Client(app.database.url)
    await admin.connect()
    await admin.query(`UPDATE events SET created_at = created_at - interval '1 day'`)
    const pruning = await startTestApp({ database: app.database, config: { eventRetentionSeconds: 3_600 } })
    const left = `SELECT 1 FROM events WHERE kind <> 'LOG_EPOCH'`
    await vi.waitFor(async () => expect((await admin.query(left)).rowCount).toBe(0), { timeout: 10_000 })
    await admin.end()
    // He may have learned from another process which part of the log is gone.
    await vi.waitFor(async () => {
      const { errors } = await bob.send(
        'query ($after: String!) { viewer { events(after: $after) { edges { cursor } } } }',
        {
          after: early,
        },
      )
      expect(errors).toMatchObject([{ extensions: { code: 'CURSOR_EXPIRED' } }])
    }, 10_000)
    proxy.mend()
    await ofBob.says(`missed ${count}`)
    await pruning.dispose()
    const shown = Math.min(count, 100)
    const newest = Array.from(
      { length: shown },
      (_, i) => `${alice.username}: missed ${count - shown + i + 1}`,
    )
    expect(messagesOf(ofBob)).toEqual([`${alice.username}: before`, ...newest])
    expect(ofBob.lines.filter((line) => line.includes('not shown'))).toEqual(
      count > 100 ? [`… ${count - 100} messages not shown`] : [],
    )
    // And on it goes.
    await sendMessage(alice, chatId, 'afterwards')
    await ofBob.says('afterwards')
  },
)

test.each([
  ['/quit', (program: Program) => program.type('/quit')],
  ['Ctrl-C', (program: Program) => program.signal('SIGINT')],
])('%s while there is no network tells what was not sent, and ends', async (_what, stop) => {
  const ofBob = chat(bob, alice, proxy.url)
  await ofBob.says('/quit ends')
  await sendMessage(alice, chatId, 'hello')
  await ofBob.says('hello')
  proxy.refuse()
  await ofBob.says('reconnecting…')
  for (const text of ['one', 'two']) ofBob.type(text)
  const begun = performance.now()
  stop(ofBob)
  expect(await ofBob.ended).toBe(0)
  expect(performance.now() - begun).toBeLessThan(3_000)
  expect(ofBob.lines.slice(-2)).toEqual(['Not sent: one', 'Not sent: two'])
})

test('a clock that is 20 minutes off, either way, changes nothing', async () => {
  const envs = [-1_200, 1_200].map((seconds) => {
    const skew = `const now = Date.now; Date.now = () => now() + ${seconds * 1_000}`
    return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(skew)}` }
  })
  let refreshes = 0
  app.app.database.onStatement = (sql) => {
    if (sql.includes('UPDATE refresh_tokens')) refreshes++
  }
  for (const [which, env] of envs.entries()) {
    const ofBob = chat(bob, alice, app.url, testPassword, env)
    await ofBob.says('/quit ends')
    for (let i = 1; i <= 5; i++) {
      ofBob.type(`message ${which}.${i}`)
      await ofBob.says(`message ${which}.${i}`)
    }
    ofBob.type('/quit')
    await ofBob.ended
  }
  app.app.database.onStatement = null
  expect(refreshes).toBe(0)
  const briefly = envs.map((env) => chat(bob, alice, proxy.url, testPassword, env))
  await Promise.all(briefly.map(({ says }) => says('/quit ends')))
  const isLater = tokensLater(briefly.length)
  for (let i = 1; !isLater(); i++) {
    await sendMessage(alice, chatId, `later ${i}`)
    await Promise.all(briefly.map(({ says }) => says(`later ${i}`)))
  }
  for (const { lines } of briefly) expect(lines).not.toContain('reconnecting…')
})

test('what is typed before it is ready is sent, too', async () => {
  const ofAlice = chat(alice, bob, app.url)
  const texts = Array.from({ length: 5 }, (_, i) => `early ${i + 1}`)
  for (const text of [...texts, '/quit']) ofAlice.type(text)
  expect(await ofAlice.ended).toBe(0)
  const { chat: whole } = await bob.run(ChatMessages, { id: chatId, last: 10 })
  expect(whole.messages.edges.map(({ node }: Data) => node.text)).toEqual(texts)
})

test('a refusal is told in words, and ends nothing', async () => {
  const ofAlice = chat(alice, bob, app.url)
  await ofAlice.says('/quit ends')
  await bob.run(BlockUser, { input: { userId: alice.id } })
  ofAlice.type('hello?')
  await ofAlice.says('Not sent: You and this person cannot exchange messages.')
  ofAlice.type('x'.repeat(5_001))
  await ofAlice.says('Not sent: The text must have at most 5000 characters.')
  ofAlice.type('/quit')
  expect(await ofAlice.ended).toBe(0)
})

test('a session that ends elsewhere ends it with one line', async () => {
  const ofBob = chat(bob, alice, app.url)
  await ofBob.says('/quit ends')
  await bob.run('mutation { revokeOtherSessions { revokedCount } }')
  expect(await ofBob.ended).toBe(1)
  expect(ofBob.problems).toEqual(['The session has ended: log in again'])
})

test.each<[string, () => Program, RegExp]>([
  ['a wrong password', () => chat(alice, bob, app.url, 'Password124'), /password is wrong\.$/],
  [
    'nobody of that name',
    () => chat(alice, { ...bob, username: 'nobody_there' }, app.url),
    /^There is nobody of the name nobody_there\.$/,
  ],
  ['no server', () => chat(alice, bob, 'http://127.0.0.1:9'), /^http:\/\/127\.0\.0\.1:9 does not answer\.$/],
])('%s ends it with one line', async (_what, start, line) => {
  const program = start()
  expect(await program.ended).toBe(1)
  expect(program.problems).toEqual([expect.stringMatching(line)])
})

test('--help tells how it is used', async () => {
  const program = startProgram('examples/terminal/chat.ts', ['--help'])
  expect(await program.ended).toBe(0)
  for (const name of ['as', 'password', 'with', 'url']) {
    expect(program.lines).toContainEqual(expect.stringContaining(`  --${name} `))
  }
  expect(program.problems).toEqual([])
})

test('arguments that are wrong are refused in one line', async () => {
  const refusals: [string[], string][] = [
    [[], '--as is missing'],
    [['--to', 'bob'], "Unknown option '--to'"],
    [['--as', '--password'], "Option '--as' argument is ambiguous"],
    [['--as=a', '--password=b', '--with=c', '--url=localhost:4000'], '--url is no address of a server'],
  ]
  await Promise.all(
    refusals.map(async ([args, line]) => {
      const program = startProgram('examples/terminal/chat.ts', args)
      expect(await program.ended, line).toBe(2)
      expect([program.lines, program.problems]).toEqual([[], [expect.stringMatching(/--help tells/)]])
      expect(program.problems[0]).toContain(line)
    }),
  )
})
