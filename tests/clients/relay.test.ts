import { afterAll, expect, test, vi } from 'vitest'
import { startTestApp } from '../testkit/app.ts'
import { createGroupChat } from '../testkit/chats.ts'
import { eventually } from '../testkit/eventually.ts'
import { DeleteChat } from '../testkit/operations.ts'
import { only, takeJourney } from './journey.ts'
import { createRelayClient, openChats } from './relay/client.tsx'

// It waits for tokens to end, twice and more.
vi.setConfig({ testTimeout: 60_000 })

// The page that it is shown in stands where every file of this process could find it.
afterAll(() => vi.unstubAllGlobals())

test('Relay, where only its documents may run', async () => {
  await takeJourney(createRelayClient, only('relay'))
})

test('Relay keeps the list of chats by its directives for edges', async () => {
  const app = await startTestApp({ config: only('relay') ?? {} })
  const open = await startTestApp({ database: app.database })
  const [alice, bob] = [await open.register('alice'), await open.register('bob')]
  await createGroupChat(alice, [bob.id], 'first')
  const accessTokenExpiresAt = new Date(Date.now() + 600_000).toISOString()
  const chats = await openChats(`${app.url}/graphql`, {
    accessToken: bob.token,
    accessTokenExpiresAt,
    refreshToken: bob.refreshToken,
  })
  await eventually(() => expect(chats.items()).toEqual(['first']))
  const chatId = await createGroupChat(alice, [bob.id], 'second')
  await eventually(() => expect(chats.items()).toEqual(['second', 'first']))
  await alice.run(DeleteChat, { input: { chatId } })
  await eventually(() => expect(chats.items()).toEqual(['first']))
  await chats.close()
  await open.dispose()
  await app.dispose()
})
