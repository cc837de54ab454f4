import { test, vi } from 'vitest'
import { execute, requestOf } from '../../examples/clients/codegen.ts'
import { Session } from '../../examples/clients/session.ts'
import { followEvents } from '../../examples/clients/sse.ts'
import { EventsDocument, type EventsSubscription, RefreshTokensDocument } from './generated/preset/graphql.ts'
import { type JourneyClient, only, takeJourney } from './journey.ts'
import { createPlainClient } from './plain.ts'

// It waits for tokens to end, twice and more.
vi.setConfig({ testTimeout: 60_000 })

async function createFetchClient(url: string, persisted: boolean): Promise<JourneyClient> {
  const session = new Session(url, requestOf(RefreshTokensDocument, persisted))
  const stop = new AbortController()
  return createPlainClient({
    session,
    run: (document, variables) => execute({ url, session, persisted }, document, variables),
    follow: (after) =>
      followEvents<EventsSubscription['events']>(
        { url, session, signal: stop.signal, waitMs: 0 },
        { ...requestOf(EventsDocument, persisted), variables: { after } },
      ),
    dispose: async () => stop.abort(),
  })
}

test.concurrent('documents of the client preset, by fetch and server-sent events', async () => {
  await takeJourney((url) => createFetchClient(url, false))
})

test.concurrent('the same, where only they may run', async () => {
  await takeJourney((url) => createFetchClient(url, true), only('preset'))
})
