import { toGlobalId } from '../../core/ids.ts'
import { builder } from '../../graphql/builder.ts'
import { viewerOf } from '../../graphql/context.ts'
import { ViewerType } from '../auth/schema.ts'
import type { ChatView } from '../chats/access.ts'
import { toChatEdge, toMemberEdge } from '../chats/lists.ts'
import { Chat, ChatEdge, ChatMember, ChatMemberEdge } from '../chats/schema.ts'
import type { MessageView } from '../messages/access.ts'
import { toMessageEdge } from '../messages/lists.ts'
import { Message, MessageEdge } from '../messages/schema.ts'
import { ErasedMessages } from '../privacy/schema.ts'
import type { PublicUser } from '../users/access.ts'
import { User } from '../users/schema.ts'
import type { chatDeletedReasons, Delivery } from './delivery.ts'

export type Of<Kind extends Delivery['kind']> = Extract<Delivery, { kind: Kind }>

export const Event = builder.interfaceRef<Delivery>('Event').implement({
  description:
    'Something that happened and that the viewer may see. Every event has a cursor: resume behind the last one you have applied, and nothing is missed or repeated.',
  resolveType: (event) => typeNames[event.kind],
  fields: (t) => ({
    cursor: t.string({
      description: 'The place in the log: give it as `after` to go on behind this event. Opaque.',
      resolve: (event, _args, { feed }) => feed.cursors.encode(event.position),
    }),
    occurredAt: t.expose('occurredAt', { type: 'DateTime', description: 'When it happened.' }),
    viewer: t.field({
      type: ViewerType,
      description: 'The viewer as they are now: nearly every event changes their `unreadCount`.',
      resolve: (_event, _args, context) => viewerOf(context),
    }),
  }),
})

type OfChat = Extract<Delivery, { chat: ChatView }>

const ChatEvent = builder.interfaceRef<OfChat>('ChatEvent').implement({
  description: 'Something that happened in a chat.',
  interfaces: [Event],
  fields: (t) => ({
    chat: t.field({ type: Chat, description: 'The chat as it is now.', resolve: ({ chat }) => chat }),
    chatEdge: t.field({
      type: ChatEdge,
      description:
        'The chat as an edge of `viewer.chats`, whose cursor says where it belongs now. What has a new message goes to the front.',
      resolve: ({ chat }) => toChatEdge(chat),
    }),
  }),
})

type OfAction = Extract<Delivery, { actor: PublicUser | null }>

const ChatActionEvent = builder.interfaceRef<OfAction>('ChatActionEvent').implement({
  description: 'Something that somebody did to a chat or its members.',
  interfaces: [Event, ChatEvent],
  fields: (t) => ({
    actor: t.field({
      type: User,
      nullable: true,
      description:
        'Who did it; whoever left a group, for themselves. Null once their account is erased, and where nobody did: a title went with an erased account, or the owner went and somebody had to follow.',
      resolve: ({ actor }) => actor,
    }),
  }),
})

type OfMessage = Extract<Delivery, { message: MessageView }>

const MessageEvent = builder.interfaceRef<OfMessage>('MessageEvent').implement({
  description: 'Something that happened to a message.',
  interfaces: [Event, ChatEvent],
  fields: (t) => ({
    message: t.field({
      type: Message,
      description:
        'The message as it is now, with all its `reactions`: a resumed subscription shows later edits here, too.',
      resolve: ({ message }) => message,
    }),
  }),
})

const typeNames = {
  MESSAGE_ADDED: 'MessageAdded',
  MESSAGE_EDITED: 'MessageEdited',
  MESSAGE_DELETED: 'MessageDeleted',
  CHAT_CREATED: 'ChatCreated',
  CHAT_READ: 'ChatRead',
  USER_UPDATED: 'UserUpdated',
  ACCOUNT_ERASED: 'AccountErased',
  REACTION_ADDED: 'ReactionAdded',
  REACTION_REMOVED: 'ReactionRemoved',
  CHAT_RENAMED: 'ChatRenamed',
  CHAT_HISTORY_VISIBILITY_CHANGED: 'ChatHistoryVisibilityChanged',
  CHAT_DELETED: 'ChatDeleted',
  CHAT_CLEARED: 'ChatCleared',
  CHAT_MUTED: 'ChatMuted',
  MEMBER_ADDED: 'MemberAdded',
  MEMBER_REMOVED: 'MemberRemoved',
  MEMBER_ROLE_CHANGED: 'MemberRoleChanged',
  CAUGHT_UP: 'CaughtUp',
} as const satisfies Record<Delivery['kind'], string>

