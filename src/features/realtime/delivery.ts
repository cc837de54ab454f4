import type { ErasedMessages } from '../../db/generated/prisma/client.ts'
import type { EventKind, LogEvent } from '../../events/event.ts'
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
      readonly messages: ErasedMessages
    })
  | ReactionDelivery<'REACTION_ADDED'>
  | ReactionDelivery<'REACTION_REMOVED'>
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
      m.last_read_sequence AS "lastReadSequence", m.muted_until AS "mutedUntil"
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
  const chatIds = unique(events.map((event) => event.chatId))
  const messageIds = unique(
    events.map((event) => (isMessageKind(event.kind) || isReactionKind(event.kind) ? event.subjectId : null)),
  )
  const userIds = unique(events.map(userOf))
  const reads = events.filter((event) => event.kind === 'CHAT_READ')
  const [chats, messages, users, members] = await Promise.all([
    chatIds.length > 0 ? store.query<ChatView>(chatsStatement, [chatIds]) : [],
    messageIds.length > 0 ? store.query<MessageViewRow>(messagesStatement, [messageIds]) : [],
    userIds.length > 0 ? findUsers(store, userIds) : new Map<string, PublicUser>(),
    reads.length > 0
      ? store.query<MemberView>(membersStatement, [reads.map((e) => e.chatId), reads.map((e) => e.actorId)])
      : [],
  ])
  const loaded: Loaded = {
    chats: new Map(chats.map((chat) => [chat.id, chat])),
    messages: new Map(messages.map((row) => [row.id, toMessageView(row)])),
    users,
    members: new Map(members.map((member) => [memberKey(member.chatId, member.userId), member])),
  }
  const deliveries = new Map<number, Delivery>()
  for (const event of events) {
    const delivery = toDelivery(event, loaded)
    if (delivery !== null) deliveries.set(event.position, delivery)
  }
  return deliveries
}

interface Loaded {
  readonly chats: ReadonlyMap<string, ChatView>
  readonly messages: ReadonlyMap<string, MessageView>
  readonly users: ReadonlyMap<string, PublicUser>
  readonly members: ReadonlyMap<string, MemberView>
}

function toDelivery(event: LogEvent, loaded: Loaded): Delivery | null {
  const { position, occurredAt } = event
  if (event.kind === 'USER_UPDATED') {
    const user = loaded.users.get(userOf(event) ?? '')
    return user === undefined ? null : { position, occurredAt, kind: event.kind, user }
  }
  const chat = event.chatId === null ? undefined : loaded.chats.get(event.chatId)
  if (chat === undefined) return null
  switch (event.kind) {
    case 'MESSAGE_ADDED':
    case 'MESSAGE_EDITED':
    case 'MESSAGE_DELETED': {
      const message = event.subjectId === null ? undefined : loaded.messages.get(event.subjectId)
      return message === undefined
        ? null
        : ({ position, occurredAt, kind: event.kind, chat, message } as Delivery)
    }
    case 'CHAT_CREATED':
      return { position, occurredAt, kind: event.kind, chat }
    case 'CHAT_READ': {
      const reader = loaded.users.get(userOf(event) ?? '')
      const member = loaded.members.get(memberKey(chat.id, event.actorId))
      if (reader === undefined || member === undefined || event.sequence === null) return null
      return { position, occurredAt, kind: event.kind, chat, reader, member, sequence: event.sequence }
    }
    case 'REACTION_ADDED':
    case 'REACTION_REMOVED': {
      const message = loaded.messages.get(event.subjectId ?? '')
      const user = loaded.users.get(userOf(event) ?? '')
      const { detail: emoji } = event
      if (message === undefined || user === undefined || emoji === null) return null
      return { position, occurredAt, kind: event.kind, chat, message, user, emoji } as Delivery
    }
    case 'ACCOUNT_ERASED': {
      if (event.subjectId === null) return null
      const messages = event.sequence === null ? 'KEEP_ANONYMOUS' : 'ERASE'
      return { position, occurredAt, kind: event.kind, chat, userId: event.subjectId, messages }
    }
    default:
      return null
  }
}

/** Whom an entry is about, where there is such an account still. */
function userOf(event: LogEvent): string | null {
  if (event.kind === 'CHAT_READ' || isReactionKind(event.kind)) return event.actorId
  return event.kind === 'USER_UPDATED' ? event.subjectId : null
}

function memberKey(chatId: string, userId: string | null): string {
  return `${chatId}:${userId}`
}

function isMessageKind(kind: EventKind): boolean {
  return kind === 'MESSAGE_ADDED' || kind === 'MESSAGE_EDITED' || kind === 'MESSAGE_DELETED'
}

function isReactionKind(kind: EventKind): boolean {
  return kind === 'REACTION_ADDED' || kind === 'REACTION_REMOVED'
}

function unique(ids: readonly (string | null)[]): string[] {
  return [...new Set(ids.filter((id) => id !== null))]
}
