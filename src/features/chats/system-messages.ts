import type { Transaction } from '../../db/client.ts'
import type { SystemMessageKind } from '../../db/generated/prisma/client.ts'
import { uuidv7Sql } from '../../db/uuid.ts'

/**
 * Says in a chat what happened to it, as a message of the server's own, with its event. Only ids are kept, and a
 * new title, which goes with the account of its author: the words are made when it is read, from the names that
 * people have then. The caller holds the chat's row.
 */
export async function sayInChat(
  prisma: Transaction,
  chatId: string,
  what: { kind: SystemMessageKind; actorId: string; subjectIds?: readonly string[]; title?: string },
): Promise<void> {
  const { kind, actorId, subjectIds = [], title = null } = what
  await prisma.$executeRawUnsafe(sayStatement, chatId, actorId, kind, subjectIds, title)
}

const sayStatement = `WITH c AS (
    UPDATE chats SET last_sequence = last_sequence + 1, last_activity_at = clock_timestamp()
    WHERE id = $1::uuid RETURNING last_sequence, last_activity_at
  ), m AS (
    INSERT INTO messages (id, chat_id, sequence, author_id, sender, system_kind, system_subject_ids, text, created_at)
    SELECT ${uuidv7Sql}, $1::uuid, last_sequence, $2::uuid, 'SYSTEM', $3::system_message_kind, $4::uuid[], $5, last_activity_at
    FROM c RETURNING id, sequence, created_at
  )
  INSERT INTO events (kind, chat_id, subject_id, sequence, created_at)
  SELECT 'MESSAGE_ADDED', $1::uuid, id, sequence, created_at FROM m`
