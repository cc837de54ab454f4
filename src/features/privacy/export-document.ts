import { toGlobalId } from '../../core/ids.ts'
import type { Database, Statement } from '../../db/client.ts'
import type {
  ChatKind,
  ChatRole,
  MessageSender,
  SystemMessageKind,
  UserKind,
} from '../../db/generated/prisma/client.ts'

/** Rows at a time: of the longest messages there are, ten megabytes. */
const batchSize = 500

/** One list of the document. A feature that keeps something new about people adds its own. */
interface Section {
  readonly name: string
  /** A page of the rows of user `$1` behind the id `$2`, `$3` of them at most, each with its id as `key`. */
  readonly statement: Statement
  readonly toItem: (row: never) => object
}

function section<Row>(name: string, text: string, toItem: (row: Row & { key: string }) => object): Section {
  return { name, statement: { name: `export_${name}`, text }, toItem }
}

interface SessionRow {
  readonly device_name: string | null
  readonly user_agent: string | null
  readonly created_at: Date
  readonly last_used_at: Date
  readonly expires_at: Date
  readonly revoked_at: Date | null
}

interface ChatRow {
  readonly kind: ChatKind
  readonly title: string | null
  readonly created_at: Date
  readonly deleted_at: Date | null
  readonly role: ChatRole
  readonly joined_at: Date
  readonly last_read_sequence: number
  readonly muted_until: Date | null
  readonly other_id: string | null
  readonly username: string
  readonly display_name: string
}

interface MessageRow {
  readonly chat_id: string
  readonly sequence: number
  readonly sender: MessageSender
  readonly system_kind: SystemMessageKind | null
  readonly text: string | null
  readonly client_message_id: string | null
  readonly reply_to_id: string | null
  readonly created_at: Date
  readonly edited_at: Date | null
  readonly deleted_at: Date | null
}

interface ReactionRow {
  readonly message_id: string
  readonly emoji: string
}

interface BlockRow {
  readonly id: string
  readonly username: string
  readonly display_name: string
  readonly created_at: Date
}

const sections: readonly Section[] = [
  section<SessionRow>(
    'sessions',
    `SELECT id AS key, device_name, user_agent, created_at, last_used_at, expires_at, revoked_at FROM sessions
      WHERE user_id = $1 AND id > $2 ORDER BY id LIMIT $3`,
    (row) => ({
      id: toGlobalId('Session', row.key),
      deviceName: row.device_name,
      userAgent: row.user_agent,
      createdAt: row.created_at,
      lastUsedAt: row.last_used_at,
      expiresAt: row.expires_at,
      revokedAt: row.revoked_at,
    }),
  ),
  section<ChatRow>(
    'chats',
    `SELECT m.chat_id AS key, c.kind, c.title, c.created_at, c.deleted_at,
        m.role, m.joined_at, m.last_read_sequence, m.muted_until, u.id AS other_id, u.username, u.display_name
      FROM chat_members m JOIN chats c ON c.id = m.chat_id
      LEFT JOIN chat_members o ON o.chat_id = c.id AND o.user_id <> m.user_id AND c.kind = 'DIRECT'
      LEFT JOIN users u ON u.id = o.user_id
      WHERE m.user_id = $1 AND m.chat_id > $2 ORDER BY m.chat_id LIMIT $3`,
    (row) => ({
      id: toGlobalId('Chat', row.key),
      kind: row.kind,
      title: row.title,
      otherUser: row.other_id === null ? null : person(row.other_id, row),
      role: row.role,
      joinedAt: row.joined_at,
      lastReadSequence: row.last_read_sequence,
      mutedUntil: row.muted_until,
      createdAt: row.created_at,
      deletedAt: row.deleted_at,
    }),
  ),
  section<{ readonly title: string }>(
    'givenTitles',
    `SELECT id AS key, title FROM chats WHERE title_author_id = $1 AND id > $2 ORDER BY id LIMIT $3`,
    (row) => ({ chatId: toGlobalId('Chat', row.key), title: row.title }),
  ),
  section<MessageRow>(
    'messages',
    `SELECT id AS key, chat_id, sequence, sender, system_kind, text, client_message_id, reply_to_id,
        created_at, edited_at, deleted_at
      FROM messages WHERE author_id = $1 AND id > $2 ORDER BY id LIMIT $3`,
    (row) => ({
      id: toGlobalId('Message', row.key),
      chatId: toGlobalId('Chat', row.chat_id),
      sequence: row.sequence,
      sender: row.sender,
      systemKind: row.system_kind,
      text: row.text,
      clientMessageId: row.client_message_id,
      replyToId: row.reply_to_id === null ? null : toGlobalId('Message', row.reply_to_id),
      createdAt: row.created_at,
      editedAt: row.edited_at,
      deletedAt: row.deleted_at,
    }),
  ),
  section<{ readonly message_id: string; readonly text: string; readonly created_at: Date }>(
    'earlierTexts',
    `SELECT id AS key, message_id, text, created_at FROM message_revisions
      WHERE author_id = $1 AND id > $2 ORDER BY id LIMIT $3`,
    (row) => ({
      messageId: toGlobalId('Message', row.message_id),
      text: row.text,
      createdAt: row.created_at,
    }),
  ),
  section<ReactionRow>(
    'reactions',
    `SELECT id AS key, message_id, emoji FROM reactions WHERE user_id = $1 AND id > $2 ORDER BY id LIMIT $3`,
    (row) => ({ messageId: toGlobalId('Message', row.message_id), emoji: row.emoji }),
  ),
  section<BlockRow>(
    'blockedUsers',
    `SELECT b.id AS key, u.id, u.username, u.display_name, b.created_at FROM blocks b
      JOIN users u ON u.id = b.blocked_id WHERE b.blocker_id = $1 AND b.id > $2 ORDER BY b.id LIMIT $3`,
    (row) => ({ ...person(row.id, row), blockedAt: row.created_at }),
  ),
]

