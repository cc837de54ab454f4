import { encodeCursor } from '../../core/cursor.ts'
import { NotFoundError } from '../../core/errors.ts'
import { parseIdOf } from '../../core/ids.ts'
import type { PageArgs } from '../../core/pages.ts'
import { builder } from '../../graphql/builder.ts'
import { type Context, viewerOf } from '../../graphql/context.ts'
import { globalId, Node, nodeLoader } from '../../graphql/node.ts'
import { pageCost } from '../../graphql/pages.ts'
import { ViewerType } from '../auth/schema.ts'
import { findUsers } from '../users/access.ts'
import { User } from '../users/schema.ts'
import { type ChatView, findChatMembers, findChats, type MemberView, type OwnChat } from './access.ts'
import { type ChatSummary, listChats, listMembers, summarizeChats } from './lists.ts'
import { countAllUnread, unreadCap } from './unread.ts'

const ChatKind = builder.enumType('ChatKind', {
  description: 'What a chat is.',
  values: {
    DIRECT: { description: 'Two people; one chat for each pair.' },
    GROUP: { description: 'Titled, with an owner and any number of others, none included.' },
  } as const,
})

export const ChatRole = builder.enumType('ChatRole', {
  description: 'What a member may do.',
  values: {
    OWNER: {
      description:
        'Everything. A group has one: who made it, whom that one handed it to, or, when they went, the admin, else the member, who had been in it longest.',
    },
    ADMIN: {
      description:
        'What a member may, and: add people, remove members, rename the group, delete the messages of others.',
    },
    MEMBER: { description: 'Reads and writes, and leaves. Both sides of a direct chat.' },
  } as const,
})

export const HistoryVisibility = builder.enumType('HistoryVisibility', {
  description: 'What those see who join a group later.',
  values: {
    FULL: { description: 'Everything that was said before, too.' },
    FROM_JOIN: { description: 'What is said from then on.' },
  } as const,
})

function stillToCome(time: Date | null): Date | null {
  return time !== null && time.getTime() > Date.now() ? time : null
}

export const ChatMember = builder.prismaObject('ChatMember', {
  description: 'Someone in a chat.',
  interfaces: [Node],
  fields: (t) => ({
    id: t.id({ description: 'The global id.', resolve: globalId('ChatMember') }),
    user: t.field({
      type: User,
      description: 'Who it is.',
      resolve: async (member, _args, context) => {
        if (member.user !== undefined) return member.user
        const user = await context.batch.load('user', member.userId, (ids) => findUsers(context.store, ids))
        // Erased a moment ago, after the membership was read.
        if (user === undefined) throw new NotFoundError('user')
        return user
      },
    }),
    role: t.expose('role', { type: ChatRole, description: 'What they may do.' }),
    joinedAt: t.expose('joinedAt', { type: 'DateTime', description: 'Since when.' }),
    lastReadSequence: t.int({
      description:
        'They have read up to the message with this `sequence`; 0 for none. In a direct chat where either side has blocked the other, what the other side reads is not shown until that is over.',
      resolve: ({ userId, lastReadSequence, shownReadSequence }, _args, { principal }) =>
        principal.kind === 'user' && principal.userId === userId
          ? lastReadSequence
          : (shownReadSequence ?? lastReadSequence),
    }),
    mutedUntil: t.field({
      type: 'DateTime',
      nullable: true,
      description:
        'Until when they muted the chat: a time to come. Told to themselves only; null otherwise, and once the time is up, of which no event tells.',
      resolve: (member, _args, context) =>
        context.principal.kind === 'user' && context.principal.userId === member.userId
          ? stillToCome(member.mutedUntil)
          : null,
    }),
  }),
})

export const ChatMemberEdge = builder.edgeObject({
  type: ChatMember,
  name: 'ChatMemberEdge',
  description: 'A member in a page, or where a new one goes in the list.',
})

const ChatMemberConnection = builder.connectionObject(
  { type: ChatMember, name: 'ChatMemberConnection', description: 'A page of members.' },
  ChatMemberEdge,
)

/** A name for a batch: look-ups with the same page arguments go together. */
export function pageKey({ first, after, last, before }: PageArgs): string {
  return JSON.stringify([first, after, last, before])
}

/** A chat of the viewer by its row id. */
export function loadChat(context: Context, id: string): Promise<OwnChat | undefined> {
  const viewer = viewerOf(context)
  return context.batch.load('chat', id, (ids) => findChats(context.store, viewer, ids))
}

async function membershipOf(context: Context, chat: ChatView): Promise<MemberView> {
  if (chat.membership !== undefined) return chat.membership
  const own = await loadChat(context, chat.id)
  if (own === undefined) throw new NotFoundError('chat')
  return own.membership
}

