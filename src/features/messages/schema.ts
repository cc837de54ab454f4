import { ConflictError, ForbiddenError, NotFoundError, ValidationError } from '../../core/errors.ts'
import { toGlobalId } from '../../core/ids.ts'
import type { PageArgs } from '../../core/pages.ts'
import { builder } from '../../graphql/builder.ts'
import { viewerOf } from '../../graphql/context.ts'
import { globalId, Node, nodeLoader } from '../../graphql/node.ts'
import { pageCost } from '../../graphql/pages.ts'
import { Chat, loadChat, pageKey } from '../chats/schema.ts'
import { User } from '../users/schema.ts'
import { canDelete, canEdit, findMessages, type MessageView } from './access.ts'
import { deleteMessage, editMessage, sendMessage } from './actions.ts'
import { defaultMessagePage, findLastMessages, listMessages, toMessageEdge } from './lists.ts'

const MessageSender = builder.enumType('MessageSender', {
  description: 'Whose words a message is.',
  values: {
    USER: { description: "The author's own." },
    BOT: { description: "Written by a program in the author's name, an assistant's reply for example." },
    SYSTEM: { description: 'Written by the server.' },
  } as const,
})

export const Message = builder.prismaObject('Message', {
  description: 'One message. Who is in its chat sees it.',
  interfaces: [Node],
  fields: (t) => ({
    id: t.id({ description: 'The global id.', resolve: globalId('Message') }),
    chat: t.field({
      type: Chat,
      description: 'Where it was said.',
      resolve: async (message, _args, context) => {
        const chat = await loadChat(context, message.chatId)
        if (chat === undefined) throw new NotFoundError('chat')
        return chat
      },
    }),
    sequence: t.exposeInt('sequence', {
      description: 'Its number in the chat: 1, 2, 3 … without a gap. What messages are ordered by.',
    }),
    author: t.field({
      type: User,
      nullable: true,
      description: 'Who wrote it; null once the account is erased.',
      resolve: (message) => message.author,
    }),
    sender: t.expose('sender', { type: MessageSender, description: 'Whose words it is.' }),
    text: t.exposeString('text', {
      nullable: true,
      description:
        'The text exactly as it was sent, up to 5,000 characters; escape it when rendering. Null once deleted.',
    }),
    clientMessageId: t.string({
      nullable: true,
      description: 'The id that its author gave it when sending. Told to the author only; null otherwise.',
      resolve: (message, _args, { principal }) =>
        principal.kind === 'user' && principal.userId === message.authorId ? message.clientMessageId : null,
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was sent.' }),
    editedAt: t.expose('editedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was edited last; null if never.',
    }),
    deletedAt: t.expose('deletedAt', {
      type: 'DateTime',
      nullable: true,
      description:
        'When it was deleted; null while it stands. A deleted message keeps its place as a tombstone.',
    }),
    viewerCanEdit: t.boolean({
      description:
        'Whether `editMessage` would let the viewer, but for a block in a direct chat, which does not show here.',
      resolve: (message, _args, context) => canEdit(viewerOf(context), message),
    }),
    viewerCanDelete: t.boolean({
      description:
        'Whether `deleteMessage` would let the viewer: its author, and owner and admins of a group.',
      resolve: async (message, _args, context) => {
        const chat = await loadChat(context, message.chatId)
        if (chat === undefined) return false
        const access = { message, role: chat.membership.role, inGroup: chat.kind === 'GROUP' }
        return canDelete(viewerOf(context), access)
      },
    }),
  }),
})

export const MessageEdge = builder.edgeObject({
  type: Message,
  name: 'MessageEdge',
  description: 'A message in a page, or where a new one goes in the list.',
})

const MessageConnection = builder.connectionObject(
  { type: Message, name: 'MessageConnection', description: 'A page of messages.' },
  MessageEdge,
)

nodeLoader('Message', (context, ids) => findMessages(context.store, viewerOf(context), ids))

builder.objectFields(Chat, (t) => ({
  messages: t.connection(
    {
      type: Message,
      complexity: pageCost(defaultMessagePage.last),
      description:
        'The messages, ascending by `sequence` whichever way is paged. Without arguments the newest 50; scroll back with `last` and `before`. Costs the same at any depth.',
      resolve: async (chat, args: PageArgs, context) => {
        const page = await context.batch.load(`messages:${pageKey(args)}`, chat.id, (ids) =>
          listMessages(context.store, ids, args),
        )
        if (page === undefined) throw new NotFoundError('chat')
        return page
      },
    },
    MessageConnection,
  ),
  lastMessage: t.field({
    type: Message,
    nullable: true,
    description: 'The newest message, even if it was deleted since; null in an empty chat.',
    resolve: async (chat, _args, context) =>
      (await context.batch.load('lastMessage', chat.id, (ids) => findLastMessages(context.store, ids))) ??
      null,
  }),
}))

interface Sent {
  readonly message: MessageView
  readonly deduplicated: boolean
}

const SendMessagePayload = builder.objectRef<Sent>('SendMessagePayload').implement({
  description:
    'The message that was sent, by this call or by an earlier one with the same `clientMessageId`.',
  fields: (t) => ({
    message: t.field({ type: Message, description: 'The message.', resolve: ({ message }) => message }),
    messageEdge: t.field({
      type: MessageEdge,
      description: 'The message as an edge of `chat.messages`, to be appended to a list on the client.',
      resolve: ({ message }) => toMessageEdge(message),
    }),
    deduplicated: t.exposeBoolean('deduplicated', {
      description: 'True when an earlier call had sent it already, so that this one wrote nothing.',
    }),
  }),
})

const EditMessagePayload = builder.objectRef<{ message: MessageView }>('EditMessagePayload').implement({
  description: 'The edited message.',
  fields: (t) => ({
    message: t.field({
      type: Message,
      description: 'The message as it is now.',
      resolve: ({ message }) => message,
    }),
  }),
})

const DeleteMessagePayload = builder.objectRef<{ message: MessageView }>('DeleteMessagePayload').implement({
  description: 'The deleted message.',
  fields: (t) => ({
    message: t.field({ type: Message, description: 'Its tombstone.', resolve: ({ message }) => message }),
    deletedMessageId: t.id({
      description: 'Its id, for clients that drop it from their lists.',
      resolve: ({ message }) => toGlobalId('Message', message.id),
    }),
  }),
})

builder.mutationFields((t) => ({
  sendMessage: t.fieldWithInput({
    type: SendMessagePayload,
    description:
      'Sends a message exactly once. Make up a `clientMessageId` before the first try and repeat it with every retry: the same id with the same content returns the original, whenever it comes. `FORBIDDEN` in a direct chat where either side has blocked the other.',
    typeOptions: { name: 'SendMessageInput', description: 'A new message.' },
    errors: {
      types: [ValidationError, NotFoundError, ForbiddenError, ConflictError],
      union: { name: 'SendMessageResult', description: 'The message, or why it was not sent.' },
    },
    input: {
      chatId: t.input.id({ required: true, description: 'The id of the chat.' }),
      clientMessageId: t.input.string({
        required: true,
        description:
          'An id of your own for this message, 1 to 64 characters, unique among your messages: a UUID, say. Reused with other content it gives `IDEMPOTENCY_KEY_REUSED`.',
      }),
      text: t.input.string({
        required: true,
        description:
          'The text, 1 to 5,000 Unicode code points, not blank; no control characters but tab and newline. Kept exactly as sent.',
      }),
      sender: t.input.field({
        type: MessageSender,
        description: 'Default `USER`; `BOT` marks what a program wrote for you. `SYSTEM` is refused.',
      }),
    },
    resolve: (_root, { input }, context) => sendMessage(context.store, viewerOf(context), input),
  }),
  editMessage: t.fieldWithInput({
    type: EditMessagePayload,
    description:
      'Replaces the text of an own message. Its place in the chat stays; the same text again changes nothing. `FORBIDDEN` for the message of someone else, and in a direct chat where either side has blocked the other.',
    typeOptions: { name: 'EditMessageInput', description: 'Which message, and its new text.' },
    errors: {
      types: [ValidationError, NotFoundError, ForbiddenError, ConflictError],
      union: { name: 'EditMessageResult', description: 'The message, or why it was not edited.' },
    },
    input: {
      messageId: t.input.id({ required: true, description: 'The id of the message.' }),
      text: t.input.string({
        required: true,
        description: 'The new text, by the same rules as for sending.',
      }),
    },
    resolve: async (_root, { input }, context) => ({
      message: await editMessage(context.store, viewerOf(context), input),
    }),
  }),
  deleteMessage: t.fieldWithInput({
    type: DeleteMessagePayload,
    description:
      'Deletes a message: its text is gone for everyone, its place stays as a tombstone. Its author may, and in a group its owner and admins. Deleting it again changes nothing.',
    typeOptions: { name: 'DeleteMessageInput', description: 'Which message.' },
    errors: {
      types: [NotFoundError, ForbiddenError],
      union: { name: 'DeleteMessageResult', description: 'The tombstone, or why it was not deleted.' },
    },
    input: { messageId: t.input.id({ required: true, description: 'The id of the message.' }) },
    resolve: async (_root, { input }, context) => ({
      message: await deleteMessage(context.store, viewerOf(context), input),
    }),
  }),
}))
