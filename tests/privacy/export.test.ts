import { get, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import jwt from 'jsonwebtoken'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { toGlobalId, uuidv7 } from '../../src/core/ids.ts'
import { startTestApp, type TestApp, type TestUser, testPassword } from '../testkit/app.ts'
import { createDirectChat, createGroupChat, sendMessage } from '../testkit/chats.ts'
import type { Data, TestClient } from '../testkit/client.ts'
import {
  AddReaction,
  ChatMessages,
  DeleteMessage,
  EditMessage,
  Login,
  Logout,
  Me,
  NodeById,
  RemoveChatMember,
  RequestDataExport,
  SendMessage,
} from '../testkit/operations.ts'

// What is built in the background has its time on a busy machine, too.
vi.setConfig({ testTimeout: 60_000 })
const patience = { timeout: 15_000, interval: 20 }
const [secret, oldSecret] = ['the secret that signs these tokens now', 'the secret that signed them long ago']

let app: TestApp
let client: pg.Client
beforeAll(async () => {
  app = await startTestApp({ jwtSecrets: [secret, oldSecret] })
  client = new pg.Client(app.database.url)
  await client.connect()
})
afterAll(async () => {
  await client.end()
  await app.dispose()
})

const rowId = (globalId: string) => Buffer.from(globalId, 'base64url').toString().split(':')[1]
const fields = 'id status requestedAt readyAt expiresAt sizeBytes downloadUrl'
const Exports = `query Exports($first: Int, $after: String, $last: Int, $before: String) { viewer {
  dataExports(first: $first, after: $after, last: $last, before: $before) {
    edges { cursor node { ${fields} } } pageInfo { hasNextPage hasPreviousPage } } } }`
const Export = `query Export($id: ID!) { node(id: $id) { ... on DataExport { ${fields} } } }`

async function request(user: TestClient): Promise<Data> {
  return (await user.run(RequestDataExport)).requestDataExport
}

async function find(user: TestClient, id: string): Promise<Data> {
  return (await user.run(Export, { id })).node
}

function becomes(user: TestClient, id: string, status: string): Promise<Data> {
  return vi.waitFor(async () => {
    const found = await find(user, id)
    expect(found).toMatchObject({ status })
    return found
  }, patience)
}

/** A finished export, asked for now. */
async function exportOf(user: TestClient): Promise<Data> {
  const { dataExport } = await request(user)
  return becomes(user, dataExport.id, 'READY')
}

async function download(path: string, headers: Record<string, string> = {}): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(app.url + path, { headers, agent: false }, resolve).once('error', reject)
  })
}

/** One with pieces that do not fit into what the system buffers for a client. */
async function largeExport(user: TestClient): Promise<Data> {
  const { id } = await exportOf(user)
  await client.query(
    `INSERT INTO data_export_chunks SELECT $1, n, decode(repeat('5a', 1048576), 'hex') FROM generate_series(1, 12) n`,
    [rowId(id)],
  )
  return (await user.run(Export, { id })).node
}

async function documentOf(user: TestClient): Promise<Data> {
  const { downloadUrl } = await exportOf(user)
  return (await fetch(app.url + downloadUrl)).json()
}

