import { setImmediate } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { unreadBodyLimits } from '../../src/http/answer.ts'
import { startTestApp, type TestApp } from '../testkit/app.ts'
import { startAppProcess } from '../testkit/app-process.ts'
import { eventually } from '../testkit/eventually.ts'
import { openRawHttp, type RawHttp } from '../testkit/raw-http.ts'

let app: TestApp
/** In a process of its own: sharing one, it and its client take turns, and nothing comes between a write and a close. */
let url: string
beforeAll(async () => {
  app = await startTestApp()
  const server = await startAppProcess(app.database.url, {})
  url = server.url
  return server.kill
})
afterAll(() => app.dispose())

const part = '--x\r\ncontent-disposition: form-data; name="operations"\r\n\r\n{}\r\n--x--\r\n'

interface Refused {
  readonly start?: string
  readonly headers?: Record<string, string>
  readonly body?: string
  readonly status: number
}

const json = { 'content-type': 'application/json' }
const multipart = { 'content-type': 'multipart/form-data; boundary=x' }

/** Every way to be refused before the body is read. */
const refusals: [string, Refused][] = [
  ['a multipart form', { headers: multipart, status: 415 }],
  ['a compressed body', { headers: { ...json, 'content-encoding': 'gzip' }, status: 415 }],
  ['a body that is too large', { headers: json, body: 'x'.repeat(200_000), status: 413 }],
  ['an Accept without any type of ours', { headers: { ...json, accept: 'image/png' }, status: 406 }],
  ['another method', { start: 'PUT /graphql', headers: json, status: 405 }],
  ['another path', { start: 'POST /nothing', headers: json, status: 404 }],
]

function headOf({ start = 'POST /graphql', headers = {}, body = part }: Refused, chunked = false): string {
  const framing = chunked
    ? { 'transfer-encoding': 'chunked' }
    : { 'content-length': String(Buffer.byteLength(body)) }
  const lines = Object.entries({ host: 'localhost', ...headers, ...framing }).map(([k, v]) => `${k}: ${v}`)
  return `${start} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`
}

const chunk = (body: string) => `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`

/** Of a connection that is reset by the first half, the second one fails. */
async function writeInHalves(connection: RawHttp, text: string): Promise<void> {
  const half = Math.floor(text.length / 2)
  await connection.write(text.slice(0, half))
  await connection.write(text.slice(half))
}

/** Between the head and the body of a request, which are always writes of their own. */
const pauses: [string, (connection: RawHttp) => Promise<unknown>][] = [
  ['at once', async () => {}],
  ['a moment later', () => setImmediate()],
  ['after the answer', (connection) => connection.answer()],
]

describe.each(refusals)('%s is refused with an answer that arrives', (_what, refused) => {
  test.each(pauses)('its body sent %s', async (_when, pause) => {
    // Chunks that are too many are refused when they have come.
    for (const chunked of refused.status === 413 ? [false] : [false, true]) {
      for (let i = 0; i < 15; i++) {
        const connection = await openRawHttp(url)
        const body = refused.body ?? part
        void connection.write(headOf(refused, chunked))
        await pause(connection)
        await writeInHalves(connection, chunked ? chunk(body) : body)
        expect(await connection.finish()).toBeNull()
        const answer = await connection.answer()
        expect(answer).toMatchObject({ status: refused.status, headers: { connection: 'close' } })
        if (refused.status !== 404) expect(JSON.parse(answer.body)).toHaveProperty('errors')
      }
    }
  })
})

test('a client that closes after its request gets its answer, too', async () => {
  for (let i = 0; i < 30; i++) {
    const connection = await openRawHttp(url)
    const refused = { headers: { ...multipart, connection: 'close' }, status: 415 }
    void connection.write(headOf(refused))
    await setImmediate()
    await writeInHalves(connection, part)
    expect(await connection.finish()).toBeNull()
    expect((await connection.answer()).status).toBe(415)
  }
})

test('chunks that are too many are refused while they come', async () => {
  for (let i = 0; i < 15; i++) {
    const connection = await openRawHttp(url)
    void connection.write(headOf({ headers: json, status: 413 }, true))
    await setImmediate()
    for (const piece of ['x'.repeat(100_001), 'x'.repeat(100_000)]) {
      void connection.write(`${piece.length.toString(16)}\r\n${piece}\r\n`)
    }
    expect((await connection.answer()).status).toBe(413)
    void connection.write('0\r\n\r\n')
    expect(await connection.finish()).toBeNull()
  }
})

test('a request that is refused without a body leaves its connection open', async () => {
  const connection = await openRawHttp(url)
  const head = 'DELETE /graphql HTTP/1.1\r\nhost: localhost\r\n\r\n'
  await connection.write(head)
  expect((await connection.answer()).headers['connection']).toBe('keep-alive')
  await connection.write(head)
  await eventually(() => expect(connection.received.match(/^HTTP\/1.1 405 /gm)).toHaveLength(2))
  connection.destroy()
})