/** What is asked for of all chats at one moment is one look-up, whichever of them asks for which part. */
function loadSummary(
  context: Context,
  chat: ChatView,
  part: keyof ChatSummary,
): Promise<Partial<ChatSummary> | undefined> {
  const viewer = viewerOf(context)
  return context.batch.load('chatSummary', `${part}:${chat.id}`, async (keys) => {
    const asked = keys.map((key) => key.split(':') as [keyof ChatSummary, string])
    const ids = asked.map(([, id]) => id)
    const parts = new Set(asked.map(([each]) => each))
    const summaries = await summarizeChats(context.store, viewer, [...new Set(ids)], parts)
    return new Map(ids.map((id, i) => [keys[i] ?? '', summaries.get(id)]))
  })
}

export const Chat = builder.prismaObject('Chat', {
  description: 'A conversation. Only its members see it.',
  interfaces: [Node],
  fields: (t) => ({
    id: t.id({ description: 'The global id.', resolve: globalId('Chat') }),
    kind: t.expose('kind', { type: ChatKind, description: 'One-to-one, or a group.' }),
    title: t.exposeString('title', {
      nullable: true,
      description: 'The title of a group, 1 to 255 characters; null for a direct chat: see `otherUser`.',
    }),
    otherUser: t.field({
      type: User,
      nullable: true,
      description:
        "A direct chat's other side, whose name stands for the missing title. Null for a group, and for a direct chat whose other side has erased their account: that one can be read, and nothing more is sent there.",
      resolve: async (chat, _args, context) => {
        if (chat.kind !== 'DIRECT') return null
        return (await loadSummary(context, chat, 'otherUser'))?.otherUser ?? null
      },
    }),
    historyVisibility: t.expose('historyVisibility', {
      type: HistoryVisibility,
      description: 'What those see who join later. Of no meaning for a direct chat.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    updatedAt: t.expose('updatedAt', {
      type: 'DateTime',
      description: 'When its title or settings changed last.',
    }),
    lastActivityAt: t.expose('lastActivityAt', {
      type: 'DateTime',
      description: 'When the last message came: what `viewer.chats` is ordered by.',
    }),
    memberCount: t.int({
      description: 'How many people are in it.',
      resolve: async (chat, _args, context) =>
        (await loadSummary(context, chat, 'memberCount'))?.memberCount ?? 0,
    }),
    viewerMembership: t.field({
      type: ChatMember,
      description: "The viewer's own place in it: role, mute, how far they have read.",
      resolve: (chat, _args, context) => membershipOf(context, chat),
    }),
    lastReadCursor: t.string({
      description:
        'How far the viewer has read, as a cursor of `messages`: `messages(first:, after:)` begins with the first message behind it.',
      resolve: async (chat, _args, context) => {
        const { lastReadSequence } = await membershipOf(context, chat)
        return encodeCursor('m', lastReadSequence)
      },
    }),
    unreadCount: t.int({
      description: `Messages of others behind the viewer's read position, without deleted ones and those of the server. Counted up to ${unreadCap}: that value means "${unreadCap} or more".`,
      resolve: async (chat, _args, context) =>
        (await loadSummary(context, chat, 'unreadCount'))?.unreadCount ?? 0,
    }),
    members: t.connection(
      {
        type: ChatMember,
        complexity: pageCost(),
        description: 'Who is in it, in the order of joining. Pages of 20 unless asked otherwise.',
        resolve: async (chat, args, context) => {
          const page = await context.batch.load(`members:${pageKey(args)}`, chat.id, (ids) =>
            listMembers(context.store, ids, args),
          )
          if (page === undefined) throw new NotFoundError('chat')
          return page
        },
      },
      ChatMemberConnection,
    ),
  }),
})

export const ChatEdge = builder.edgeObject({
  type: Chat,
  name: 'ChatEdge',
  description: 'A chat in a page, or where one goes in the list.',
})

const ChatConnection = builder.connectionObject(
  { type: Chat, name: 'ChatConnection', description: 'A page of chats.' },
  ChatEdge,
)

nodeLoader('Chat', (context, ids) => findChats(context.store, viewerOf(context), ids))
nodeLoader('ChatMember', (context, ids) => findChatMembers(context.store, viewerOf(context), ids))

builder.queryField('chat', (t) =>
  t.field({
    type: Chat,
    nullable: true,
    description: 'One chat of the viewer; null when there is no such chat or the viewer is not in it.',
    args: { id: t.arg.id({ required: true, description: 'The id of the chat.' }) },
    resolve: async (_root, { id }, context) => {
      const chatId = parseIdOf('Chat', id)
      return chatId === null ? null : ((await loadChat(context, chatId)) ?? null)
    },
  }),
)

builder.objectFields(ViewerType, (t) => ({
  chats: t.connection(
    {
      type: Chat,
      complexity: pageCost(),
      description: "The viewer's chats, newest activity first. Pages of 20 unless asked otherwise.",
      resolve: (viewer, args, context) => listChats(context.store, viewer, args),
    },
    ChatConnection,
  ),
  unreadCount: t.int({
    description: `The sum of \`unreadCount\` over the chats that are not muted; each chat counts up to ${unreadCap}.`,
    resolve: (viewer, _args, context) => countAllUnread(context.store, viewer),
  }),
}))