describe('the document', () => {
  test('says of the account, its sessions and its chats what the API says', async () => {
    const [alice, bob] = [await app.register('alice'), await app.register('bob')]
    await client.query('UPDATE users SET bio = $2 WHERE id = $1', [rowId(alice.id), 'Says "hi" \\ 🙂\n\ttoo'])
    await client.query('INSERT INTO last_seen (user_id, at) VALUES ($1, now())', [rowId(alice.id)])
    const login = { identifier: alice.username, password: testPassword, deviceName: 'Pixel 9' }
    const { tokens } = (await app.anonymous.run(Login, { input: login })).login
    await app.client(tokens.accessToken).run(Logout)
    const direct = await createDirectChat(alice, bob.id)
    const group = await createGroupChat(alice, [bob.id], 'The "group" of 🙂')
    await sendMessage(bob, group, 'hello')
    await alice.run(`mutation { markChatRead(input: { chatId: "${group}", sequence: 1 }) { __typename } }`)
    const { viewer } = await alice.run(`{ viewer { email isEmailVerified
      user { id username displayName bio kind createdAt presence { lastSeenAt } }
      sessions { edges { node { id deviceName userAgent createdAt lastUsedAt expiresAt } } }
      chats { edges { node { id kind title createdAt otherUser { id username displayName }
        viewerMembership { role joinedAt lastReadSequence mutedUntil } } } } } }`)

    const document = await documentOf(alice)
    expect(Object.keys(document)).toEqual([
      'format',
      'version',
      'exportedAt',
      'profile',
      'sessions',
      'chats',
      'givenTitles',
      'messages',
      'earlierTexts',
      'reactions',
      'blockedUsers',
    ])
    expect(document).toMatchObject({ format: 'parley-export', version: 1, messages: [], blockedUsers: [] })
    expect(Math.abs(Date.parse(document.exportedAt) - Date.now())).toBeLessThan(20_000)
    const { user, email, isEmailVerified, sessions, chats } = viewer
    const { presence, ...profile } = user
    expect(presence.lastSeenAt).toEqual(expect.any(String))
    expect(document.profile).toEqual({ ...profile, email, emailVerified: isEmailVerified, ...presence })
    // Its own, which the API lists, and one that has ended.
    expect(document.sessions).toHaveLength(2)
    expect(document.sessions[0]).toEqual({ ...sessions.edges[0].node, revokedAt: null })
    expect(document.sessions[1]).toMatchObject({ deviceName: 'Pixel 9', revokedAt: expect.any(String) })
    const shown = chats.edges.map(({ node: { viewerMembership, ...chat } }: Data) => ({
      ...chat,
      ...viewerMembership,
      deletedAt: null,
    }))
    expect(byId(document.chats)).toEqual(byId(shown))
    expect(document.chats.map(({ id }: Data) => id)).toEqual([direct, group])
    expect(document.givenTitles).toEqual([{ chatId: group, title: 'The "group" of 🙂' }])
  })

  test("has every message of the account exactly as it was sent, and nobody else's", async () => {
    const [alice, bob] = [await app.register('alice'), await app.register('bob')]
    const [direct, group] = [await createDirectChat(alice, bob.id), await createGroupChat(bob, [alice.id])]
    const texts = [
      'plain',
      'a "quote", a \\, a / and a </script>',
      '\ttabs\nand lines\u2028of all kinds\u2029',
      'é ≠ e\u0301, 👩‍👩‍👧‍👦, 漢字, \u{10ffff}, \ufeff',
      '🙂'.repeat(5_000),
      '"'.repeat(5_000),
    ]
    for (const chatId of [direct, group]) {
      for (const text of texts) await sendMessage(alice, chatId, text)
      await sendMessage(bob, chatId, 'the words of another')
    }
    const edited = await sendMessage(alice, direct, 'before')
    await alice.run(EditMessage, { input: { messageId: edited.id, text: 'after' } })
    const answer = { chatId: direct, clientMessageId: 'answer', text: 'answer', replyToId: edited.id }
    await alice.run(SendMessage, { input: answer })
    const { id: others } = await sendMessage(bob, direct, 'before that, the words of another')
    await bob.run(EditMessage, { input: { messageId: others, text: 'the words of another' } })
    for (const user of [alice, bob]) {
      await user.run(AddReaction, { input: { messageId: others, emoji: user === alice ? '👍' : '🎉' } })
    }
    const deleted = await sendMessage(alice, direct, 'regretted')
    await alice.run(EditMessage, { input: { messageId: deleted.id, text: 'regretted, too' } })
    await alice.run(DeleteMessage, { input: { messageId: deleted.id } })
    const shown: Data[] = []
    for (const id of [direct, group]) {
      const { chat } = await alice.run(ChatMessages, { id, last: 100 })
      shown.push(...chat.messages.edges.map(({ node }: Data) => node))
    }
    // What somebody wrote stays theirs when they have left.
    await bob.run(RemoveChatMember, { input: { chatId: group, userId: alice.id } })

    const document = await documentOf(alice)
    const own = shown.filter(({ author }) => author.id === alice.id)
    expect(own).toHaveLength(texts.length * 2 + 3)
    expect(byId(document.messages)).toEqual(
      byId(
        own.map(({ author: _, chat, ...message }) => ({
          ...message,
          systemKind: null,
          chatId: chat.id,
          replyToId: message.clientMessageId === 'answer' ? edited.id : null,
        })),
      ),
    )
    expect(document.earlierTexts).toEqual([
      { messageId: edited.id, text: 'before', createdAt: edited.createdAt },
    ])
    expect(document.reactions).toEqual([{ messageId: others, emoji: '👍' }])
    expect(document.messages.slice(0, texts.length).map(({ text }: Data) => text)).toEqual(texts)
    expect(document.messages.at(-1)).toMatchObject({ text: null, deletedAt: expect.any(String) })
    expect(document.chats.map(({ id }: Data) => id)).toEqual([direct])
    expect(JSON.stringify(document)).not.toMatch(/regretted|the words of another/)
  })

  test('has whom the account blocks, not who blocks it, and no secret of anyone', async () => {
    const [alice, bob, eve] = [
      await app.register('alice'),
      await app.register('bob'),
      await app.register('eve'),
    ]
    await createDirectChat(alice, bob.id)
    for (const [blocker, blocked] of [
      [alice, bob],
      [eve, alice],
    ] as const) {
      await client.query('INSERT INTO blocks (id, blocker_id, blocked_id) VALUES ($1, $2, $3)', [
        uuidv7(),
        rowId(blocker.id),
        rowId(blocked.id),
      ])
    }
    const { downloadUrl } = await exportOf(alice)
    const text = await (await fetch(app.url + downloadUrl)).text()
    expect(JSON.parse(text).blockedUsers).toEqual([
      { id: bob.id, username: bob.username, displayName: 'bob', blockedAt: expect.any(String) },
    ])
    const { rows } = await client.query(
      `SELECT u.password_hash, encode(s.refresh_secret, 'hex') AS secret, encode(t.hash, 'hex') AS hash
        FROM users u JOIN sessions s ON s.user_id = u.id JOIN refresh_tokens t ON t.session_id = s.id`,
    )
    const secrets = rows.flatMap((row) => Object.values<string>(row))
    expect(secrets.length).toBeGreaterThan(8)
    for (const hidden of [...secrets, bob.email, eve.username, alice.token, alice.refreshToken]) {
      expect(text).not.toContain(hidden)
    }
  })

  test('has lists that are longer than what is read at a time, in order, each item once', async () => {
    const alice = await app.register('alice')
    const chatId = rowId(await createGroupChat(alice))
    for (const count of [499, 1, 1]) {
      await client.query(
        `INSERT INTO messages (id, chat_id, sequence, author_id, text)
          SELECT ('019a' || lpad(to_hex(c.last_sequence + n), 8, '0') || '7' || repeat('0', 19))::uuid,
            c.id, c.last_sequence + n, $2, 'number ' || c.last_sequence + n
          FROM chats c, generate_series(1, $3::int) n WHERE c.id = $1`,
        [chatId, rowId(alice.id), count],
      )
      await client.query('UPDATE chats SET last_sequence = last_sequence + $2 WHERE id = $1', [chatId, count])
      const { messages } = await documentOf(alice)
      const sequences = messages.map(({ sequence }: Data) => sequence)
      expect(sequences).toEqual(Array.from({ length: sequences.length }, (_, i) => i + 1))
    }
  })

  test('names no other side of a direct chat whose account is gone', async () => {
    const [alice, bob] = [await app.register('alice'), await app.register('bob')]
    const chatId = await createDirectChat(alice, bob.id)
    await client.query('DELETE FROM chat_members WHERE user_id = $1', [rowId(bob.id)])
    await client.query('DELETE FROM users WHERE id = $1', [rowId(bob.id)])
    expect((await documentOf(alice)).chats).toMatchObject([{ id: chatId, otherUser: null, title: null }])
  })
})

