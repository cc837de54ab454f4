import type { ErasedMessages } from '../../db/generated/prisma/client.ts'
import { type EventKind, type LogEvent, messageKinds } from '../../events/event.ts'
import type { Store } from '../../events/store.ts'
import type { ChatView, MemberView } from '../chats/access.ts'
import {
  type MessageView,
  type MessageViewRow,
  messageViewColumns,
  toMessageView,
} from '../messages/access.ts'
import { findUsers, type PublicUser } from '../users/access.ts'

/** The kinds of entries that clients see. */
export const clientEventKinds = [
  'MESSAGE_ADDED',
  'MESSAGE_EDITED',
  'MESSAGE_DELETED',
  'CHAT_CREATED',
  'CHAT_READ',
  'USER_UPDATED',
  'ACCOUNT_ERASED',
  'REACTION_ADDED',
  'REACTION_REMOVED',
  'CHAT_RENAMED',
  'CHAT_HISTORY_VISIBILITY_CHANGED',
  'CHAT_DELETED',
  'CHAT_CLEARED',
  'CHAT_MUTED',
  'MEMBER_ADDED',
  'MEMBER_REMOVED',
  'MEMBER_ROLE_CHANGED',
] as const satisfies readonly EventKind[]
export type ClientEventKind = (typeof clientEventKinds)[number]

/** An entry of the log with what it speaks of, as it is now; the same object for every subscriber. */
export type Delivery =
  | MessageDelivery<'MESSAGE_ADDED'>
  | MessageDelivery<'MESSAGE_EDITED'>
  | MessageDelivery<'MESSAGE_DELETED'>
  | (DeliveryBase & { readonly kind: 'CHAT_CREATED'; readonly chat: ChatView })
  | (DeliveryBase & {
      readonly kind: 'CHAT_READ'
      readonly chat: ChatView
      readonly reader: PublicUser
      readonly member: MemberView
      readonly sequence: number
    })
  | (DeliveryBase & { readonly kind: 'USER_UPDATED'; readonly user: PublicUser })
  | (DeliveryBase & {
      readonly kind: 'ACCOUNT_ERASED'
      readonly chat: ChatView
      readonly userId: string
      readonly memberId: string | null
      readonly messages: ErasedMessages
    })
  | ReactionDelivery<'REACTION_ADDED'>
  | ReactionDelivery<'REACTION_REMOVED'>
  | ChatDelivery<'CHAT_RENAMED'>
  | ChatDelivery<'CHAT_HISTORY_VISIBILITY_CHANGED'>
  | (DeliveryBase & {
      readonly kind: 'CHAT_DELETED'
      readonly chatId: string
      readonly reason: ChatDeletedReason
    })
  | (ChatDelivery<'CHAT_CLEARED'> & {
      readonly clearedThrough: number
      /** Whose messages alone; null: everybody's. */
      readonly author: PublicUser | null
    })
  | (DeliveryBase & { readonly kind: 'CHAT_MUTED'; readonly chat: ChatView; readonly member: MemberView })
  | MemberDelivery<'MEMBER_ADDED'>
  | MemberDelivery<'MEMBER_ROLE_CHANGED'>
  | (ChatDelivery<'MEMBER_REMOVED'> & { readonly user: PublicUser; readonly memberId: string })
  | (DeliveryBase & { readonly kind: 'CAUGHT_UP' })

interface MessageDelivery<Kind extends EventKind> extends DeliveryBase {
  readonly kind: Kind
  readonly chat: ChatView
  readonly message: MessageView
}

interface ReactionDelivery<Kind extends EventKind> extends DeliveryBase {
  readonly kind: Kind
  readonly chat: ChatView
  readonly message: MessageView
  readonly user: PublicUser
  readonly emoji: string
}

/** Something about a chat that somebody did. */
interface ChatDelivery<Kind extends EventKind> extends DeliveryBase {
  readonly kind: Kind
  readonly chat: ChatView
  /** Null once erased, and where nobody did it. */
  readonly actor: PublicUser | null
}

interface MemberDelivery<Kind extends EventKind> extends ChatDelivery<Kind> {
  readonly user: PublicUser
  readonly member: MemberView
}

export const chatDeletedReasons = ['DELETED', 'LEFT', 'REMOVED'] as const
type ChatDeletedReason = (typeof chatDeletedReasons)[number]

interface DeliveryBase {
  readonly position: number
  readonly occurredAt: Date
}

