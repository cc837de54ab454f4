import { ApolloClient, type ObservableQuery } from '@apollo/client'
import { test, vi } from 'vitest'
import { createApolloLink } from '../../examples/clients/apollo.ts'
import { append, createApolloCache } from '../../examples/clients/apollo-cache.ts'
import { Session } from '../../examples/clients/session.ts'
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

// It waits for tokens to end, twice and more.
vi.setConfig({ testTimeout: 60_000 })

type Manifest = Parameters<typeof createApolloLink>[3]

async function createClient(url: string, manifest?: Manifest): Promise<JourneyClient> {
  const refresh = manifest?.operations.find(({ name }) => name === 'RefreshTokens')
  const session = new Session(url, refresh && { documentId: refresh.id })
  const live = connectLive(url, session)
  const link = createApolloLink(url, session, live, manifest)
  const client = new ApolloClient({ cache: createApolloCache(), link })
  let shown: ObservableQuery<HistoryQuery, HistoryQueryVariables> | undefined
  let eventCursor = ''

  const messages = () => shown?.getCurrentResult().data?.chat?.messages as HistoryMessages | undefined

  async function more(variables: Partial<HistoryQueryVariables>): Promise<boolean> {
    const { data } = (await shown?.fetchMore({ variables })) ?? {}
    return (data?.chat?.messages.edges.length ?? 0) > 0
  }

  return {
    session,
    async register(input) {
      const { data } = await client.mutate({ mutation: RegisterDocument, variables: { input } })
      session.begin(payload(data?.register, 'RegisterPayload').tokens)
    },
    async search(search) {
      const { data } = await client.query({
        query: SearchUsersDocument,
        variables: { search },
        fetchPolicy: 'network-only',
      })
      return data?.users.edges.map(({ node }) => node) ?? []
    },
    async startChat(userId) {
      const variables = { input: { userId } }
      const { data } = await client.mutate({ mutation: CreateDirectChatDocument, variables })
      return payload(data?.createDirectChat, 'CreateDirectChatPayload').chat.id
    },
    async send(input) {
      const { data } = await client.mutate({ mutation: SendMessageDocument, variables: { input } })
      return payload(data?.sendMessage, 'SendMessagePayload')
    },
    async open(variables) {
      const { data } = await client.query({ query: HistoryDocument, variables })
      shown = client.watchQuery({ query: HistoryDocument, variables })
      shown.subscribe({})
      eventCursor = data?.viewer?.eventCursor ?? ''
    },
    older: (last) =>
      more({ first: null, after: null, last, before: messages()?.pageInfo.startCursor ?? null }),
    newer: (first) => more({ first, after: messages()?.pageInfo.endCursor ?? null }),
    follow() {
      client
        .subscribe({ query: EventsDocument, variables: { after: eventCursor } })
        .subscribe(({ data }) => data && append(client.cache, data.events))
    },
    texts: () => messages()?.edges.map(({ node }) => node.text) ?? [],
    async logOut() {
      await client.mutate({ mutation: LogoutDocument })
      session.end()
      await live.dispose()
      await client.clearStore()
    },
    async dispose() {
      client.stop()
      await live.dispose()
    },
  }
}

type HistoryMessages = NonNullable<HistoryQuery['chat']>['messages']

test.concurrent('Apollo Client', async () => {
  await takeJourney(createClient)
})

test.concurrent('Apollo Client, where only its documents may run', async () => {
  await takeJourney((url) => createClient(url, manifest), only('apollo'))
})