function byId(items: readonly Data[]): Data[] {
  return [...items].sort((a, b) => (a.id < b.id ? -1 : 1))
}

describe('a download', () => {
  test('is the stored gzip for who accepts it and the document itself for who does not', async () => {
    const alice = await app.register('alice')
    const { downloadUrl, sizeBytes, readyAt } = await exportOf(alice)
    const packed = await download(downloadUrl, { 'accept-encoding': 'gzip' })
    const packedBody = await buffer(packed)
    const plain = await download(downloadUrl)
    const plainBody = await buffer(plain)
    expect(packed.headers['content-encoding']).toBe('gzip')
    expect(plain.headers['content-encoding']).toBeUndefined()
    expect(gunzipSync(packedBody)).toEqual(plainBody)
    expect(plainBody.length).toBe(sizeBytes)
    expect(JSON.parse(plainBody.toString()).profile.id).toBe(alice.id)
    for (const [{ statusCode, headers }, body] of [
      [packed, packedBody],
      [plain, plainBody],
    ] as const) {
      expect(statusCode).toBe(200)
      expect(headers).toMatchObject({
        'content-type': 'application/json',
        'content-length': String(body.length),
        'content-disposition': `attachment; filename="parley-export-${readyAt.slice(0, 10)}.json"`,
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        vary: 'Origin, Accept-Encoding',
      })
    }
    for (const encodings of ['gzip;q=0', 'br', 'identity']) {
      const { headers } = await download(downloadUrl, { 'accept-encoding': encodings })
      expect(headers['content-encoding'], encodings).toBeUndefined()
    }
  })

  test('answers HEAD as GET without the body, and no other method', async () => {
    const { downloadUrl, sizeBytes } = await exportOf(await app.register('alice'))
    const headers = { 'accept-encoding': 'identity' }
    const head = await fetch(app.url + downloadUrl, { method: 'HEAD', headers })
    expect([head.status, head.headers.get('content-length')]).toEqual([200, String(sizeBytes)])
    expect(await head.text()).toBe('')
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
      expect((await fetch(app.url + downloadUrl, { method })).status, method).toBe(404)
    }
  })

  test('may be had more than once, three at a time', async () => {
    const { downloadUrl } = await largeExport(await app.register('alice'))
    const begin = () => download(downloadUrl, { 'accept-encoding': 'gzip' })
    const under = [await begin(), await begin(), await begin()]
    expect(under.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200])
    const fourth = await begin()
    expect(fourth).toMatchObject({ statusCode: 429, headers: { 'retry-after': '10' } })
    for (const each of under) {
      let size = 0
      for await (const part of each) size += part.length
      expect(size).toBeGreaterThan(12 * 1_048_576)
    }
    await expect.poll(async () => (await begin()).resume().statusCode).toBe(200)
  })

  test('asked for behind each other on a connection that goes, gives its place back', async () => {
    const { downloadUrl } = await largeExport(await app.register('alice'))
    const { hostname, port } = new URL(app.url)
    for (let i = 0; i < 3; i++) {
      const socket = connect(Number(port), hostname)
      const request = `GET ${downloadUrl} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n`
      socket.write(request.repeat(4))
      await new Promise((resolve) => socket.once('data', resolve))
      socket.destroy()
    }
    const status = async () =>
      (await download(downloadUrl, { 'accept-encoding': 'gzip' })).destroy().statusCode
    await expect.poll(status).toBe(200)
    const other = await exportOf(await app.register('bob'))
    expect((await fetch(app.url + other.downloadUrl)).status).toBe(200)
  })

  test('ends with the session that asked for it', async () => {
    const alice = await app.register('alice')
    const { downloadUrl } = await largeExport(alice)
    const response = await download(downloadUrl, { 'accept-encoding': 'gzip' })
    await alice.run(Logout)
    const whole = (async () => {
      for await (const _ of response);
    })()
    await expect(whole).rejects.toThrow()
  })
})

