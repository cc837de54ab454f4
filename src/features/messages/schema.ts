import { NotFoundError } from '../../core/errors.ts'
import type { Edge, PageArgs } from '../../core/pages.ts'
import { builder } from '../../graphql/builder.ts'
import { viewerOf } from '../../graphql/context.ts'
import { globalId, Node, nodeLoader } from '../../graphql/node.ts'
import { pageCost } from '../../graphql/pages.ts'
import { ViewerType } from '../auth/schema.ts'
import { isDeserted } from '../chats/access.ts'
import { Chat, loadChat, pageKey } from '../chats/schema.ts'
import { User, UserConnection } from '../users/schema.ts'
import { canDelete, canEdit, findMessages, type MessageView } from './access.ts'
import { listUserMessages, listViewerMessages } from './across-chats.ts'
import { defaultMessagePage, findLastMessages, listMessages } from './lists.ts'
import {
  findReactions,
  listReactors,
  maxReactionKinds,
  type ReactionGroup,
  reactionKey,
} from './reactions.ts'
import { listRevisions, type Revision } from './revisions.ts'
import { findHighlights, longestQuery, searchMessages } from './search.ts'
import type { TextRange } from './search-query.ts'
import { SystemMessage, textOfSystem } from './system-schema.ts'

export const MessageSender = builder.enumType('MessageSender', {
  description: 'Whose words a message is.',
  values: {
    USER: { description: "The author's own." },
    BOT: { description: "Written by a program in the author's name, an assistant's reply for example." },
    SYSTEM: { description: 'Written by the server.' },
  } as const,
})

const ReactionGroupType = builder.objectRef<ReactionGroup>('ReactionGroup').implement({
  description: 'Reactions to a message with the same emoji.',
  fields: (t) => ({
    emoji: t.exposeString('emoji', {
      description: 'One emoji, fully qualified: however a client wrote it, the same one has one form.',
    }),
    count: t.exposeInt('count', { description: 'How many people reacted with it.' }),
    viewerHasReacted: t.exposeBoolean('viewerHasReacted', {
      description: 'Whether the viewer is one of them.',
    }),
    users: t.connection(
      {
        type: User,
        complexity: pageCost(),
        description: 'Who they are, in the order of reacting. Pages of 20 unless asked otherwise.',
        resolve: async (group, args, context) => {
          const load = (keys: readonly string[]) => listReactors(context.store, keys, args)
          const page = await context.batch.load(`reactors:${pageKey(args)}`, reactionKey(group), load)
          if (page === undefined) throw new NotFoundError('reaction')
          return page
        },
      },
      UserConnection,
    ),
  }),
})

const MessageRevision = builder.objectRef<Revision>('MessageRevision').implement({
  description: 'A text that a message had before it was edited.',
  fields: (t) => ({
    text: t.exposeString('text', { description: 'The text, exactly as it was.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the message had got it.' }),
  }),
})

const MessageRevisionConnection = builder.connectionObject(
  { type: MessageRevision, name: 'MessageRevisionConnection', description: 'A page of earlier texts.' },
  { name: 'MessageRevisionEdge', description: 'An earlier text in a page.' },
)

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
    sender: t.expose('sender', {
      type: MessageSender,
      description: 'Who it is by: its author, a program in their name, or the server.',
    }),
    text: t.string({
      nullable: true,
      description:
        'The text exactly as it was sent, up to 5,000 characters; escape it when rendering. Null once deleted. For `SYSTEM`, in English, what `system` says, by the names that people have now: a client that keeps it does better to put `system` and `author` into words itself.',
      // Nothing to wait for with what people wrote: a page has a hundred of them.
      resolve: (message, _args, context) =>
        message.systemKind === null ? message.text : textOfSystem(context, message, message.systemKind),
    }),
    system: t.field({
      type: SystemMessage,
      nullable: true,
      description: 'For `SYSTEM`, what happened, for clients to put into words of their own; null otherwise.',
      resolve: (message) =>
        message.systemKind === null
          ? null
          : { kind: message.systemKind, userIds: message.systemSubjectIds, title: message.text },
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
    reactions: t.field({
      type: [ReactionGroupType],
      complexity: { field: 1, multiplier: 5 },
      description: `The reactions, one group for each emoji, at most ${maxReactionKinds}, in the order of their first. None once deleted.`,
      resolve: async (message, _args, context) => {
        const viewer = viewerOf(context)
        const load = (ids: readonly string[]) => findReactions(context.store, viewer, ids)
        return (await context.batch.load('reactions', message.id, load)) ?? []
      },
    }),
    revisions: t.connection(
      {
        type: MessageRevision,
        complexity: pageCost(),
        description:
          'The texts that it had before, oldest first; its text of now is not one of them. None if it was never edited, and none once deleted. Pages of 20 unless asked otherwise.',
        resolve: async (message, args, context) => {
          const load = (ids: readonly string[]) => listRevisions(context.store, ids, args)
          const page = await context.batch.load(`revisions:${pageKey(args)}`, message.id, load)
          if (page === undefined) throw new NotFoundError('message')
          return page
        },
      },
      MessageRevisionConnection,
    ),
    isReply: t.boolean({
      description:
        'Whether it answers a message, also one that the viewer does not see any more, or never did: then `replyTo` is null.',
      resolve: ({ replyToId }) => replyToId !== null,
    }),
    viewerCanEdit: t.boolean({
      description:
        'Whether `editMessage` would let the viewer: its author, while it stands, and not in a direct chat whose other side has erased their account. A block in a direct chat does not show here.',
      resolve: async (message, _args, context) => {
        if (!canEdit(viewerOf(context), message)) return false
        const chat = await loadChat(context, message.chatId)
        return chat !== undefined && !isDeserted(chat)
      },
    }),
    viewerCanDelete: t.boolean({
      description:
        'Whether `deleteMessage` would let the viewer: its author, and owner and admins of a group. Nobody deletes what the server said.',
      resolve: async (message, _args, context) => {
        const chat = await loadChat(context, message.chatId)
        if (chat === undefined) return false
        const access = { message, role: chat.membership.role, inGroup: chat.kind === 'GROUP' }
        return canDelete(viewerOf(context), access)
      },
    }),
  }),
})

