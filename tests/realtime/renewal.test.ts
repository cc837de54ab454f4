import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import WebSocket from 'ws'
import { createObstacle } from '../blocks/blocking.ts'
import { startTestApp, type TestApp, type TestUser, testPassword } from '../testkit/app.ts'
import { createDirectChat, sendMessage } from '../testkit/chats.ts'
import { eventually } from '../testkit/eventually.ts'
import { Events, Login, Logout, Me, MessageAdded, RefreshTokens } from '../testkit/operations.ts'
import { enterRaw, openRaw, type RawSocket, settled, subscribe } from '../testkit/raw-socket.ts'

let app: TestApp
/** On the same database, with tokens that last for two to three seconds. */
let brief: TestApp
beforeAll(async () => {
  app = await startTestApp()
  brief = await startTestApp({ database: app.database, config: { accessTokenTtlSeconds: 2 } })
})
afterAll(async () => {
  await brief.dispose()
  await app.dispose()
})

const renewal = (token: string) => ({ type: 'ping', payload: { authorization: `Bearer ${token}` } })
const expiryOf = (token: string): number =>
  JSON.parse(Buffer.from(String(token.split('.')[1]), 'base64url').toString()).exp * 1000
const pongOf = (token: string) => ({
  type: 'pong',
  payload: { authorization: { expiresAt: new Date(expiryOf(token)).toISOString() } },
})

async function refresh(
  on: TestApp,
  refreshToken: string,
): Promise<{ accessToken: string; refreshToken: string }> {
  const { refreshTokens } = await on.anonymous.run(RefreshTokens, { input: { refreshToken } })
  return refreshTokens.tokens
}

async function login(on: TestApp, user: TestUser): Promise<{ accessToken: string; refreshToken: string }> {
  const input = { identifier: user.username, password: testPassword }
  return (await on.anonymous.run(Login, { input })).login.tokens
}

test('a good token of the same session moves the end of the socket, and what runs on it goes on', async () => {
  const [alice, bob] = [await app.register('alice'), await brief.register('bob')]
  const chatId = await createDirectChat(alice, bob.id)
  const raw = await enterRaw(brief.url, bob.token)
  raw.send(subscribe('1', MessageAdded))
  await settled(raw)
  // By a server whose tokens last longer; to a socket that a shorter one opened.
  const { accessToken } = await refresh(app, bob.refreshToken)
  raw.send(renewal(accessToken))
  await eventually(() => expect(raw.heard.at(-1)).toEqual(pongOf(accessToken)))
  const bystander = await enterRaw(brief.url, (await login(brief, bob)).accessToken)
  expect(await bystander.closed).toEqual({ code: 4403, reason: 'Token expired' })
  expect(expiryOf(bob.token)).toBeLessThanOrEqual(Date.now())
  const { id } = await sendMessage(alice, chatId, 'still here')
  await eventually(() => expect(raw.heard.at(-1)?.payload.data.messageAdded.message.id).toBe(id))
  raw.send(subscribe('2', Me))
  await eventually(() => expect(raw.heard.at(-1)).toEqual({ type: 'complete', id: '2' }))
  expect(raw.heard.at(-2)?.payload.data.viewer.email).toBe(bob.email)
  raw.socket.close()
})

test('a token that ends earlier takes nothing back, in whichever order they come', async () => {
  const user = await app.register()
  const raw = await enterRaw(brief.url, user.token)
  const { accessToken: shorter } = await refresh(brief, user.refreshToken)
  expect(expiryOf(shorter)).toBeLessThan(expiryOf(user.token))
  raw.send(renewal(shorter))
  expect(await raw.next()).toEqual(pongOf(user.token))
  raw.send(renewal(user.token))
  expect(await raw.next()).toEqual(pongOf(user.token))
  raw.socket.close()
})

describe('4403 and why', () => {
  async function refused(raw: RawSocket, message: object, reason: string): Promise<void> {
    const heard = raw.heard.length
    raw.send(message)
    expect(await raw.closed).toEqual({ code: 4403, reason })
    expect(raw.heard.length).toBe(heard)
  }

  test('a bad token', async () => {
    const user = await app.register()
    for (const authorization of ['Bearer nonsense', user.token, '', 1, [`Bearer ${user.token}`], {}]) {
      const raw = await enterRaw(app.url, user.token)
      await refused(raw, { type: 'ping', payload: { authorization } }, 'Invalid token')
    }
  })

  test('one that has ended', async () => {
    const user = await brief.register()
    const { accessToken } = await refresh(app, user.refreshToken)
    const raw = await enterRaw(app.url, accessToken)
    await eventually(() => expect(expiryOf(user.token)).toBeLessThan(Date.now()))
    await refused(raw, renewal(user.token), 'Token expired')
  })

  test('one of another session of the same user, and one of somebody else', async () => {
    const [user, other] = [await app.register(), await app.register()]
    for (const token of [(await login(app, user)).accessToken, other.token]) {
      await refused(await enterRaw(app.url, user.token), renewal(token), 'Other session')
    }
  })

  test('one of a session that has ended', async () => {
    const [user, other] = [await app.register(), await app.register()]
    await other.run(Logout)
    await refused(await enterRaw(app.url, user.token), renewal(other.token), 'Session revoked')
  })

  test('any token where nobody is: a socket belongs to whoever opened it', async () => {
    const user = await app.register()
    await refused(await enterRaw(app.url), renewal(user.token), 'Other session')
  })
})

