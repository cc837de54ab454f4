import {
  commitMutation,
  fetchQuery,
  type GraphQLTaggedNode,
  getRequest,
  type MutationParameters,
} from 'relay-runtime'
import { createRelayEnvironment } from '../../../examples/clients/relay.ts'
import { Session, type Tokens } from '../../../examples/clients/session.ts'
import type { HistoryQuery$variables } from '../generated/relay/HistoryQuery.graphql.ts'
import type { operationsCreateDirectChatMutation } from '../generated/relay/operationsCreateDirectChatMutation.graphql.ts'
import type { operationsLogoutMutation } from '../generated/relay/operationsLogoutMutation.graphql.ts'
import type { operationsRegisterMutation } from '../generated/relay/operationsRegisterMutation.graphql.ts'
import type { operationsSearchUsersQuery } from '../generated/relay/operationsSearchUsersQuery.graphql.ts'
import type { operationsSendMessageMutation } from '../generated/relay/operationsSendMessageMutation.graphql.ts'
import type { JourneyClient } from '../journey.ts'
import { connectLive } from '../live.ts'
import { Chats } from './Chats.tsx'
import { History } from './History.tsx'
import { createDirectChat, logout, refreshTokens, register, searchUsers, sendMessage } from './operations.ts'
import { openPage } from './page.tsx'

/** It sends the ids of documents only: the compiler leaves no texts in what it makes. */
export async function createRelayClient(url: string): Promise<JourneyClient> {
  const session = new Session(url, { documentId: getRequest(refreshTokens).params.id ?? '' })
  const live = connectLive(url, session)
  const environment = createRelayEnvironment(url, session, live)
  const page = await openPage(environment)
  let shown: HistoryQuery$variables | undefined

  function commit<Mutation extends MutationParameters>(
    mutation: GraphQLTaggedNode,
    variables: Mutation['variables'],
  ): Promise<Mutation['response']> {
    return new Promise((resolve, reject) => {
      commitMutation<Mutation>(environment, { mutation, variables, onCompleted: resolve, onError: reject })
    })
  }

  return {
    session,
    async register(input) {
      const done = await commit<operationsRegisterMutation>(register, { input })
      session.begin(found(done.register.tokens, done))
    },
    async search(search) {
      const query = fetchQuery<operationsSearchUsersQuery>(environment, searchUsers, { search })
      return (await query.toPromise())?.users.edges.map(({ node }) => node) ?? []
    },
    async startChat(userId) {
      const done = await commit<operationsCreateDirectChatMutation>(createDirectChat, { input: { userId } })
      return found(done.createDirectChat.chat, done).id
    },
    async send(input) {
      const list = page.document.querySelector('main')?.dataset['list']
      const variables = { input, lists: list ? [list] : [] }
      const done = await commit<operationsSendMessageMutation>(sendMessage, variables)
      return { deduplicated: found(done.sendMessage.deduplicated, done) }
    },
    async open(variables) {
      shown = variables
      page.show(<History page={variables} isLive={false} />)
    },
    older: async () => page.press('older'),
    newer: async () => page.press('newer'),
    follow() {
      if (shown) page.show(<History page={shown} isLive />)
    },
    texts: page.items,
    async logOut() {
      await commit<operationsLogoutMutation>(logout, {})
      session.end()
      page.show(null)
      await live.dispose()
    },
    async dispose() {
      await page.close()
      await live.dispose()
    },
  }
}

/** The list of chats of somebody who is logged in; `close` ends it. */
export async function openChats(url: string, tokens: Tokens) {
  const session = new Session(url)
  session.begin(tokens)
  const live = connectLive(url, session)
  const page = await openPage(createRelayEnvironment(url, session, live))
  page.show(<Chats />)
  return {
    items: page.items,
    async close() {
      await page.close()
      await live.dispose()
    },
  }
}

/** Relay's types do not tell the members of a union by their names where an interface is among them. */
function found<Value>(value: Value | undefined, among: unknown): Value {
  if (value === undefined) throw new Error(`Refused: ${JSON.stringify(among)}`)
  return value
}