describe('nobody else gets at it', () => {
  let alice: TestUser
  let ready: Data
  let token: string
  beforeAll(async () => {
    alice = await app.register('alice')
    ready = await exportOf(alice)
    token = ready.downloadUrl.replace('/exports/', '')
  })

  test('not by its id, not in a list', async () => {
    const eve = await app.register('eve')
    expect((await eve.run(NodeById, { id: ready.id })).node).toBeNull()
    expect(await app.anonymous.codeOf(NodeById, { id: ready.id })).toBe('UNAUTHENTICATED')
    expect((await eve.run(Exports)).viewer.dataExports.edges).toEqual([])
    expect(await app.anonymous.codeOf(RequestDataExport)).toBe('UNAUTHENTICATED')
    expect((await app.anonymous.run(Exports)).viewer).toBeNull()
  })

  const claims = () => jwt.decode(token) as Record<string, unknown>
  const header = { alg: 'HS256', typ: 'export+jwt' } as const
  const signed = (changes: object, by = secret, typ: string = header.typ) =>
    jwt.sign({ ...claims(), ...changes }, by, { header: { ...header, typ } })

  test.each<[string, () => string]>([
    ['none', () => ''],
    ['nonsense', () => 'nonsense'],
    ['the id of the export', () => ready.id],
    ['a very long one', () => 'x'.repeat(10_000)],
    ['one that is cut', () => token.slice(0, -1)],
    ['one that goes on', () => `${token}/x`],
    ['one with another signature', () => `${token.split('.').slice(0, 2).join('.')}.${'A'.repeat(43)}`],
    ['one that is not signed', () => jwt.sign(claims(), null, { algorithm: 'none' })],
    ['one of another secret', () => signed({}, 'a secret that is not one of this server')],
    ['one that is over', () => signed({ exp: Math.floor(Date.now() / 1000) - 1 })],
    ['an access token', () => alice.token],
    ['one for another audience', () => signed({ aud: 'parley' })],
    ['one of another issuer', () => signed({ iss: 'elsewhere' })],
    ['one of another type', () => signed({}, secret, 'at+jwt')],
    ['one for another export', () => signed({ export: uuidv7() })],
    ['one for no export', () => signed({ export: undefined })],
    ['one for another user', () => signed({ sub: uuidv7() })],
    ['one of another session', () => signed({ sid: uuidv7() })],
  ])('not with a token that is no good, which all look alike: %s', async (_what, make) => {
    const response = await fetch(`${app.url}/exports/${make()}`)
    const missing = await fetch(`${app.url}/exports/nothing`)
    expect(response.status).toBe(404)
    expect(await response.text()).toBe(await missing.text())
    const shown = (headers: Headers) => [...headers].filter(([name]) => name !== 'date')
    expect(shown(response.headers)).toEqual(shown(missing.headers))
  })

  test('a link is good for fifteen minutes, also after its secret was replaced', async () => {
    const { iat, exp } = claims() as { iat: number; exp: number }
    expect(exp - iat).toBe(15 * 60)
    expect(Math.abs(iat * 1000 - Date.now())).toBeLessThan(20_000)
    for (const good of [token, signed({}), signed({}, oldSecret)]) {
      expect((await fetch(`${app.url}/exports/${good}`)).status).toBe(200)
    }
  })

  test('a link is no access token', async () => {
    for (const bad of [token, signed({ aud: 'parley' }), signed({}, secret, 'at+jwt')]) {
      expect(await app.client(bad).codeOf(Me)).toBe('UNAUTHENTICATED')
    }
  })

  test('a link ends with the session that asked for it', async () => {
    const input = { identifier: alice.username, password: testPassword }
    const other = app.client((await app.anonymous.run(Login, { input })).login.tokens.accessToken)
    const { downloadUrl } = await find(other, ready.id)
    expect((await fetch(app.url + downloadUrl)).status).toBe(200)
    await other.run(Logout)
    expect((await fetch(app.url + downloadUrl)).status).toBe(404)
    expect((await fetch(app.url + ready.downloadUrl)).status).toBe(200)
  })

  test('a disabled account has no downloads', async () => {
    const disable = (active: boolean) =>
      client.query('UPDATE users SET active = $2 WHERE id = $1', [rowId(alice.id), active])
    await disable(false)
    expect((await fetch(app.url + ready.downloadUrl)).status).toBe(404)
    await disable(true)
    expect((await fetch(app.url + ready.downloadUrl)).status).toBe(200)
  })
})

