import { type ApolloCache, InMemoryCache, type Reference } from '@apollo/client'
import { relayStylePagination } from '@apollo/client/utilities'

/** Pages of messages as one list. Apollo has to be told which types stand behind an interface. */
export function createApolloCache(): InMemoryCache {
  return new InMemoryCache({
    possibleTypes: {
      UserError: [
        'AuthenticationError',
        'ConflictError',
        'ForbiddenError',
        'NotFoundError',
        'RateLimitedError',
        'ValidationError',
      ],
      Event: [
        'AccountErased',
        'CaughtUp',
        'ChatCleared',
        'ChatCreated',
        'ChatDeleted',
        'ChatHistoryVisibilityChanged',
        'ChatMuted',
        'ChatRead',
        'ChatRenamed',
        'MemberAdded',
        'MemberRemoved',
        'MemberRoleChanged',
        'MessageAdded',
        'MessageDeleted',
        'MessageEdited',
        'ReactionAdded',
        'ReactionRemoved',
        'UserUpdated',
      ],
      ChatEvent: [
        'AccountErased',
        'ChatCleared',
        'ChatCreated',
        'ChatHistoryVisibilityChanged',
        'ChatMuted',
        'ChatRead',
        'ChatRenamed',
        'MemberAdded',
        'MemberRemoved',
        'MemberRoleChanged',
        'MessageAdded',
        'MessageDeleted',
        'MessageEdited',
        'ReactionAdded',
        'ReactionRemoved',
      ],
      ChatActionEvent: [
        'ChatCleared',
        'ChatHistoryVisibilityChanged',
        'ChatRenamed',
        'MemberAdded',
        'MemberRemoved',
        'MemberRoleChanged',
      ],
      MessageEvent: ['MessageAdded', 'MessageDeleted', 'MessageEdited', 'ReactionAdded', 'ReactionRemoved'],
    },
    typePolicies: {
      Chat: { fields: { messages: relayStylePagination() } },
      User: { fields: { presence: { merge: true } } },
      Subscription: { fields: { events: { merge: false } } },
    },
  })
}

/** An event that has come, with the fields that matter here. */
interface LiveEvent {
  readonly __typename: string
  readonly chat?: { readonly id: string }
  readonly message?: { readonly id: string }
  readonly messageEdge?: { readonly cursor: string }
}

interface StoredMessages {
  readonly edges: readonly { readonly node: Reference }[]
  readonly pageInfo: { readonly hasNextPage: boolean }
}

/** To the end of its chat's list, if that was loaded; what is edited is replaced without any doing. */
export function append(cache: ApolloCache, { chat, message, messageEdge }: LiveEvent): void {
  if (!chat || !message || !messageEdge) return
  const { cursor } = messageEdge
  const node = { __ref: cache.identify({ __typename: 'Message', id: message.id }) ?? '' }
  cache.modify<{ messages: StoredMessages }>({
    id: cache.identify({ __typename: 'Chat', id: chat.id }) ?? '',
    fields: {
      messages(stored) {
        const list = stored as StoredMessages
        const { edges, pageInfo } = list
        if (pageInfo.hasNextPage || edges.some((edge) => edge.node.__ref === node.__ref)) return list
        const edge = { __typename: 'MessageEdge', cursor, node }
        return { ...list, edges: [...edges, edge], pageInfo: { ...pageInfo, endCursor: cursor } }
      },
    },
  })
}
