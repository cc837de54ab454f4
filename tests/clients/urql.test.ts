import { readFileSync } from 'node:fs'
import { buildSchema, introspectionFromSchema } from 'graphql'
import { expect, test, vi } from 'vitest'
import { Session } from '../../examples/clients/session.ts'
import { createUrqlClient } from '../../examples/clients/urql.ts'
import manifest from './generated/apollo/persisted-query-manifest.json' with { type: 'json' }
import {
  CreateDirectChatDocument,
  EventsDocument,
  HistoryDocument,
  type HistoryQuery,
  type HistoryQueryVariables,
  LogoutDocument,
  RegisterDocument,
  SearchUsersDocument,
  SendMessageDocument,
} from './generated/preset/graphql.ts'
import { type JourneyClient, only, takeJourney } from './journey.ts'
import { connectLive } from './live.ts'
import { payload } from './payload.ts'

// Where urql finds no Web Crypto as in a browser it looks for Node's by `Function`, which tests run without.
vi.hoisted(() => vi.stubGlobal('self', { crypto: globalThis.crypto }))

// It waits for tokens to end, twice and more.
vi.setConfig({ testTimeout: 60_000 })

const schema = introspectionFromSchema(buildSchema(readFileSync('schema.graphql', 'utf8')))

async function createClient(url: string, ids?: ReadonlyMap<string, string>): Promise<JourneyClient> {
  const refresh = ids?.get('RefreshTokens')
  const session = new Session(url, refresh === undefined ? undefined : { documentId: refresh })
  const live = connectLive(url, session)
  let client = createUrqlClient(url, session, live, schema, ids)
  let shown: HistoryQueryVariables | undefined
  let eventCursor = ''

  /** All pages as one, whichever of them is asked for. */
  const edges = () => (shown && client.readQuery(HistoryDocument, shown)?.data?.chat?.messages.edges) ?? []

  async function load(page: Omit<HistoryQueryVariables, 'chatId'>): Promise<HistoryQuery> {
    const variables = { chatId: shown?.chatId ?? '', ...page }
    const { data, error } = await client.query(HistoryDocument, variables).toPromise()
    if (!data) throw error
    return data
  }

  async function more(page: Omit<HistoryQueryVariables, 'chatId'>): Promise<boolean> {
    const count = edges().length
    await load(page)
    return edges().length > count
  }

  return {
    session,
    async register(input) {
      const { data } = await client.mutation(RegisterDocument, { input })
      session.begin(payload(data?.register, 'RegisterPayload').tokens)
    },
    async search(search) {
      const { data, error } = await client.query(
        SearchUsersDocument,
        { search },
        { requestPolicy: 'network-only' },
      )
      if (!data) throw error
      return data.users.edges.map(({ node }) => node)
    },
    async startChat(userId) {
      const { data } = await client.mutation(CreateDirectChatDocument, { input: { userId } })
      return payload(data?.createDirectChat, 'CreateDirectChatPayload').chat.id
    },
    async send(input) {
      const { data } = await client.mutation(SendMessageDocument, { input })
      return payload(data?.sendMessage, 'SendMessagePayload')
    },
    async open(variables) {
      shown = variables
      eventCursor = (await load(variables)).viewer?.eventCursor ?? ''
    },
    older: (last) => more({ last, before: edges()[0]?.cursor ?? null }),
    newer: (first) => more({ first, after: edges().at(-1)?.cursor ?? null }),
    follow() {
      client.subscription(EventsDocument, { after: eventCursor }).subscribe(() => {})
    },
    texts: () => edges().map(({ node }) => node.text),
    async logOut() {
      await client.mutation(LogoutDocument, {})
      session.end()
      await live.dispose()
      // Its cache goes with it.
      client = createUrqlClient(url, session, live, schema, ids)
    },
    dispose: async () => live.dispose(),
  }
}

test.concurrent('urql', async () => {
  await takeJourney(createClient)
})

// urql has no tool of its own. Its cache asks for what Apollo's asks for.
test.concurrent('urql, where only the documents of a manifest may run', async () => {
  const ids = new Map(manifest.operations.map(({ name, id }) => [name, id]))
  const fetched = vi.spyOn(globalThis, 'fetch')
  await takeJourney((url) => createClient(url, ids), only('apollo'))
  const got = fetched.mock.calls.filter(
    ([url, init]) => init?.method === 'GET' && String(url).includes(String(ids.get('History'))),
  )
  expect(got.length).toBeGreaterThan(4)
})
