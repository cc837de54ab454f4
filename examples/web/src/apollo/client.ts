import { ApolloClient, ApolloLink } from '@apollo/client'
import { getMainDefinition } from '@apollo/client/utilities'
import { RefreshTokensDocument } from '../gql/graphql.ts'
import { applyEvents, type LiveEvent } from '../live/applyEvent.ts'
import { createSocket, type Socket } from '../live/socket.ts'
import { createCache } from './cache.ts'
import {
  anonymous,
  createAgeLink,
  createAuthLink,
  createSocketLink,
  httpLink,
  persistedLink,
} from './links.ts'
import { type Asking, createReplay } from './replay.ts'
import { createTokens } from './tokens.ts'

export interface Parley {
  readonly apollo: ApolloClient
  readonly socket: Socket
  /** What is on its way may be older than these events, which the cache has: it does not undo them. */
  noteEvents(events: readonly LiveEvent[]): void
  /** Before asking for what the cache is given later, by whoever asks. */
  beginAsking(): Asking
  /** Queries that are on their way are asked again: what was asked for until now is too old. */
  outdate(): void
}

/** Everything for one session: HTTP for queries and mutations, one WebSocket for all subscriptions. */
export function createParley(sessionId: string | null): Parley {
  const tokens = createTokens(sessionId, async (refreshToken) => {
    const { data } = await apollo.mutate({
      mutation: RefreshTokensDocument,
      variables: { refreshToken },
      context: anonymous,
      fetchPolicy: 'no-cache',
    })
    const result = data?.refreshTokens
    if (result?.__typename === 'RefreshTokensPayload') return result.tokens
    if (result?.__typename === 'AuthenticationError') return null
    throw new Error(result?.reason ?? 'The tokens could not be refreshed.')
  })
  const socket = createSocket(tokens)
  const age = createAgeLink()
  const replay = createReplay<LiveEvent>((events) => applyEvents(apollo.cache, events))
  const http = ApolloLink.from([age.link, replay.link, createAuthLink(tokens), persistedLink, httpLink])
  const link = ApolloLink.split(
    ({ query }) => {
      const definition = getMainDefinition(query)
      return definition.kind === 'OperationDefinition' && definition.operation === 'subscription'
    },
    createSocketLink(socket.client),
    http,
  )
  const apollo: ApolloClient = new ApolloClient({ cache: createCache(), link })
  return {
    apollo,
    socket,
    noteEvents: replay.note,
    beginAsking: replay.begin,
    outdate() {
      age.end()
      replay.forget()
    },
  }
}
