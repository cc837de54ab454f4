import { ForbiddenError, NotFoundError, ValidationError } from '../../core/errors.ts'
import { builder } from '../../graphql/builder.ts'
import { viewerOf } from '../../graphql/context.ts'
import { ViewerType } from '../auth/schema.ts'
import type { ChatView } from './access.ts'
import { createDirectChat, createGroupChat, markChatRead } from './actions.ts'
import { toChatEdge } from './lists.ts'
import { Chat, ChatEdge, HistoryVisibility } from './schema.ts'

/** The same field wherever a chat appears that may be new to a client's list. */
const chatEdgeDescription =
  'The chat as an edge of `viewer.chats`, to be put in front of a list on the client.'

interface DirectChatCreated {
  readonly chat: ChatView
  readonly created: boolean
}

const CreateDirectChatPayload = builder.objectRef<DirectChatCreated>('CreateDirectChatPayload').implement({
  description: 'The chat of the two.',
  fields: (t) => ({
    chat: t.field({ type: Chat, description: 'The chat.', resolve: ({ chat }) => chat }),
    chatEdge: t.field({
      type: ChatEdge,
      description: chatEdgeDescription,
      resolve: ({ chat }) => toChatEdge(chat),
    }),
    created: t.exposeBoolean('created', {
      description: 'Whether this call made it; false when it stood already.',
    }),
  }),
})

/** Each mutation has a payload type of its own, so that it can grow fields without touching the others. */
export const chatPayload = (name: string, description: string) =>
  builder.objectRef<{ chat: ChatView }>(name).implement({
    description,
    fields: (t) => ({
      chat: t.field({ type: Chat, description: 'The chat as it is now.', resolve: ({ chat }) => chat }),
    }),
  })

const CreateGroupChatPayload = chatPayload('CreateGroupChatPayload', 'A new group.')
builder.objectField(CreateGroupChatPayload, 'chatEdge', (t) =>
  t.field({ type: ChatEdge, description: chatEdgeDescription, resolve: ({ chat }) => toChatEdge(chat) }),
)

const MarkChatReadPayload = chatPayload('MarkChatReadPayload', 'How far the viewer has read.')
builder.objectField(MarkChatReadPayload, 'viewer', (t) =>
  t.field({
    type: ViewerType,
    description: 'The viewer, whose `unreadCount` may have changed.',
    resolve: (_payload, _args, context) => viewerOf(context),
  }),
)

builder.mutationFields((t) => ({
  createDirectChat: t.fieldWithInput({
    type: CreateDirectChatPayload,
    description:
      'The one-to-one chat with someone. Asking again, from either side, gives the same chat. Where either has blocked the other, a chat that stands is given still, and a new one is `FORBIDDEN`.',
    typeOptions: { name: 'CreateDirectChatInput', description: 'With whom.' },
    errors: {
      types: [ValidationError, NotFoundError, ForbiddenError],
      union: { name: 'CreateDirectChatResult', description: 'The chat, or why there is none.' },
    },
    input: { userId: t.input.id({ required: true, description: 'The id of the other user.' }) },
    resolve: (_root, { input }, context) => createDirectChat(context.store, viewerOf(context), input),
  }),
  createGroupChat: t.fieldWithInput({
    type: CreateGroupChatPayload,
    description:
      'A titled chat that the viewer owns. With only its owner it is a notebook, or a chat with an assistant, whose words are sent with `sender: BOT`.',
    typeOptions: { name: 'CreateGroupChatInput', description: 'A new group.' },
    errors: {
      types: [ValidationError, NotFoundError],
      union: { name: 'CreateGroupChatResult', description: 'The new chat, or why there is none.' },
    },
    input: {
      title: t.input.string({ required: true, description: '1 to 255 characters on one line.' }),
      historyVisibility: t.input.field({
        type: HistoryVisibility,
        description: 'What those see who join later. Default `FULL`.',
      }),
      memberIds: t.input.idList({
        description:
          'Ids of the users who shall be in it besides the viewer, at most 500; may be empty. Nobody whom the viewer has blocked or who has blocked the viewer.',
      }),
    },
    resolve: async (_root, { input }, context) => ({
      chat: await createGroupChat(context.store, viewerOf(context), input),
    }),
  }),
  markChatRead: t.fieldWithInput({
    type: MarkChatReadPayload,
    description:
      "Tells how far the viewer has read. It only ever moves forward, so calls may be late, repeated or out of order. The other members and the viewer's other devices get a `ChatRead` event; in a direct chat where either side has blocked the other, the viewer's devices alone.",
    typeOptions: { name: 'MarkChatReadInput', description: 'How far.' },
    errors: {
      types: [ValidationError, NotFoundError],
      union: { name: 'MarkChatReadResult', description: 'The chat as it is now, or why nothing changed.' },
    },
    input: {
      chatId: t.input.id({ required: true, description: 'The id of the chat.' }),
      sequence: t.input.int({
        required: true,
        description:
          'The `sequence` of the newest message that was read. Past the newest there is, it means the newest.',
      }),
    },
    resolve: async (_root, { input }, context) => ({
      chat: await markChatRead(context.store, viewerOf(context), input),
    }),
  }),
}))
