import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import WebSocket from 'ws'
import { createObstacle } from '../blocks/blocking.ts'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { createDirectChat, createGroupChat, sendMessage } from '../testkit/chats.ts'
import { eventually } from '../testkit/eventually.ts'
import { Events } from '../testkit/operations.ts'
import { enterRaw, greet, openRaw, settled, subscribe } from '../testkit/raw-socket.ts'

let app: TestApp
let user: TestUser
beforeAll(async () => {
  app = await startTestApp()
  user = await app.register()
})
afterAll(() => app.dispose())

const listeners = () => app.app.services.feed.stats.listeners
const enter = () => enterRaw(app.url, user.token)

describe('before anybody is there', () => {
  test('a socket without a subprotocol is closed with 4406', async () => {
    const raw = await openRaw(app.url, { protocol: null })
    raw.send(greet())
    expect(await raw.closed).toEqual({ code: 4406, reason: 'Subprotocol not acceptable' })
    expect(raw.heard).toEqual([])
  })

  test('a socket that offers another subprotocol is closed with 4406, where the client does not leave by itself', async () => {
    const { port, hostname } = new URL(app.url)
    const tcp = connect(Number(port), hostname)
    tcp.write(
      `GET /graphql HTTP/1.1\r\nHost: ${hostname}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n' +
        'Sec-WebSocket-Protocol: graphql-ws\r\n\r\n',
    )
    let bytes = Buffer.alloc(0)
    tcp.on('data', (data) => {
      bytes = Buffer.concat([bytes, data])
    })
    await once(tcp, 'close')
    expect(bytes.toString('latin1')).toContain('HTTP/1.1 101')
    expect(bytes.toString('latin1')).not.toContain('Sec-WebSocket-Protocol')
    const frame = bytes.subarray(bytes.indexOf('\r\n\r\n') + 4)
    expect([frame[0], frame.readUInt16BE(2)]).toEqual([0x88, 4406])
  })

  test('of several subprotocols the one that is spoken is chosen', async () => {
    const socket = new WebSocket(`${app.url.replace('http', 'ws')}/graphql`, [
      'graphql-ws',
      'graphql-transport-ws',
    ])
    await once(socket, 'open')
    expect(socket.protocol).toBe('graphql-transport-ws')
    socket.close()
  })

  test('a socket that never says hello is closed with 4408', async () => {
    const raw = await openRaw(app.url)
    expect(await raw.closed).toEqual({ code: 4408, reason: 'Connection initialisation timeout' })
  })

  test('an operation is 4401, also while the greeting is being answered', async () => {
    for (const greeting of [[], [greet(user.token)]]) {
      const raw = await openRaw(app.url)
      for (const message of [...greeting, subscribe('1', '{ __typename }')]) raw.send(message)
      expect(await raw.closed).toEqual({ code: 4401, reason: 'Unauthorized' })
    }
  })

  test('a second greeting is 4429, also while the first is being answered', async () => {
    const pending = await openRaw(app.url)
    for (let i = 0; i < 2; i++) pending.send(greet(user.token))
    expect(await pending.closed).toEqual({ code: 4429, reason: 'Too many initialisation requests' })
    expect(pending.heard).toEqual([])
    const entered = await enter()
    entered.send(greet(user.token))
    expect(await entered.closed).toMatchObject({ code: 4429 })
  })

  test('pings are answered, pongs and the end of nothing are ignored', async () => {
    const raw = await openRaw(app.url)
    raw.send({ type: 'pong' })
    raw.send({ type: 'complete', id: 'x' })
    raw.send({ type: 'ping' })
    expect(await raw.next()).toEqual({ type: 'pong' })
    raw.socket.close()
  })
})

test.each<[string, string]>([
  ['no JSON', 'not json'],
  ['nothing', ''],
  ['half of it', '{"type":"ping"'],
  ['a list', '[]'],
  ['null', 'null'],
  ['a number', '1'],
  ['a text', '"ping"'],
  ['no type', '{}'],
  ['a type that is no text', '{"type":1}'],
  ['an unknown type', '{"type":"unknown"}'],
  ['a type of every object', '{"type":"constructor"}'],
  ['an operation without id', '{"type":"subscribe","payload":{"query":"{ __typename }"}}'],
  ['an operation with an empty id', '{"type":"subscribe","id":"","payload":{"query":"{ __typename }"}}'],
  ['an id that is no text', '{"type":"subscribe","id":1,"payload":{"query":"{ __typename }"}}'],
  ['an id that is null', '{"type":"subscribe","id":null,"payload":{"query":"{ __typename }"}}'],
  ['an operation without payload', '{"type":"subscribe","id":"1"}'],
  ['a payload that is a list', '{"type":"subscribe","id":"1","payload":[]}'],
  ['a payload that is null', '{"type":"subscribe","id":"1","payload":null}'],
  ['a payload without document', '{"type":"subscribe","id":"1","payload":{}}'],
  ['a document that is no text', '{"type":"subscribe","id":"1","payload":{"query":{}}}'],
  [
    'variables that are a list',
    '{"type":"subscribe","id":"1","payload":{"query":"{ __typename }","variables":[]}}',
  ],
  [
    'variables that are a text',
    '{"type":"subscribe","id":"1","payload":{"query":"{ __typename }","variables":"{}"}}',
  ],
  [
    'extensions that are a number',
    '{"type":"subscribe","id":"1","payload":{"query":"{ __typename }","extensions":1}}',
  ],
  [
    'a name that is an object',
    '{"type":"subscribe","id":"1","payload":{"query":"{ __typename }","operationName":{}}}',
  ],
  ['an end without id', '{"type":"complete"}'],
  ['an end with an empty id', '{"type":"complete","id":""}'],
  ['a ping with a list', '{"type":"ping","payload":[1]}'],
  [
    'a ping nested too deeply to be sent back',
    `{"type":"ping","payload":{"a":${'['.repeat(32_000)}${']'.repeat(32_000)}}}`,
  ],
  ['a result', '{"type":"next","id":"1","payload":{"data":{}}}'],
  ['an error', '{"type":"error","id":"1","payload":[{"message":"x"}]}'],
  ['an acknowledgement', '{"type":"connection_ack"}'],
])('%s is 4400', async (_what, frame) => {
  const raw = await enter()
  raw.send(frame)
  expect(await raw.closed).toEqual({ code: 4400, reason: 'Invalid message' })
})

test('a greeting whose payload is no object is 4400', async () => {
  for (const payload of [[], 'Bearer x', 1]) {
    const raw = await openRaw(app.url)
    raw.send({ type: 'connection_init', payload })
    expect(await raw.closed).toMatchObject({ code: 4400 })
  }
})

test('binary frames are 4400, whatever is in them', async () => {
  const raw = await enter()
  raw.socket.send(Buffer.from(JSON.stringify({ type: 'ping' })))
  expect(await raw.closed).toEqual({ code: 4400, reason: 'Only text is spoken' })
})

test('text that is not UTF-8 is 1007', async () => {
  const raw = await enter()
  raw.socket.send(Buffer.from([0xff, 0xfe]), { binary: false })
  expect(await raw.closed).toMatchObject({ code: 1007 })
})

test('a message may have 64 KiB and not one byte more, in one frame or several', async () => {
  const sized = (bytes: number) => {
    const empty = JSON.stringify({ type: 'ping', payload: { pad: '' } })
    return JSON.stringify({ type: 'ping', payload: { pad: 'x'.repeat(bytes - empty.length) } })
  }
  const raw = await enter()
  raw.send(sized(65_536))
  expect((await raw.next()).type).toBe('pong')
  raw.send(sized(65_537))
  expect(await raw.closed).toMatchObject({ code: 1009 })

  const fragmented = await enter()
  const send = (text: string, size: number) => {
    const bytes = Buffer.from(text)
    for (let i = 0; i < bytes.length; i += size) {
      fragmented.socket.send(bytes.subarray(i, i + size), { binary: false, fin: i + size >= bytes.length })
    }
  }
  send(sized(65_536), 20_000)
  expect((await fragmented.next()).type).toBe('pong')
  send(JSON.stringify({ type: 'ping', payload: { pad: 'ä💬' } }), 1)
  expect(await fragmented.next()).toEqual({ type: 'pong', payload: { pad: 'ä💬' } })
  send(sized(65_537), 20_000)
  expect(await fragmented.closed).toMatchObject({ code: 1009 })
})

test('a ping gets its payload back', async () => {
  const raw = await enter()
  for (const payload of [
    {},
    { a: [1, { b: null }] },
    { authorization: null },
    { __proto__x: 1, constructor: 'y' },
  ]) {
    raw.send({ type: 'ping', payload })
    expect(await raw.next()).toEqual({ type: 'pong', payload })
  }
  raw.send('{"type":"ping","payload":{"__proto__":{"x":1}}}')
  expect(JSON.stringify(await raw.next())).toBe('{"type":"pong","payload":{"__proto__":{"x":1}}}')
  raw.send({ type: 'ping', payload: null })
  expect(await raw.next()).toEqual({ type: 'pong' })
  raw.socket.close()
})

test('a socket that does not answer the pings of the server is cut; one that does stays', async () => {
  const quick = await startTestApp({ database: app.database, timings: { heartbeatMs: 100 } })
  const [silent, alive] = [
    await enterRaw(quick.url, user.token, { autoPong: false }),
    await enterRaw(quick.url, user.token),
  ]
  expect(await silent.closed).toMatchObject({ code: 1006 })
  // It has answered as many as the other has not.
  await settled(alive)
  expect(alive.socket.readyState).toBe(WebSocket.OPEN)
  alive.socket.close()
  await quick.dispose()
})

describe('ids', () => {
  const odd = ['__proto__', 'constructor', 'toString', '💬', ' ', '\ud800', 'x'.repeat(30_000)]

  test('odd ones are ids', async () => {
    const raw = await enter()
    for (const id of odd) {
      raw.send(subscribe(id, '{ viewer { user { username } } }'))
      const data = { viewer: { user: { username: user.username } } }
      expect(await raw.next()).toEqual({ type: 'next', id, payload: { data } })
      expect(await raw.next()).toEqual({ type: 'complete', id })
    }
    raw.socket.close()
  })

  test('one that is taken is 4409, with a reason that fits into a close', async () => {
    for (const id of odd) {
      const raw = await enter()
      for (let i = 0; i < 2; i++) raw.send(subscribe(id, Events))
      const fits = Buffer.byteLength(`Subscriber for ${id} already exists`) <= 123
      const named = `Subscriber for ${Buffer.from(id).toString()} already exists`
      expect(await raw.closed).toEqual({ code: 4409, reason: fits ? named : 'Subscriber already exists' })
    }
    await eventually(() => expect(listeners()).toBe(0))
  })

  test('one that was completed is free again at once, and what had it before says nothing more', async () => {
    const [alice, bob] = [await app.register('alice'), await app.register('bob')]
    const chatId = await createDirectChat(alice, bob.id)
    const raw = await enterRaw(app.url, bob.token)
    const query = 'subscription { messageAdded { message { text reactions { emoji } } } }'
    raw.send(subscribe('a', query))
    await eventually(() => expect(listeners()).toBe(1))
    const obstacle = await createObstacle(app)
    await obstacle.query('LOCK TABLE reactions')
    await sendMessage(alice, chatId, 'worked on')
    await obstacle.untilWaiting(1)
    // In one packet, so that the server hears both at once.
    const { _socket: tcp } = raw.socket as unknown as { _socket: Socket }
    tcp.cork()
    raw.send({ type: 'complete', id: 'a' })
    raw.send(subscribe('a', query))
    tcp.uncork()
    await settled(raw)
    await eventually(() => expect(listeners()).toBe(1))
    await obstacle.end()
    await sendMessage(alice, chatId, 'for the second')
    const text = { text: 'for the second', reactions: [] }
    expect(raw.heard.slice(1).filter(({ type }) => type !== 'pong')).toEqual([])
    const next = await nextOf(raw)
    expect(next).toEqual({ type: 'next', id: 'a', payload: { data: { messageAdded: { message: text } } } })
    raw.socket.close()
    await eventually(() => expect(listeners()).toBe(0))
  })

  test('taking one again and again starts no more than a socket may have, and holds nothing', async () => {
    const raw = await enter()
    const obstacle = await createObstacle(app)
    await obstacle.query('LOCK TABLE chat_members')
    for (let i = 0; i < 50; i++) {
      raw.send(subscribe('a', 'subscription { messageAdded(chatId: "x") { cursor } }'))
      raw.send(subscribe('b', Events))
      raw.send({ type: 'complete', id: 'a' })
      raw.send({ type: 'complete', id: 'b' })
    }
    await settled(raw)
    const refused = raw.heard.filter(({ type }) => type === 'error')
    expect(refused.length).toBeGreaterThan(0)
    for (const { payload } of refused) expect(payload[0].extensions.code).toMatch(/RATE_LIMITED|NOT_FOUND/)
    await obstacle.end()
    await eventually(() => expect(listeners()).toBe(0))
    raw.send(subscribe('a', '{ __typename }'))
    await eventually(() => expect(raw.heard.at(-1)).toEqual({ type: 'complete', id: 'a' }))
    raw.socket.close()
  })
})

async function nextOf(raw: Awaited<ReturnType<typeof enter>>) {
  for (;;) {
    const message = await raw.next()
    if (message.type !== 'pong') return message
  }
}

describe('a client that completes', () => {
  test('while a subscription starts: nothing is said, nothing is held', async () => {
    const chatId = await createGroupChat(user)
    const raw = await enter()
    const obstacle = await createObstacle(app)
    await obstacle.query('LOCK TABLE chat_members')
    raw.send(
      subscribe('1', 'subscription ($chatId: ID) { messageAdded(chatId: $chatId) { cursor } }', { chatId }),
    )
    await obstacle.untilWaiting(1)
    raw.send({ type: 'complete', id: '1' })
    await settled(raw)
    await obstacle.end()
    await eventually(() => expect(listeners()).toBe(0))
    await settled(raw)
    expect(raw.heard.map(({ type }) => type)).toEqual(['connection_ack', 'pong', 'pong'])
    raw.socket.close()
  })

  test('while an event is worked on: it is not handed over, and nothing is held', async () => {
    const [alice, bob] = [await app.register('alice'), await app.register('bob')]
    const chatId = await createDirectChat(alice, bob.id)
    const raw = await enterRaw(app.url, bob.token)
    raw.send(subscribe('1', 'subscription { messageAdded { message { reactions { emoji } } } }'))
    await eventually(() => expect(listeners()).toBe(1))
    const obstacle = await createObstacle(app)
    await obstacle.query('LOCK TABLE reactions')
    await sendMessage(alice, chatId, 'worked on')
    await obstacle.untilWaiting(1)
    raw.send({ type: 'complete', id: '1' })
    await settled(raw)
    expect(listeners()).toBe(0)
    await obstacle.end()
    await bob.run('{ viewer { id } }')
    await settled(raw)
    expect(raw.heard.map(({ type }) => type)).toEqual(['connection_ack', 'pong', 'pong'])
    raw.socket.close()
  })

  test('while a query runs: its answer is not sent', async () => {
    const chatId = await createGroupChat(user)
    await sendMessage(user, chatId, 'hello')
    const raw = await enter()
    const obstacle = await createObstacle(app)
    await obstacle.query('LOCK TABLE reactions')
    const query = 'query ($id: ID!) { chat(id: $id) { messages { edges { node { reactions { emoji } } } } } }'
    raw.send(subscribe('1', query, { id: chatId }))
    await obstacle.untilWaiting(1)
    raw.send({ type: 'complete', id: '1' })
    await settled(raw)
    await obstacle.end()
    raw.send(subscribe('2', query, { id: chatId }))
    await eventually(() => expect(raw.heard.at(-1)).toEqual({ type: 'complete', id: '2' }))
    expect(raw.heard.filter(({ id }) => id === '1')).toEqual([])
    raw.socket.close()
  })

  test('twice, or what has ended, or what never was: it is no mistake', async () => {
    const raw = await enter()
    raw.send(subscribe('1', '{ __typename }'))
    await eventually(() => expect(raw.heard.at(-1)).toEqual({ type: 'complete', id: '1' }))
    for (const id of ['1', '1', 'never', '__proto__']) raw.send({ type: 'complete', id })
    await settled(raw)
    expect(raw.socket.readyState).toBe(WebSocket.OPEN)
    raw.socket.close()
  })
})

test('an operation that cannot be run gets one error message, and the socket lives', async () => {
  const raw = await enter()
  const refusals: [payload: object, code: string][] = [
    [{ query: '' }, 'GRAPHQL_PARSE_FAILED'],
    [{ query: 'subscription { events {' }, 'GRAPHQL_PARSE_FAILED'],
    [{ query: '\u0000' }, 'GRAPHQL_PARSE_FAILED'],
    [{ query: 'subscription { nonsense }' }, 'GRAPHQL_VALIDATION_FAILED'],
    [{ query: 'query A { __typename }', operationName: 'B' }, 'OPERATION_RESOLUTION_FAILURE'],
    [{ query: 'query A { __typename }', operationName: '__proto__' }, 'OPERATION_RESOLUTION_FAILURE'],
    [{ query: 'query A { __typename } query B { __typename }' }, 'OPERATION_RESOLUTION_FAILURE'],
    [{ query: Events, variables: { after: 1 } }, 'GRAPHQL_VALIDATION_FAILED'],
    [{ query: Events, variables: { after: { a: [] } } }, 'GRAPHQL_VALIDATION_FAILED'],
    [{ query: Events, variables: { after: '__proto__' } }, 'CURSOR_EXPIRED'],
    [{ query: 'query ($id: ID!) { node(id: $id) { id } }' }, 'GRAPHQL_VALIDATION_FAILED'],
    [{ query: 'subscription { messageAdded(chatId: "x") { cursor } }' }, 'NOT_FOUND'],
    [{ query: `{ a: __typename ${'# '.repeat(20_000)} }` }, 'GRAPHQL_PARSE_FAILED'],
  ]
  for (const [payload, code] of refusals) {
    raw.send({ type: 'subscribe', id: 'a', payload })
    const answer = await raw.next()
    expect(answer).toMatchObject({ type: 'error', id: 'a', payload: [{ extensions: { code } }] })
    expect(JSON.stringify(answer)).not.toContain('"http"')
  }
  raw.send({
    type: 'subscribe',
    id: 'b',
    payload: {
      query: '{ viewer { email } }',
      operationName: null,
      variables: null,
      extensions: { x: 1 },
      more: 1,
    },
  })
  expect(await raw.next()).toMatchObject({
    type: 'next',
    payload: { data: { viewer: { email: user.email } } },
  })
  raw.socket.close()
})

describe('what says who somebody is', () => {
  test('the key is authorization or Authorization, Bearer in any case', async () => {
    for (const payload of [
      { authorization: `Bearer ${user.token}` },
      { Authorization: `bearer  ${user.token} ` },
      { authorization: `BEARER ${user.token}`, more: { than: 'this' } },
      { authorization: null, Authorization: `Bearer ${user.token}` },
    ]) {
      const raw = await openRaw(app.url)
      raw.send({ type: 'connection_init', payload })
      expect(await raw.next()).toEqual({
        type: 'connection_ack',
        payload: { authorization: { expiresAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) } },
      })
      raw.socket.close()
    }
  })

  test('nothing is nobody', async () => {
    for (const payload of [undefined, null, {}, { authorization: null }, { authorization: '' }]) {
      const raw = await openRaw(app.url)
      raw.send({ type: 'connection_init', payload })
      expect(await raw.next()).toEqual({ type: 'connection_ack', payload: {} })
      raw.socket.close()
    }
  })

  test('everything else is 4403', async () => {
    for (const authorization of [
      1,
      true,
      {},
      [`Bearer ${user.token}`],
      user.token,
      'Bearer',
      `Basic ${user.token}`,
      `Bearer ${'x'.repeat(60_000)}`,
      `Bearer ${' '.repeat(30_000)}=`,
      `Bearer ${user.token} ${user.token}`,
    ]) {
      const raw = await openRaw(app.url)
      raw.send({ type: 'connection_init', payload: { authorization } })
      expect(await raw.closed).toEqual({ code: 4403, reason: 'Invalid token' })
    }
  })
})

describe('a request for another protocol', () => {
  test.each([
    ['h2c', 'Upgrade, HTTP2-Settings', 'HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n'],
    ['TLS/1.0', 'keep-alive, Upgrade', ''],
  ])('%s is answered in the one that it came in', async (protocol, connection, more) => {
    const body = JSON.stringify({ query: '{ viewer { email } }' })
    const request =
      `POST /graphql HTTP/1.1\r\nHost: localhost\r\nConnection: ${connection}\r\nUpgrade: ${protocol}\r\n${more}` +
      `Authorization: Bearer ${user.token}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`
    const { port, hostname } = new URL(app.url)
    const tcp = connect(Number(port), hostname)
    let text = ''
    tcp.setEncoding('utf8').on('data', (data) => {
      text += data
    })
    // The body in one packet with the head, and in one of its own; the connection stays in use.
    for (const [head, rest] of [
      [request + body, ''],
      [request, body],
    ] as const) {
      text = ''
      tcp.write(head)
      if (rest !== '') setImmediate(() => tcp.write(rest))
      await eventually(() => expect(text).toContain(user.email))
      expect(text).toMatch(/^HTTP\/1\.1 200 /)
    }
    tcp.destroy()
  })
})
