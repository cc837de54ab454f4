import { uuidv7 } from '../../core/ids.ts'
import type { Transaction } from '../../db/client.ts'
import type { SystemMessageKind } from '../../db/generated/prisma/client.ts'

/**
 * Says in a chat what happened to it, as a message of the server's own, with its event. Only ids are kept:
 * the words are made when it is read, from the names that people have then. The caller holds the chat's row.
 */
export async function sayInChat(
  prisma: Transaction,
  chatId: string,
  what: { kind: SystemMessageKind; actorId: string; subjectIds?: readonly string[] },
): Promise<void> {
  await prisma.$executeRaw`
    WITH c AS (
      UPDATE chats SET last_sequence = last_sequence + 1, last_activity_at = clock_timestamp()
      WHERE id = ${chatId}::uuid RETURNING last_sequence, last_activity_at
    ), m AS (
      INSERT INTO messages (id, chat_id, sequence, author_id, sender, system_kind, system_subject_ids, created_at)
      SELECT ${uuidv7()}::uuid, ${chatId}::uuid, last_sequence, ${what.actorId}::uuid, 'SYSTEM',
        ${what.kind}::system_message_kind, ${what.subjectIds ?? []}::uuid[], last_activity_at FROM c
      RETURNING id, sequence, created_at
    )
    INSERT INTO events (kind, chat_id, subject_id, sequence, created_at)
    SELECT 'MESSAGE_ADDED', ${chatId}::uuid, id, sequence, created_at FROM m`
}
