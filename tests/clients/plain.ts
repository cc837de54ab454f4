import type { TypedDocumentNode } from '@graphql-typed-document-node/core'
import type { Session } from '../../examples/clients/session.ts'
import {
  CreateDirectChatDocument,
  type EventsSubscription,
  HistoryDocument,
  type HistoryQueryVariables,
  LogoutDocument,
  type MessageRowFragment,
  RegisterDocument,
  SearchUsersDocument,
  SendMessageDocument,
} from './generated/preset/graphql.ts'
import type { JourneyClient } from './journey.ts'
import { payload } from './payload.ts'

/** What a client of few lines is made of; it pages with the cursors of the ends, and keeps messages by their ids. */
export interface Parts {
  readonly session: Session
  run<Data, Variables extends Record<string, unknown>>(
    document: TypedDocumentNode<Data, Variables>,
    variables: Variables,
  ): Promise<Data>
  follow(after: string): AsyncGenerator<EventsSubscription['events']>
  dispose(): Promise<void>
}

export function createPlainClient({ session, run, follow, dispose }: Parts): JourneyClient {
  const messages = new Map<string, MessageRowFragment>()
  const ends = { chatId: '', start: '', end: '', eventCursor: '' }
  let following = Promise.resolve()
  let isLive = false
  let failure: unknown = null

  async function load(page: Omit<HistoryQueryVariables, 'chatId'>) {
    const { viewer, chat } = await run(HistoryDocument, { chatId: ends.chatId, ...page })
    if (!viewer || !chat) throw new Error('No such chat')
    for (const { node } of chat.messages.edges) messages.set(node.id, node)
    return { eventCursor: viewer.eventCursor, count: chat.messages.edges.length, ...chat.messages.pageInfo }
  }

  return {
    session,
    dispose,
    async register(input) {
      const { register } = await run(RegisterDocument, { input })
      session.begin(payload(register, 'RegisterPayload').tokens)
    },
    search: async (search) =>
      (await run(SearchUsersDocument, { search })).users.edges.map(({ node }) => node),
    async startChat(userId) {
      const { createDirectChat } = await run(CreateDirectChatDocument, { input: { userId } })
      return payload(createDirectChat, 'CreateDirectChatPayload').chat.id
    },
    async send(input) {
      const { sendMessage } = await run(SendMessageDocument, { input })
      const { message, deduplicated } = payload(sendMessage, 'SendMessagePayload')
      // In a list that does not reach to its end it would stand in the wrong place.
      if (isLive) messages.set(message.id, message)
      return { deduplicated }
    },
    async open({ chatId, ...page }) {
      ends.chatId = chatId
      const { startCursor, endCursor, eventCursor } = await load(page)
      Object.assign(ends, { start: startCursor, end: endCursor, eventCursor })
    },
    async older(last) {
      const { count, startCursor } = await load({ last, before: ends.start })
      ends.start = startCursor ?? ends.start
      return count > 0
    },
    async newer(first) {
      const { count, endCursor } = await load({ first, after: ends.end })
      ends.end = endCursor ?? ends.end
      return count > 0
    },
    follow() {
      isLive = true
      following = (async () => {
        for await (const event of follow(ends.eventCursor)) {
          if ('message' in event) messages.set(event.message.id, event.message)
        }
      })().catch((error) => {
        failure ??= error
      })
    },
    texts: () => [...messages.values()].toSorted((a, b) => a.sequence - b.sequence).map(({ text }) => text),
    async logOut() {
      // Of what there was until now: with the session it ends, in whichever way.
      if (failure) throw failure
      await run(LogoutDocument, {})
      session.end()
      await dispose()
      await following
      messages.clear()
    },
  }
}
