import { test } from 'vitest'
import { execute, requestOf } from '../../examples/clients/codegen.ts'
import { Session } from '../../examples/clients/session.ts'
import { followEvents } from '../../examples/clients/sse.ts'
import { EventsDocument, type EventsSubscription } from './generated/graphql.ts'
import { type JourneyClient, takeJourney } from './journey.ts'
import { createPlainClient } from './plain.ts'

async function createFetchClient(url: string, persisted = false): Promise<JourneyClient> {
  const session = new Session(url)
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

test('documents of the client preset, by fetch and server-sent events', async () => {
  await takeJourney(createFetchClient)
})