const chatsStatement = {
  name: 'delivery_chats',
  text: `SELECT id, kind, title, history_visibility AS "historyVisibility", direct_key AS "directKey", last_sequence AS "lastSequence",
      last_activity_at AS "lastActivityAt", created_at AS "createdAt", updated_at AS "updatedAt", deleted_at AS "deletedAt"
    FROM chats WHERE id = ANY($1::uuid[]) AND deleted_at IS NULL`,
}
const membersStatement = {
  name: 'delivery_members',
  text: `SELECT m.id, m.chat_id AS "chatId", m.user_id AS "userId", m.role, m.joined_at AS "joinedAt",
      m.last_read_sequence AS "lastReadSequence", m.shown_read_sequence AS "shownReadSequence", m.muted_until AS "mutedUntil"
    FROM unnest($1::uuid[], $2::uuid[]) AS k(chat_id, user_id)
    JOIN chat_members m ON m.chat_id = k.chat_id AND m.user_id = k.user_id`,
}
const messagesStatement = {
  name: 'delivery_messages',
  text: `SELECT ${messageViewColumns} FROM messages m LEFT JOIN users u ON u.id = m.author_id WHERE m.id = ANY($1::uuid[])`,
}

/**
 * Loads what entries speak of: four statements at most, whatever their number. Whom to hand it to is
 * decided elsewhere. An entry whose chat or message is gone has nothing to show and is left out.
 */
export async function hydrate(store: Store, events: readonly LogEvent[]): Promise<Map<number, Delivery>> {
  const chatIds = unique(events.map(chatOf))
  const messageIds = unique(events.map((event) => (isAboutMessage(event.kind) ? event.subjectId : null)))
  const userIds = unique(events.flatMap((event) => [actorOf(event), userOf(event)]))
  const members = events.flatMap((event) => memberOf(event) ?? [])
  const [chats, messages, users, memberRows] = await Promise.all([
    chatIds.length > 0 ? store.query<ChatView>(chatsStatement, [chatIds]) : [],
    messageIds.length > 0 ? store.query<MessageViewRow>(messagesStatement, [messageIds]) : [],
    userIds.length > 0 ? findUsers(store, userIds) : new Map<string, PublicUser>(),
    members.length > 0
      ? store.query<MemberView>(membersStatement, [
          members.map(({ chatId }) => chatId),
          members.map(({ userId }) => userId),
        ])
      : [],
  ])
  const loaded: Loaded = {
    chats: new Map(chats.map((chat) => [chat.id, chat])),
    messages: new Map(messages.map((row) => [row.id, toMessageView(row)])),
    users,
    members: new Map(memberRows.map((member) => [memberKey(member), member])),
  }
  const deliveries = new Map<number, Delivery>()
  for (const event of events) {
    const delivery = toDelivery(event, loaded)
    if (delivery !== null) deliveries.set(event.position, delivery)
  }
  return deliveries
}

/** What it takes in memory, in bytes, about. */
export function sizeOf(delivery: Delivery): number {
  const text = 'message' in delivery ? (delivery.message.text?.length ?? 0) : 0
  return baseSize + 2 * text
}

const baseSize = 500

interface Loaded {
  readonly chats: ReadonlyMap<string, ChatView>
  readonly messages: ReadonlyMap<string, MessageView>
  readonly users: ReadonlyMap<string, PublicUser>
  readonly members: ReadonlyMap<string, MemberView>
}