describe('requests', () => {
  test('the newest that is ready takes the place of the one before', async () => {
    const alice = await app.register('alice')
    const first = await exportOf(alice)
    expect(Date.parse(first.expiresAt) - Date.parse(first.readyAt)).toBe(7 * 86_400_000)
    const second = await exportOf(alice)
    expect(second.id).not.toBe(first.id)
    expect(await find(alice, first.id)).toBeNull()
    expect((await fetch(app.url + first.downloadUrl)).status).toBe(404)
    expect((await fetch(app.url + second.downloadUrl)).status).toBe(200)
    const { edges } = (await alice.run(Exports)).viewer.dataExports
    expect(edges.map(({ node }: Data) => node.id)).toEqual([second.id])
    await vi.waitFor(async () => expect(await piecesOf(first.id)).toBe(0), patience)
    expect(await piecesOf(second.id)).toBe(1)
  })

  test('three begin one within a day, and the fourth is told when it may', async () => {
    const alice = await app.register('alice')
    const exports = [await exportOf(alice), await exportOf(alice)]
    // However many come at once, together they begin the one that is left.
    await Promise.all(Array.from({ length: 10 }, () => request(alice)))
    const { edges } = (await alice.run(Exports)).viewer.dataExports
    exports.push(await becomes(alice, edges[0].node.id, 'READY'))
    const refused = await request(alice)
    expect(refused).toMatchObject({ __typename: 'RateLimitedError', code: 'RATE_LIMITED' })
    const allowedAt = Date.parse(exports[0].requestedAt) + 86_400_000
    expect(Math.abs(Date.now() + refused.retryAfterMs - allowedAt)).toBeLessThan(5_000)
    expect((await find(alice, exports[2].id)).status).toBe('READY')

    const age = (interval: string) =>
      client.query('UPDATE data_exports SET requested_at = requested_at - $2::interval WHERE user_id = $1', [
        rowId(alice.id),
        interval,
      ])
    await age('23 hours 59 minutes')
    const again = await request(alice)
    expect(again.retryAfterMs).toBeGreaterThan(0)
    expect(again.retryAfterMs).toBeLessThanOrEqual(60_000)
    await age('1 minute')
    expect((await request(alice)).dataExport.status).toBe('PENDING')
  })

  test('exports are listed newest first, to whoever they are of', async () => {
    const alice = await app.register('alice')
    const ids = Array.from({ length: 5 }, () => uuidv7())
    for (const id of ids) {
      await client.query(
        `INSERT INTO data_exports (id, user_id, status, expires_at) VALUES ($1, $2, 'FAILED', now() + interval '1 day')`,
        [id, rowId(alice.id)],
      )
    }
    const newestFirst = ids.map((id) => toGlobalId('DataExport', id)).reverse()
    const page = async (args: object) => (await alice.run(Exports, args)).viewer.dataExports
    const idsOf = ({ edges }: Data) => edges.map(({ node }: Data) => node.id)
    const first = await page({ first: 2 })
    expect(idsOf(first)).toEqual(newestFirst.slice(0, 2))
    const rest = await page({ after: first.edges[1].cursor })
    expect(idsOf(rest)).toEqual(newestFirst.slice(2))
    expect(idsOf(await page({ last: 2, before: rest.edges[1].cursor }))).toEqual(newestFirst.slice(1, 3))
    expect(await alice.codeOf(Exports, { first: 101 })).toBe('VALIDATION_FAILED')
  })
})

