import { NotFoundError } from '../../core/errors.ts'
import { parseIdOf } from '../../core/ids.ts'
import type { ChatMember, Message } from '../../db/generated/prisma/client.ts'
import type { Store } from '../../events/store.ts'
import type { Viewer } from '../auth/viewer.ts'
import type { PublicUser } from '../users/access.ts'

/** A message with its author as anyone may see them; the author is null once erased. */
export type MessageView = Omit<Message, 'contentHash'> & { readonly author: PublicUser | null }

export const messageColumns = `m.id, m.chat_id, m.sequence, m.author_id, m.sender, m.text, m.client_message_id,
  m.reply_to_id, m.system_kind, m.system_subject_ids, m.created_at, m.edited_at, m.deleted_at`
const authorColumns = `u.username, u.display_name, u.bio, u.kind AS user_kind, u.created_at AS user_created_at`

/** Columns of a message (alias `m`) and of its author (alias `u`). */
export const messageViewColumns = `${messageColumns}, ${authorColumns}`

export interface MessageViewRow {
  readonly id: string
  readonly chat_id: string
  readonly sequence: number
  readonly author_id: string | null
  readonly sender: Message['sender']
  readonly text: string | null
  readonly client_message_id: string | null
  readonly reply_to_id: string | null
  readonly system_kind: Message['systemKind']
  readonly system_subject_ids: string[] | null
  readonly created_at: Date
  readonly edited_at: Date | null
  readonly deleted_at: Date | null
  readonly username: string | null
  readonly display_name: string
  readonly bio: string | null
  readonly user_kind: PublicUser['kind']
  readonly user_created_at: Date
}

export function toMessageView(row: MessageViewRow): MessageView {
  return {
    id: row.id,
    chatId: row.chat_id,
    sequence: row.sequence,
    authorId: row.author_id,
    sender: row.sender,
    text: row.text,
    clientMessageId: row.client_message_id,
    replyToId: row.reply_to_id,
    systemKind: row.system_kind,
    systemSubjectIds: row.system_subject_ids ?? [],
    createdAt: row.created_at,
    editedAt: row.edited_at,
    deletedAt: row.deleted_at,
    author:
      row.author_id === null || row.username === null
        ? null
        : {
            id: row.author_id,
            username: row.username,
            displayName: row.display_name,
            bio: row.bio,
            kind: row.user_kind,
            createdAt: row.user_created_at,
          },
  }
}

const findMessagesStatement = {
  name: 'messages_find',
  text: `SELECT ${messageViewColumns} FROM messages m
    JOIN chats c ON c.id = m.chat_id AND c.deleted_at IS NULL
    JOIN chat_members v ON v.chat_id = m.chat_id AND v.user_id = $1 AND m.sequence > v.hidden_through
    LEFT JOIN users u ON u.id = m.author_id
    WHERE m.id = ANY($2::uuid[])`,
}

/** The messages behind these ids that the viewer may see, by id; one statement. */
export async function findMessages(
  store: Store,
  viewer: Viewer,
  ids: readonly string[],
): Promise<Map<string, MessageView>> {
  const rows = await store.query<MessageViewRow>(findMessagesStatement, [viewer.userId, ids])
  return new Map(rows.map((row) => [row.id, toMessageView(row)]))
}

/** A message together with what the viewer is in its chat. */
export interface MessageAccess {
  readonly message: MessageView
  readonly role: ChatMember['role']
  readonly inGroup: boolean
}

const accessMessageStatement = {
  name: 'messages_access',
  text: `SELECT ${messageViewColumns}, v.role, c.kind AS chat_kind, c.blocked FROM messages m
    JOIN chats c ON c.id = m.chat_id AND c.deleted_at IS NULL
    JOIN chat_members v ON v.chat_id = m.chat_id AND v.user_id = $1 AND m.sequence > v.hidden_through
    LEFT JOIN users u ON u.id = m.author_id
    WHERE m.id = $2`,
}

/**
 * The message behind a global id, for a member of its chat; and whether one side of it has blocked the other,
 * where it is a direct one.
 * @throws NotFoundError for anything else
 */
export async function accessMessage(
  store: Store,
  viewer: Viewer,
  globalId: string,
): Promise<MessageAccess & { readonly blocked: boolean }> {
  const id = parseIdOf('Message', globalId)
  if (id === null) throw new NotFoundError('message')
  const [row] = await store.query<
    MessageViewRow & { role: ChatMember['role']; chat_kind: 'DIRECT' | 'GROUP'; blocked: boolean }
  >(accessMessageStatement, [viewer.userId, id])
  if (row === undefined) throw new NotFoundError('message')
  const { role, chat_kind, blocked } = row
  return { message: toMessageView(row), role, inGroup: chat_kind === 'GROUP', blocked }
}

/** Only what a person wrote, and only while it stands, can be edited; by its author alone. */
export function canEdit(viewer: Viewer, message: MessageView): boolean {
  return message.authorId === viewer.userId && message.deletedAt === null && message.sender !== 'SYSTEM'
}

/** Its author deletes a message; in a group its owner and admins do, too. */
export function canDelete(viewer: Viewer, { message, role, inGroup }: MessageAccess): boolean {
  if (message.deletedAt !== null || message.sender === 'SYSTEM') return false
  return message.authorId === viewer.userId || (inGroup && role !== 'MEMBER')
}