describe('Expect: 100-continue', () => {
  const expecting = { expect: '100-continue' }

  test.each(refusals)('%s is refused without asking for it', async (_what, refused) => {
    const connection = await openRawHttp(url)
    await connection.write(headOf({ ...refused, headers: { ...refused.headers, ...expecting } }))
    expect((await connection.answer()).status).toBe(refused.status)
    expect(connection.received).not.toContain('100 Continue')
    // It went on without being asked.
    await writeInHalves(connection, refused.body ?? part)
    expect(await connection.finish()).toBeNull()
  })

  test.each([false, true])('a good request is asked for its body; in chunks: %s', async (chunked) => {
    const body = '{"query":"{ __typename }"}'
    const connection = await openRawHttp(url)
    await connection.write(headOf({ headers: { ...json, ...expecting }, body, status: 200 }, chunked))
    await eventually(() => expect(connection.received).toBe('HTTP/1.1 100 Continue\r\n\r\n'))
    await connection.write(chunked ? chunk(body) : body)
    expect(await connection.answer()).toMatchObject({ status: 200, body: '{"data":{"__typename":"Query"}}' })
    connection.destroy()
  })

  test('other expectations are passed over', async () => {
    const body = '{"query":"{ __typename }"}'
    const connection = await openRawHttp(url)
    await connection.write(headOf({ headers: { ...json, expect: 'nothing' }, body, status: 200 }) + body)
    expect((await connection.answer()).status).toBe(200)
    expect(connection.received).not.toContain('100 Continue')
    connection.destroy()
  })
})

describe('an unread body is drained up to the limits', () => {
  const head =
    'POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/plain\r\ncontent-length: 1000000000000\r\n\r\n'

  test('an endless body is answered and its connection closed', async () => {
    const connection = await openRawHttp(url)
    let open = true
    void connection.ended.then(() => {
      open = false
    })
    await connection.write(head)
    const piece = Buffer.alloc(65_536, 'x')
    const begun = performance.now()
    let written = 0
    for (; open; written += piece.length) {
      await connection.write(piece)
      // Or it would never read.
      await setImmediate()
    }
    expect((await connection.answer()).status).toBe(415)
    expect(performance.now() - begun).toBeLessThan(unreadBodyLimits.ms * 2)
    // What the server reads, and what the kernel holds besides.
    expect(written).toBeLessThan(32 * unreadBodyLimits.bytes)
  })

  test('the answer to an unread 3 MB body arrives', async () => {
    const connection = await openRawHttp(url)
    const body = 'x'.repeat(3 * unreadBodyLimits.bytes)
    await connection.write(headOf({ headers: multipart, body, status: 415 }) + body)
    expect((await connection.answer()).status).toBe(415)
    connection.destroy()
  })

  test.each(['one that trickles', 'one that never comes'])(
    '%s holds its connection for a while',
    async (which) => {
      const connection = await openRawHttp(url)
      await connection.write(head)
      const begun = performance.now()
      expect((await connection.answer()).status).toBe(415)
      expect(performance.now() - begun).toBeLessThan(unreadBodyLimits.ms / 2)
      const trickle = setInterval(() => void (which === 'one that trickles' && connection.write('x')), 50)
      expect(await connection.finish()).toBeNull()
      clearInterval(trickle)
      expect(performance.now() - begun).toBeGreaterThan(unreadBodyLimits.ms - 100)
      expect(performance.now() - begun).toBeLessThan(unreadBodyLimits.ms * 2)
    },
  )

  test('a server that stops does not wait for it', async () => {
    const stopping = await startTestApp({ database: app.database })
    const connection = await openRawHttp(stopping.url)
    await connection.write(head)
    expect((await connection.answer()).status).toBe(415)
    const begun = performance.now()
    await stopping.dispose()
    await connection.ended
    expect(performance.now() - begun).toBeLessThan(unreadBodyLimits.ms / 2)
  })

  test('a client that disconnects while its body is drained leaks nothing', async () => {
    const connection = await openRawHttp(app.url)
    await connection.write(head)
    await connection.answer()
    connection.destroy()
    await connection.ended
    expect(app.logs).toEqual([])
  })
})

test.each([']bad[', 'a b', 'x:99999', 'a/b', 'a#b', 'u:p@h', 'x:80/graphql?', ''])(
  'the Host header makes no difference: "%s"',
  async (host) => {
    const connection = await openRawHttp(url)
    await connection.write(`GET /graphql?query=%7B__typename%7D HTTP/1.1\r\nhost: ${host}\r\n\r\n`)
    const answer = await connection.answer()
    expect([answer.status, JSON.parse(answer.body)]).toEqual([200, { data: { __typename: 'Query' } }])
    connection.destroy()
  },
)

test('a single result as server-sent events leaves the connection to the client', async () => {
  const connection = await openRawHttp(url)
  const headers = ['host: x', 'accept: text/event-stream', 'connection: close'].join('\r\n')
  await connection.write(`GET /graphql?query=%7B__typename%7D HTTP/1.1\r\n${headers}\r\n\r\n`)
  await connection.ended
  expect(connection.received).toContain('event: next')
  expect(connection.received).toMatch(/cache-control: private/i)
})

test.each([
  ['whose length is known', false],
  ['in chunks', true],
])(
  'a client that goes away in the middle of a body %s is no failure of the server',
  async (_what, chunked) => {
    const served = await startTestApp({ database: app.database })
    const connection = await openRawHttp(served.url)
    await connection.write(headOf({ headers: json, status: 200 }, chunked))
    await connection.write(chunked ? '5\r\n{"que' : '{"que')
    await served.anonymous.send('{ __typename }')
    connection.destroy()
    // It ends when it has let go of every connection.
    await served.dispose()
    expect(served.logs).toEqual([])
  },
)
