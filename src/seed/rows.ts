import type pg from 'pg'
import { uuidv7 } from '../core/ids.ts'
import { searchKey } from '../features/users/search-key.ts'

/** The password of every account that a seed makes. */
export const seedPassword = 'Password123'

/** Rows as the tables have them, by column name; what a row leaves out gets the column's default. */
export interface UserRow {
  readonly id: string
  readonly username: string
  readonly username_key: string
  readonly email: string
  readonly email_key: string
  readonly display_name: string
  readonly display_name_key: string
  readonly bio: string | null
  readonly password_hash: string
  readonly created_at: Date
}

export interface ChatRow {
  readonly id: string
  readonly kind: 'DIRECT' | 'GROUP'
  readonly title: string | null
  readonly title_author_id: string | null
  readonly direct_key: string | null
  last_sequence: number
  last_activity_at: Date
  readonly created_at: Date
  readonly updated_at: Date
}

export interface MemberRow {
  readonly id: string
  readonly chat_id: string
  readonly user_id: string
  readonly role: 'OWNER' | 'ADMIN' | 'MEMBER'
  readonly joined_at: Date
  last_read_sequence: number
}

export interface MessageRow {
  readonly id: string
  readonly chat_id: string
  readonly sequence: number
  readonly author_id: string
  readonly sender: 'USER' | 'BOT'
  text: string | null
  readonly client_message_id: string
  readonly created_at: Date
  edited_at: Date | null
  deleted_at: Date | null
}

export interface EventRow {
  readonly kind: 'CHAT_CREATED' | 'MESSAGE_ADDED' | 'MESSAGE_EDITED' | 'MESSAGE_DELETED' | 'CHAT_READ'
  readonly chat_id: string
  readonly actor_id: string | null
  readonly subject_id: string | null
  readonly sequence: number | null
  readonly created_at: Date
}

interface Tables {
  users: UserRow
  chats: ChatRow
  chat_members: MemberRow
  messages: MessageRow
  events: EventRow
}

/** One statement, whatever the number of rows; they are written in their order. */
export async function insertRows<Table extends keyof Tables>(
  client: pg.ClientBase,
  table: Table,
  rows: readonly Tables[Table][],
): Promise<void> {
  const [first] = rows
  if (first === undefined) return
  const columns = Object.keys(first).join(', ')
  await client.query(
    `INSERT INTO ${table} (${columns}) SELECT ${columns} FROM json_populate_recordset(NULL::${table}, $1)`,
    [JSON.stringify(rows)],
  )
}

export function userRow(
  user: { username: string; displayName: string; bio: string | null; passwordHash: string },
  createdAt: Date,
): UserRow {
  const email = `${user.username}@example.com`
  return {
    id: uuidv7(createdAt.getTime()),
    username: user.username,
    username_key: user.username.toLowerCase(),
    email,
    email_key: email.toLowerCase(),
    display_name: user.displayName,
    display_name_key: searchKey(user.displayName),
    bio: user.bio,
    password_hash: user.passwordHash,
    created_at: createdAt,
  }
}

/** A chat with its members, the first of whom made it: nothing has been said yet. */
export function chatRows(
  chat: { title: string | null; memberIds: readonly string[] },
  createdAt: Date,
): { chat: ChatRow; members: MemberRow[] } {
  const direct = chat.title === null
  const id = uuidv7(createdAt.getTime())
  return {
    chat: {
      id,
      kind: direct ? 'DIRECT' : 'GROUP',
      title: chat.title,
      title_author_id: direct ? null : (chat.memberIds[0] ?? null),
      direct_key: direct ? [...chat.memberIds].sort().join(':') : null,
      last_sequence: 0,
      last_activity_at: createdAt,
      created_at: createdAt,
      updated_at: createdAt,
    },
    members: chat.memberIds.map((userId, index) => ({
      id: uuidv7(createdAt.getTime()),
      chat_id: id,
      user_id: userId,
      role: index === 0 && !direct ? 'OWNER' : 'MEMBER',
      joined_at: createdAt,
      last_read_sequence: 0,
    })),
  }
}

export function messageRow(
  message: { chatId: string; sequence: number; authorId: string; sender: 'USER' | 'BOT'; text: string },
  createdAt: Date,
): MessageRow {
  const id = uuidv7(createdAt.getTime())
  return {
    id,
    chat_id: message.chatId,
    sequence: message.sequence,
    author_id: message.authorId,
    sender: message.sender,
    text: message.text,
    client_message_id: id,
    created_at: createdAt,
    edited_at: null,
    deleted_at: null,
  }
}
