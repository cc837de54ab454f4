import { test, vi } from 'vitest'
import { execute, requestOf } from '../../examples/clients/codegen.ts'
import * as socket from '../../examples/clients/graphql-ws.ts'
import { Session } from '../../examples/clients/session.ts'
import * as stream from '../../examples/clients/sse.ts'
import { EventsDocument, type EventsSubscription, RefreshTokensDocument } from './generated/preset/graphql.ts'
import { type JourneyClient, only, takeJourney } from './journey.ts'
import { connectLive } from './live.ts'
import { createPlainClient } from './plain.ts'

// It waits for tokens to end, twice and more.
vi.setConfig({ testTimeout: 60_000 })

type Event = EventsSubscription['events']

/** Once it is logged in, everything goes over its one socket; to log in and refresh is for HTTP. */
async function createSocketClient(url: string, persisted: boolean): Promise<JourneyClient> {
  const session = new Session(url, requestOf(RefreshTokensDocument, persisted))
  const live = connectLive(url, session, { lazyCloseTimeout: 60_000 })
  return createPlainClient({
    session,
    async run(document, variables) {
      if (!session.tokens) return execute({ url, session, persisted }, document, variables)
      for await (const { data, errors } of live.iterate({
        query: '',
        ...requestOf(document, persisted),
        variables,
      })) {
        if (!data || errors) throw new AggregateError(errors ?? [], errors?.[0]?.message)
        return data as never
      }
      throw new Error('No answer')
    },
    follow: (after) =>
      socket.followEvents<Event>(live, {
        ...requestOf(EventsDocument, persisted),
        variables: { after },
      }),
    dispose: async () => live.dispose(),
  })
}

async function createFetchClient(url: string, persisted: boolean): Promise<JourneyClient> {
  const session = new Session(url, requestOf(RefreshTokensDocument, persisted))
  const stop = new AbortController()
  return createPlainClient({
    session,
    run: (document, variables) => execute({ url, session, persisted }, document, variables),
    follow: (after) =>
      stream.followEvents<Event>(
        { url, session, signal: stop.signal, waitMs: 0 },
        { ...requestOf(EventsDocument, persisted), variables: { after } },
      ),
    dispose: async () => stop.abort(),
  })
}

test.concurrent('the standard client of graphql-ws, all over one socket', async () => {
  await takeJourney((url) => createSocketClient(url, false))
})

test.concurrent('the same, where only the documents of the client preset may run', async () => {
  await takeJourney((url) => createSocketClient(url, true), only('preset'))
})

test.concurrent('documents of the client preset, by fetch and server-sent events', async () => {
  await takeJourney((url) => createFetchClient(url, false))
})

test.concurrent('the same, where only these documents may run', async () => {
  await takeJourney((url) => createFetchClient(url, true), only('preset'))
})