export const MessageAdded = builder.objectRef<Of<'MESSAGE_ADDED'>>('MessageAdded').implement({
  description: 'A message was sent.',
  interfaces: [Event, ChatEvent, MessageEvent],
  fields: (t) => ({
    messageEdge: t.field({
      type: MessageEdge,
      description: 'The message as an edge of `chat.messages`, to be appended to a list on the client.',
      resolve: ({ message }) => toMessageEdge(message),
    }),
  }),
})

export const MessageEdited = builder.objectRef<Of<'MESSAGE_EDITED'>>('MessageEdited').implement({
  description: 'A message has a new text.',
  interfaces: [Event, ChatEvent, MessageEvent],
})

export const MessageDeleted = builder.objectRef<Of<'MESSAGE_DELETED'>>('MessageDeleted').implement({
  description: 'A message was deleted.',
  interfaces: [Event, ChatEvent, MessageEvent],
  fields: (t) => ({
    deletedMessageId: t.id({
      description: 'Its id, for clients that drop it from their lists.',
      resolve: ({ message }) => toGlobalId('Message', message.id),
    }),
  }),
})

builder.objectRef<Of<'CHAT_CREATED'>>('ChatCreated').implement({
  description: 'The viewer is in a new chat.',
  interfaces: [Event, ChatEvent],
})

builder.objectRef<Of<'CHAT_READ'>>('ChatRead').implement({
  description: 'Someone has read further: the viewer on another device, or another member, as a receipt.',
  interfaces: [Event, ChatEvent],
  fields: (t) => ({
    user: t.field({ type: User, description: 'Who has read.', resolve: ({ reader }) => reader }),
    member: t.field({
      type: ChatMember,
      description: 'Their place in the chat as it is now, with how far they have read.',
      resolve: ({ member }) => member,
    }),
    lastReadSequence: t.int({
      description: 'Up to the message with this `sequence`.',
      resolve: ({ sequence }) => sequence,
    }),
  }),
})

builder.objectRef<Of<'USER_UPDATED'>>('UserUpdated').implement({
  description:
    'Someone who shares a chat with the viewer, or the viewer, changed their profile; or the viewer blocked or unblocked them.',
  interfaces: [Event],
  fields: (t) => ({
    user: t.field({ type: User, description: 'The account as it is now.', resolve: ({ user }) => user }),
  }),
})

builder.objectRef<Of<'ACCOUNT_ERASED'>>('AccountErased').implement({
  description:
    'Someone who was in the chat, or had been, erased their account: they are no member any more, their messages have no author, and their reactions are gone. It comes at once for each chat that they were in, for one that they had left within minutes, and once more with `ERASE` when their messages there are tombstones, if that is what they chose.',
  interfaces: [Event, ChatEvent],
  fields: (t) => ({
    deletedUserId: t.id({
      description: 'The id that the account had, for clients to drop it. There is no such user any more.',
      resolve: ({ userId }) => toGlobalId('User', userId),
    }),
    deletedMemberId: t.id({
      nullable: true,
      description:
        'The id that their `ChatMember` had, for clients that drop it from their lists; null where they had left before, and the second time.',
      resolve: ({ memberId }) => (memberId === null ? null : toGlobalId('ChatMember', memberId)),
    }),
    messages: t.field({
      type: ErasedMessages,
      description:
        'What became of their messages in this chat. `ERASE`: each is a tombstone now; no `MessageDeleted` comes for them.',
      resolve: ({ messages }) => messages,
    }),
  }),
})

const reactionEvent = (name: 'ReactionAdded' | 'ReactionRemoved', description: string) =>
  builder.objectRef<Of<'REACTION_ADDED' | 'REACTION_REMOVED'>>(name).implement({
    description,
    interfaces: [Event, ChatEvent, MessageEvent],
    fields: (t) => ({
      user: t.field({ type: User, description: 'Whose reaction.', resolve: ({ user }) => user }),
      emoji: t.exposeString('emoji', { description: 'Which emoji.' }),
    }),
  })
reactionEvent('ReactionAdded', 'Someone reacted to a message.')
reactionEvent('ReactionRemoved', 'Someone took a reaction back.')

builder.objectRef<Of<'CHAT_RENAMED'>>('ChatRenamed').implement({
  description: 'A group has another title.',
  interfaces: [Event, ChatEvent, ChatActionEvent],
})