test('before the greeting is answered there is nothing to renew: 4401', async () => {
  const user = await app.register()
  const raw = await openRaw(app.url)
  raw.send(renewal(user.token))
  expect(await raw.closed).toEqual({ code: 4401, reason: 'Unauthorized' })
})

test('a session that ends closes a socket that was renewed, and is not renewed any more', async () => {
  const user = await app.register()
  const raw = await enterRaw(app.url, user.token)
  const { accessToken } = await refresh(app, user.refreshToken)
  raw.send(renewal(accessToken))
  expect(await raw.next()).toEqual(pongOf(accessToken))
  const ending = app.client(accessToken).run(Logout)
  for (let i = 0; i < 20; i++) raw.send(renewal(accessToken))
  await ending
  expect(await raw.closed).toEqual({ code: 4403, reason: 'Session revoked' })
})

const sessionOf = (token: string): string =>
  JSON.parse(Buffer.from(String(token.split('.')[1]), 'base64url').toString()).sid

test('without its database the server says so, and the socket stays until its token ends', async () => {
  const alone = await startTestApp()
  const user = await alone.register()
  const { accessToken } = await refresh(alone, user.refreshToken)
  const raw = await enterRaw(alone.url, user.token)
  const admin = new pg.Client(inject('adminUrl'))
  await admin.connect()
  const name = new URL(alone.database.url).pathname.slice(1)
  await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`)
  await admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name])
  // What is remembered of a session would do for a while.
  alone.app.services.auth.authenticator.forget(sessionOf(user.token))
  raw.send(renewal(accessToken))
  expect(await raw.next()).toEqual({
    type: 'pong',
    payload: { authorization: { code: 'SERVICE_UNAVAILABLE' } },
  })
  raw.send(subscribe('1', Me))
  const refusal = { id: '1', payload: [{ extensions: { code: 'SERVICE_UNAVAILABLE' } }] }
  expect(await raw.next()).toMatchObject({ type: 'error', ...refusal })
  await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`)
  await admin.end()
  await eventually(async () => {
    raw.send(renewal(accessToken))
    expect(await raw.next()).toEqual(pongOf(accessToken))
  })
  raw.socket.close()
  await alone.dispose()
})

describe('a renewal that is under way when the token ends', () => {
  async function overtaken() {
    const user = await brief.register()
    const raw = await enterRaw(brief.url, user.token)
    const { accessToken } = await refresh(app, user.refreshToken)
    const obstacle = await createObstacle(brief)
    await obstacle.query('LOCK TABLE sessions')
    brief.app.services.auth.authenticator.forget(sessionOf(user.token))
    raw.send(renewal(accessToken))
    await obstacle.untilWaiting(1)
    await eventually(() => expect(Date.now()).toBeGreaterThan(expiryOf(user.token) + 200))
    expect(raw.socket.readyState).toBe(WebSocket.OPEN)
    return { raw, accessToken, obstacle, end: expiryOf(user.token) }
  }

  test('decides, and the socket goes on', async () => {
    const { raw, accessToken, obstacle } = await overtaken()
    await obstacle.end()
    expect(await raw.next()).toEqual(pongOf(accessToken))
    raw.send(subscribe('1', Me))
    expect((await raw.next()).type).toBe('next')
    raw.socket.close()
  })

  test('is waited for no longer than five seconds', async () => {
    const { raw, obstacle, end } = await overtaken()
    expect(await raw.closed).toEqual({ code: 4403, reason: 'Token expired' })
    expect(Date.now()).toBeLessThan(end + 6_000)
    await obstacle.end()
  })
})

test('a subscription lives through three lifetimes of its token on one socket, and misses nothing', async () => {
  const [alice, bob] = [await app.register('alice'), await brief.register('bob')]
  const chatId = await createDirectChat(alice, bob.id)
  const raw = await enterRaw(brief.url, bob.token)
  raw.send(subscribe('1', Events))
  await settled(raw)
  const until = Date.now() + 3 * 3_000
  let { token, refreshToken } = bob
  let sent = 0
  while (Date.now() < until) {
    await sendMessage(alice, chatId, `message ${++sent}`)
    if (expiryOf(token) - Date.now() > 1_000) continue
    const tokens = await refresh(brief, refreshToken)
    ;[token, refreshToken] = [tokens.accessToken, tokens.refreshToken]
    raw.send(renewal(token))
  }
  const texts = () =>
    raw.heard.flatMap(({ type, payload }) =>
      type === 'next' ? (payload.data.events.message?.text ?? []) : [],
    )
  await eventually(() => expect(texts()).toHaveLength(sent))
  expect(texts()).toEqual(Array.from({ length: sent }, (_, i) => `message ${i + 1}`))
  expect(raw.heard.filter(({ payload }) => payload?.authorization?.expiresAt).length).toBeGreaterThan(3)
  expect(raw.socket.readyState).toBe(WebSocket.OPEN)
  // Renewed no more, it ends.
  expect(await raw.closed).toEqual({ code: 4403, reason: 'Token expired' })
})

test("tokens that are refreshed over the socket itself are not the socket's until they come in a ping", async () => {
  const user = await brief.register()
  const raw = await enterRaw(brief.url, user.token)
  raw.send(subscribe('1', RefreshTokens, { input: { refreshToken: user.refreshToken } }))
  const { accessToken } = (await raw.next()).payload.data.refreshTokens.tokens
  expect(expiryOf(accessToken)).toBeGreaterThanOrEqual(expiryOf(user.token))
  await raw.next()
  const first = expiryOf(user.token)
  const { reason } = await raw.closed
  expect(reason).toBe('Token expired')
  expect(Date.now()).toBeLessThan(first + 1_000)
})
