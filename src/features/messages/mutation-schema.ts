import { ConflictError, ForbiddenError, NotFoundError, ValidationError } from '../../core/errors.ts'
import { toGlobalId } from '../../core/ids.ts'
import { builder } from '../../graphql/builder.ts'
import { viewerOf } from '../../graphql/context.ts'
import type { ChatView } from '../chats/access.ts'
import { Chat } from '../chats/schema.ts'
import type { MessageView } from './access.ts'
import { deleteMessage, editMessage, sendMessage } from './actions.ts'
import { clearChat } from './clearing.ts'
import { toMessageEdge } from './lists.ts'
import { addReaction, maxReactionKinds, removeReaction } from './reactions.ts'
import { Message, MessageEdge, MessageSender } from './schema.ts'

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

const reactionPayload = (name: string, description: string) =>
  builder.objectRef<{ message: MessageView }>(name).implement({
    description,
    fields: (t) => ({
      message: t.field({
        type: Message,
        description: 'The message, with its `reactions` as they are now.',
        resolve: ({ message }) => message,
      }),
    }),
  })

const AddReactionPayload = reactionPayload('AddReactionPayload', "The viewer's reaction is there.")
const RemoveReactionPayload = reactionPayload('RemoveReactionPayload', "The viewer's reaction is not there.")

const emojiDescription =
  'One emoji of any kind: flags, skin tones and joined ones included. A heart with and without the sign for "as a picture" is the same.'

interface Cleared {
  readonly chat: ChatView
  readonly clearedCount: number
}

const ClearChatPayload = builder.objectRef<Cleared>('ClearChatPayload').implement({
  description: 'The cleared chat.',
  fields: (t) => ({
    chat: t.field({ type: Chat, description: 'The chat as it is now.', resolve: ({ chat }) => chat }),
    clearedCount: t.exposeInt('clearedCount', {
      description: 'How many messages were cleared that had not been deleted before.',
    }),
  }),
})

builder.mutationFields((t) => ({
  clearChat: t.fieldWithInput({
    type: ClearChatPayload,
    description:
      'Clears a chat of its messages, whatever their number. In a group its owner does: everything that was said is gone, for everyone, and from the database soon after. In a direct chat either side clears what they themselves said: those messages are tombstones then. Everyone in it gets one `ChatCleared`.',
    typeOptions: { name: 'ClearChatInput', description: 'Which chat.' },
    errors: {
      types: [NotFoundError, ForbiddenError],
      union: { name: 'ClearChatResult', description: 'The chat, or why nothing was cleared.' },
    },
    input: { chatId: t.input.id({ required: true, description: 'The id of the chat.' }) },
    resolve: async (_root, { input }, context) => {
      const cleared = await clearChat(context.store, viewerOf(context), input)
      context.purger.wake()
      return cleared
    },
  }),
  addReaction: t.fieldWithInput({
    type: AddReactionPayload,
    description: `Puts the viewer's emoji at a message. A message has at most ${maxReactionKinds} kinds of emoji, and of each one reaction a person. Doing it again changes nothing.`,
    typeOptions: { name: 'AddReactionInput', description: 'Which emoji, and where.' },
    errors: {
      types: [ValidationError, NotFoundError, ForbiddenError, ConflictError],
      union: { name: 'AddReactionResult', description: 'The message, or why there is no reaction.' },
    },
    input: {
      messageId: t.input.id({ required: true, description: 'The id of the message.' }),
      emoji: t.input.string({ required: true, description: emojiDescription }),
    },
    resolve: async (_root, { input }, context) => ({
      message: await addReaction(context.store, viewerOf(context), input),
    }),
  }),
  removeReaction: t.fieldWithInput({
    type: RemoveReactionPayload,
    description: "Takes the viewer's emoji at a message back. Where there is none nothing changes.",
    typeOptions: { name: 'RemoveReactionInput', description: 'Which emoji, and where.' },
    errors: {
      types: [ValidationError, NotFoundError],
      union: { name: 'RemoveReactionResult', description: 'The message, or why nothing was done.' },
    },
    input: {
      messageId: t.input.id({ required: true, description: 'The id of the message.' }),
      emoji: t.input.string({ required: true, description: emojiDescription }),
    },
    resolve: async (_root, { input }, context) => ({
      message: await removeReaction(context.store, viewerOf(context), input),
    }),
  }),
  sendMessage: t.fieldWithInput({
    type: SendMessagePayload,
    description:
      'Sends a message exactly once. Make up a `clientMessageId` before the first try and repeat it with every retry: the same id with the same content returns the original, whenever it comes. Sending marks nothing as read: that is `markChatRead`. `FORBIDDEN` in a direct chat where either side has blocked the other.',
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
      replyToId: t.input.id({ description: 'The id of the message of the same chat that it answers.' }),
      sender: t.input.field({
        type: MessageSender,
        description:
          'Default `USER`; `BOT` marks what a program wrote for you, an assistant in a notebook for example: you are its author, and for you it counts as your own. `SYSTEM` is refused.',
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