builder.objectRef<Of<'CHAT_HISTORY_VISIBILITY_CHANGED'>>('ChatHistoryVisibilityChanged').implement({
  description: 'Who joins a group from now on sees more, or less, of what was said before.',
  interfaces: [Event, ChatEvent, ChatActionEvent],
})

const ChatDeletedReason = builder.enumType('ChatDeletedReason', {
  description: 'Why a chat is gone for the viewer.',
  values: {
    DELETED: { description: 'Its owner deleted it, for everyone.' },
    LEFT: { description: 'The viewer left it, perhaps on another device.' },
    REMOVED: { description: 'The viewer was removed from it.' },
  } satisfies Record<(typeof chatDeletedReasons)[number], { description: string }>,
})

builder.objectRef<Of<'CHAT_DELETED'>>('ChatDeleted').implement({
  description:
    'A chat is gone for the viewer: deleted, left, or they were removed from it. The last that they hear of it, unless they are added again.',
  interfaces: [Event],
  fields: (t) => ({
    deletedChatId: t.id({
      description: 'Its id, for clients that drop it from their lists.',
      resolve: ({ chatId }) => toGlobalId('Chat', chatId),
    }),
    reason: t.expose('reason', { type: ChatDeletedReason, description: 'Why.' }),
  }),
})

builder.objectRef<Of<'CHAT_CLEARED'>>('ChatCleared').implement({
  description:
    'A chat was cleared of its messages. It comes once, whatever their number; no `MessageDeleted` comes for them.',
  interfaces: [Event, ChatEvent, ChatActionEvent],
  fields: (t) => ({
    clearedThroughSequence: t.int({
      description: 'Messages up to this `sequence` were cleared.',
      resolve: ({ clearedThrough }) => clearedThrough,
    }),
    author: t.field({
      type: User,
      nullable: true,
      description:
        "In a direct chat: whose messages, and theirs alone; they are tombstones now. Null in a group: everybody's, and they are gone from the list.",
      resolve: ({ author }) => author,
    }),
  }),
})

builder.objectRef<Of<'CHAT_MUTED'>>('ChatMuted').implement({
  description: 'The viewer muted or unmuted a chat, perhaps on another device. Nobody else hears of it.',
  interfaces: [Event, ChatEvent],
  fields: (t) => ({
    member: t.field({
      type: ChatMember,
      description: "The viewer's own place in it, with `mutedUntil`.",
      resolve: ({ member }) => member,
    }),
  }),
})

builder.objectRef<Of<'MEMBER_ADDED'>>('MemberAdded').implement({
  description:
    'Somebody was added to a group. If it is the viewer, the chat is new to their list: `chatEdge` is what to put in front of it.',
  interfaces: [Event, ChatEvent, ChatActionEvent],
  fields: (t) => ({
    member: t.field({
      type: ChatMember,
      description: 'Their place in it as it is now.',
      resolve: ({ member }) => member,
    }),
    memberEdge: t.field({
      type: ChatMemberEdge,
      description: 'Their place as an edge of `chat.members`, to be appended to a list on the client.',
      resolve: ({ member }) => toMemberEdge(member),
    }),
    user: t.field({ type: User, description: 'Who was added.', resolve: ({ user }) => user }),
  }),
})

builder.objectRef<Of<'MEMBER_REMOVED'>>('MemberRemoved').implement({
  description:
    'Somebody is no member of a group any more: they left, or were removed. They themselves get `ChatDeleted`.',
  interfaces: [Event, ChatEvent, ChatActionEvent],
  fields: (t) => ({
    user: t.field({ type: User, description: 'Who is gone.', resolve: ({ user }) => user }),
    removedMemberId: t.id({
      description: 'The id that their `ChatMember` had, for clients that drop it from their lists.',
      resolve: ({ memberId }) => toGlobalId('ChatMember', memberId),
    }),
  }),
})

builder.objectRef<Of<'MEMBER_ROLE_CHANGED'>>('MemberRoleChanged').implement({
  description: 'A member of a group has another role.',
  interfaces: [Event, ChatEvent, ChatActionEvent],
  fields: (t) => ({
    member: t.field({
      type: ChatMember,
      description: 'Their place in it as it is now.',
      resolve: ({ member }) => member,
    }),
    user: t.field({ type: User, description: 'Whose role.', resolve: ({ user }) => user }),
  }),
})

builder.objectRef<Of<'CAUGHT_UP'>>('CaughtUp').implement({
  description:
    'Where the backlog of a subscription to `events` ends: what came before it was missed, what comes after it is live. Once for each subscription.',
  interfaces: [Event],
})
