import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestApp, type TestApp } from '../testkit/app.ts'
import { createDirectChat, sendMessage } from '../testkit/chats.ts'
import { EventCursor, Events, MessageAdded } from '../testkit/operations.ts'

let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
})
afterAll(() => app.dispose())

test('a message reaches a subscriber of its chat', async () => {
  const [alice, bob] = [await app.register('alice'), await app.register('bob')]
  const chatId = await createDirectChat(alice, bob.id)
  const { viewer } = await bob.run(EventCursor)
  const live = bob.subscribe(MessageAdded, { chatId, after: viewer.eventCursor })
  const sent = await sendMessage(alice, chatId, 'hello')
  const [event] = await live.take(1)
  expect(event.messageAdded).toMatchObject({ chat: { id: chatId }, message: { id: sent.id, text: 'hello' } })
  await live.stop()
})

test('a subscription resumes behind its cursor, each event once', async () => {
  const [alice, bob] = [await app.register('alice'), await app.register('bob')]
  const { viewer } = await bob.run(EventCursor)
  const chatId = await createDirectChat(alice, bob.id)
  for (let i = 1; i <= 450; i++) await sendMessage(alice, chatId, `message ${i}`)
  const live = bob.subscribe(Events, { after: viewer.eventCursor })
  const backlog = await live.until(({ events }) => events.__typename === 'CaughtUp')
  expect(backlog.map(({ events }) => events.__typename)).toEqual([
    'ChatCreated',
    ...Array.from({ length: 450 }, () => 'MessageAdded'),
    'CaughtUp',
  ])
  await sendMessage(alice, chatId, 'live')
  const [event] = await live.take(1)
  expect(event.events.message).toMatchObject({ sequence: 451, text: 'live' })
  await live.stop()
})