builder.prismaObjectField(Message, 'replyTo', (t) =>
  t.field({
    type: Message,
    nullable: true,
    description:
      'The message of the same chat that it answers; a tombstone, if that was deleted since. Null when it answers none, and when the viewer does not see the original: said before they joined, or cleared. `isReply` tells the two apart.',
    resolve: async (message, _args, context) => {
      if (message.replyToId === null) return null
      const viewer = viewerOf(context)
      const load = (ids: readonly string[]) => findMessages(context.store, viewer, ids)
      return (await context.batch.load('message', message.replyToId, load)) ?? null
    },
  }),
)

const TextRangeType = builder.objectRef<TextRange>('TextRange').implement({
  description:
    'A part of a text, counted in UTF-16 code units, as the strings of JavaScript, Java and C# are.',
  fields: (t) => ({
    start: t.exposeInt('start', { description: 'How many units come before it.' }),
    length: t.exposeInt('length', { description: 'How many units it has.' }),
  }),
})

export const MessageEdge = builder.edgeObject({
  type: Message,
  name: 'MessageEdge',
  description: 'A message in a page, or where a new one goes in the list.',
  fields: (t) => ({
    highlights: t.field({
      type: [TextRangeType],
      complexity: { field: 5, multiplier: 1 },
      description:
        'In the answer to a search: where its words stand in the text, in their order and apart from each other. Empty in every other list.',
      resolve: (edge) => findHighlights(edge as Edge<MessageView>),
    }),
  }),
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
        const viewer = viewerOf(context)
        const page = await context.batch.load(`messages:${pageKey(args)}`, chat.id, (ids) =>
          listMessages(context.store, viewer, ids, args),
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
    description:
      'The newest message that the viewer may see, even if it was deleted since; null where there is none.',
    resolve: async (chat, _args, context) => {
      const viewer = viewerOf(context)
      const load = (ids: readonly string[]) => findLastMessages(context.store, viewer, ids)
      return (await context.batch.load('lastMessage', chat.id, load)) ?? null
    },
  }),
}))

builder.objectField(ViewerType, 'messages', (t) =>
  t.connection(
    {
      type: Message,
      complexity: pageCost(defaultMessagePage.last),
      description:
        'Every message that the viewer may see, over all chats, ascending by time whichever way is paged; deleted ones and those of the server as in `chat.messages`. Without arguments the newest 50; scroll back with `last` and `before`. Costs the same at any depth.',
      resolve: (viewer, args, context) => listViewerMessages(context.store, viewer, args),
    },
    MessageConnection,
  ),
)

builder.prismaObjectField(User, 'messages', (t) =>
  t.connection(
    {
      type: Message,
      complexity: pageCost(defaultMessagePage.last),
      description:
        'What they have written in the chats that they share with the viewer, as far as the viewer may see it, ascending by time whichever way is paged. Neither deleted messages nor those of the server. Without arguments the newest 50; scroll back with `last` and `before`.',
      resolve: async (user, args: PageArgs, context) => {
        const viewer = viewerOf(context)
        const page = await context.batch.load(`userMessages:${pageKey(args)}`, user.id, (ids) =>
          listUserMessages(context.store, viewer, ids, args),
        )
        if (page === undefined) throw new NotFoundError('user')
        return page
      },
    },
    MessageConnection,
  ),
)

builder.queryFields((t) => ({
  searchMessages: t.field({
    type: MessageConnection,
    // It costs the database about as much as a hundred fields.
    complexity: (args) => ({ ...pageCost()(args), field: 100 }),
    description: `Searches the messages that the viewer may see, newest first, whatever their case and accents. All words must be there; \`"words in this order"\`, \`-without\`, \`begin*\`, and \`or\` between alternatives. Words are whole words but for the \`*\`; in scripts without spaces, and in Korean, any part is found, and emoji are words, too. Neither deleted messages nor those of the server. The edges say in \`highlights\` what was found where. \`VALIDATION_FAILED\` without a word to look for (on each side of \`or\`); \`RATE_LIMITED\` for a 21st search at a time. Pages of 20 unless asked otherwise.`,
    args: {
      query: t.arg.string({
        required: true,
        description: `What to look for, at most ${longestQuery} characters.`,
      }),
      chatId: t.arg.id({
        description: 'Only in this chat. One that the viewer is not in has nothing for them: an empty page.',
      }),
      authorId: t.arg.id({ description: 'Only what this user has written.' }),
      first: t.arg.int({ description: 'At most this many from the front, 1 to 100.' }),
      after: t.arg.string({ description: 'Only what comes after this cursor.' }),
    },
    resolve: (_root, args, context) => {
      const viewer = viewerOf(context)
      return context.searchGate(viewer.userId, () => searchMessages(context.store, viewer, args))
    },
  }),
}))