/** Null where what it speaks of is gone. */
function toDelivery(event: LogEvent, loaded: Loaded): Delivery | null {
  const { position, occurredAt, kind, subjectId, sequence, detail } = event
  const chat = loaded.chats.get(chatOf(event) ?? '')
  const user = loaded.users.get(userOf(event) ?? '')
  const base = { position, occurredAt }
  if (kind === 'USER_UPDATED') return user === undefined ? null : { ...base, kind, user }
  if (kind === 'CHAT_DELETED') {
    const reason = chatDeletedReasons.find((each) => each === detail)
    return subjectId === null || reason === undefined ? null : { ...base, kind, chatId: subjectId, reason }
  }
  if (chat === undefined) return null
  const about = { ...base, chat, actor: loaded.users.get(actorOf(event) ?? '') ?? null }
  switch (kind) {
    case 'MESSAGE_ADDED':
    case 'MESSAGE_EDITED':
    case 'MESSAGE_DELETED': {
      const message = loaded.messages.get(subjectId ?? '')
      return message === undefined ? null : ({ ...base, kind, chat, message } as Delivery)
    }
    case 'REACTION_ADDED':
    case 'REACTION_REMOVED': {
      const message = loaded.messages.get(subjectId ?? '')
      if (message === undefined || user === undefined || detail === null) return null
      return { ...base, kind, chat, message, user, emoji: detail } as Delivery
    }
    case 'CHAT_CREATED':
      return { ...base, kind, chat }
    case 'CHAT_RENAMED':
    case 'CHAT_HISTORY_VISIBILITY_CHANGED':
      return { ...about, kind }
    case 'CHAT_READ': {
      const member = memberIn(event, loaded)
      if (user === undefined || member === undefined || sequence === null) return null
      return { ...base, kind, chat, reader: user, member, sequence }
    }
    case 'CHAT_MUTED': {
      const member = memberIn(event, loaded)
      return member === undefined ? null : { ...base, kind, chat, member }
    }
    case 'CHAT_CLEARED':
      if (sequence === null) return null
      // Somebody's own messages, and that somebody is gone: AccountErased has said more.
      if (subjectId !== null && user === undefined) return null
      return { ...about, kind, clearedThrough: sequence, author: user ?? null }
    case 'MEMBER_ADDED':
    case 'MEMBER_ROLE_CHANGED': {
      const member = memberIn(event, loaded)
      if (user === undefined || member === undefined) return null
      return { ...about, kind, user, member } as Delivery
    }
    case 'MEMBER_REMOVED':
      return user === undefined || detail === null ? null : { ...about, kind, user, memberId: detail }
    case 'ACCOUNT_ERASED': {
      if (subjectId === null) return null
      const messages = sequence === null ? 'KEEP_ANONYMOUS' : 'ERASE'
      return { ...base, kind, chat, userId: subjectId, memberId: detail, messages }
    }
    case 'SESSION_REVOKED':
    case 'LOG_EPOCH':
      return null
  }
}

/** Which chat an entry is about, as far as there is something to load of it. */
function chatOf({ kind, chatId, subjectId }: LogEvent): string | null {
  return chatId ?? (kind === 'CHAT_MUTED' || kind === 'CHAT_READ' ? subjectId : null)
}

const aboutSubject: ReadonlySet<EventKind> = new Set<EventKind>([
  'USER_UPDATED',
  'CHAT_CLEARED',
  'MEMBER_ADDED',
  'MEMBER_REMOVED',
  'MEMBER_ROLE_CHANGED',
])
const aboutActor: ReadonlySet<EventKind> = new Set<EventKind>([
  'CHAT_READ',
  'REACTION_ADDED',
  'REACTION_REMOVED',
])
const tellingActor: ReadonlySet<EventKind> = new Set<EventKind>([
  'CHAT_RENAMED',
  'CHAT_HISTORY_VISIBILITY_CHANGED',
  'CHAT_CLEARED',
  'MEMBER_ADDED',
  'MEMBER_REMOVED',
  'MEMBER_ROLE_CHANGED',
])

/** Whom an entry is about. */
function userOf({ kind, actorId, subjectId }: LogEvent): string | null {
  if (aboutActor.has(kind)) return actorId
  return aboutSubject.has(kind) ? subjectId : null
}

/** Who did it, where clients are told. */
function actorOf({ kind, actorId }: LogEvent): string | null {
  return tellingActor.has(kind) ? actorId : null
}

/** The membership that an entry is about. */
function memberOf(event: LogEvent): { chatId: string; userId: string } | null {
  const chatId = chatOf(event)
  const userId = event.kind === 'CHAT_MUTED' ? event.userId : userOf(event)
  const loads = ['CHAT_READ', 'CHAT_MUTED', 'MEMBER_ADDED', 'MEMBER_ROLE_CHANGED'].includes(event.kind)
  return loads && chatId !== null && userId !== null ? { chatId, userId } : null
}

function memberIn(event: LogEvent, { members, users }: Loaded): MemberView | undefined {
  const key = memberOf(event)
  const member = key === null ? undefined : members.get(memberKey(key))
  const user = users.get(key?.userId ?? '')
  return member === undefined || user === undefined ? member : { ...member, user }
}

function memberKey({ chatId, userId }: { readonly chatId: string; readonly userId: string }): string {
  return `${chatId}:${userId}`
}

const aboutMessages: ReadonlySet<EventKind> = new Set(messageKinds)

function isAboutMessage(kind: EventKind): boolean {
  return aboutMessages.has(kind)
}

function unique(ids: readonly (string | null)[]): string[] {
  return [...new Set(ids.filter((id) => id !== null))]
}