/** Somebody else, as everyone may see them. */
function person(id: string, row: { username: string; display_name: string }): object {
  return { id: toGlobalId('User', id), username: row.username, displayName: row.display_name }
}

const profileStatement = {
  name: 'export_profile',
  text: `SELECT username, display_name, email, email_verified, bio, kind, created_at, last_seen.at AS last_seen_at,
      now() AS exported_at
    FROM users LEFT JOIN last_seen ON user_id = id WHERE id = $1`,
}

interface ProfileRow {
  readonly username: string
  readonly display_name: string
  readonly email: string
  readonly email_verified: boolean
  readonly bio: string | null
  readonly kind: UserKind
  readonly created_at: Date
  readonly last_seen_at: Date | null
  readonly exported_at: Date
}

const beforeAllIds = '00000000-0000-0000-0000-000000000000'

/**
 * All that is kept about a user, as the pieces of one JSON object, an item to a line; docs/privacy.md
 * describes it. It has one batch of rows in memory at a time. Null when there is no such user.
 * @param query reads of one moment, so that the parts fit each other
 */
export async function exportDocument(
  query: Database['query'],
  userId: string,
): Promise<AsyncIterable<string> | null> {
  const [row] = await query<ProfileRow>(profileStatement, [userId])
  if (row === undefined) return null
  const profile = {
    id: toGlobalId('User', userId),
    username: row.username,
    displayName: row.display_name,
    email: row.email,
    emailVerified: row.email_verified,
    bio: row.bio,
    kind: row.kind,
    createdAt: row.created_at,
    lastSeenAt: row.last_seen_at,
  }
  const head = { format: 'parley-export', version: 1, exportedAt: row.exported_at, profile }
  return piecesOf(query, userId, head)
}

async function* piecesOf(query: Database['query'], userId: string, head: object): AsyncGenerator<string> {
  // Everything but the closing brace.
  yield JSON.stringify(head).slice(0, -1)
  for (const { name, statement, toItem } of sections) {
    yield `,\n${JSON.stringify(name)}: [`
    let separator = '\n'
    let key = beforeAllIds
    for (let full = true; full; ) {
      const rows = await query<{ key: string }>(statement, [userId, key, batchSize])
      if (rows.length > 0) {
        yield separator + rows.map((row) => JSON.stringify(toItem(row as never))).join(',\n')
      }
      separator = ',\n'
      key = rows.at(-1)?.key ?? key
      full = rows.length === batchSize
    }
    yield '\n]'
  }
  yield '\n}\n'
}