async function piecesOf(id: string): Promise<number> {
  const { rows } = await client.query('SELECT 1 FROM data_export_chunks WHERE export_id = $1', [rowId(id)])
  return rows.length
}

test('one that has expired is gone, its pieces at once, its row a day after the request', async () => {
  const alice = await app.register('alice')
  const { id, downloadUrl } = await exportOf(alice)
  const set = (column: string, value: string) =>
    client.query(`UPDATE data_exports SET ${column} = ${value} WHERE id = $1`, [rowId(id)])
  await set('expires_at', 'now()')
  expect(await find(alice, id)).toBeNull()
  expect((await alice.run(Exports)).viewer.dataExports.edges).toEqual([])
  expect((await fetch(app.url + downloadUrl)).status).toBe(404)
  const { wake } = app.app.services.dataExports
  await vi.waitFor(async () => {
    wake()
    expect(await piecesOf(id)).toBe(0)
  }, patience)
  const rows = () => client.query('SELECT 1 FROM data_exports WHERE id = $1', [rowId(id)])
  expect((await rows()).rowCount).toBe(1)
  await set('requested_at', `now() - interval '1 day'`)
  await vi.waitFor(async () => {
    wake()
    expect((await rows()).rowCount).toBe(0)
  }, patience)
})

test('one that fails time and again is given up, and the next one is not the worse for it', async () => {
  const own = await startTestApp()
  const admin = new pg.Client(own.database.url)
  await admin.connect()
  await admin.query('ALTER TABLE data_export_chunks ADD CONSTRAINT refuse CHECK (false) NOT VALID')
  const alice = await own.register('alice')
  const { dataExport } = await request(alice)
  await vi.waitFor(async () => {
    own.app.services.dataExports.wake()
    expect(await find(alice, dataExport.id)).toMatchObject({ status: 'FAILED', downloadUrl: null })
  }, patience)
  const lines = own.logs.map((line) => line['msg'])
  expect(lines.filter((line) => line === 'background work failed; trying again')).toHaveLength(5)
  expect(lines.at(-1)).toBe('a data export was given up')
  await admin.query('ALTER TABLE data_export_chunks DROP CONSTRAINT refuse')
  const next = await exportOf(alice)
  expect((await alice.run(Exports)).viewer.dataExports.edges).toMatchObject([{ node: { id: next.id } }])
  await admin.end()
  await own.dispose()
})
