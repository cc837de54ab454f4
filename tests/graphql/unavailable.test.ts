import pg from 'pg'
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest'
import { startTestApp, type TestApp } from '../testkit/app.ts'
import { createDirectChat, sendMessage } from '../testkit/chats.ts'
import { EventCursor, MessageAdded, SendMessage } from '../testkit/operations.ts'

let app: TestApp
let admin: pg.Client
beforeAll(async () => {
  app = await startTestApp()
  admin = new pg.Client(inject('adminUrl'))
  await admin.connect()
})
afterAll(async () => {
  await admin.end()
  await app.dispose()
})

async function letConnect(allowed: boolean): Promise<void> {
  const name = new URL(app.database.url).pathname.slice(1)
  await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS ${allowed}`)
  if (allowed) return
  await admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name])
}

test('without its database the server says so, and goes on by itself when it is back', async () => {
  const [alice, bob] = [await app.register('alice'), await app.register('bob')]
  const chatId = await createDirectChat(alice, bob.id)
  const { viewer } = await bob.run(EventCursor)
  const live = bob.subscribe(MessageAdded, { after: viewer.eventCursor })
  await live.started
  await sendMessage(alice, chatId, 'before')
  await live.take(1)

  await letConnect(false)
  const input = { chatId, clientMessageId: 'during', text: 'during' }
  // The first may still meet a connection that dies under it.
  await vi.waitFor(async () => {
    expect(await alice.codeOf(SendMessage, { input })).toBe('SERVICE_UNAVAILABLE')
  })
  expect((await fetch(`${app.url}/health/ready`)).status).toBe(503)
  expect((await fetch(`${app.url}/health/live`)).status).toBe(200)

  await letConnect(true)
  await vi.waitFor(async () => expect((await fetch(`${app.url}/health/ready`)).status).toBe(200))
  const { sendMessage: sent } = await alice.run(SendMessage, { input })
  expect(sent.__typename).toBe('SendMessagePayload')
  // The socket lived through it.
  const [event] = await live.take(1)
  expect(event.messageAdded.message).toMatchObject({ text: 'during', sequence: 2 })
  await live.stop()
})
