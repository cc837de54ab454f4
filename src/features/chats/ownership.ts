import type { Transaction } from '../../db/client.ts'

/**
 * Gives each of these groups that has no owner any more a new one, and tells its members: its longest-standing
 * admin, else its longest-standing member. Whoever is on their way out at this moment is passed over: they hold their
 * membership, and wait for the chat. The caller holds the chats' rows, so that two who leave at once see each other.
 * @returns the new owners' ids
 */
export async function passOwnershipOn(prisma: Transaction, chatIds: readonly string[]): Promise<string[]> {
  const heirs = await prisma.$queryRaw<{ user_id: string }[]>`
    WITH chosen AS MATERIALIZED (
      SELECT coalesce(
        (SELECT m.id FROM chat_members m WHERE m.chat_id = c.id
          ORDER BY (m.role = 'ADMIN') DESC, m.joined_at, m.id LIMIT 1 FOR KEY SHARE SKIP LOCKED),
        (SELECT m.id FROM chat_members m WHERE m.chat_id = c.id
          ORDER BY (m.role = 'ADMIN') DESC, m.joined_at, m.id LIMIT 1)) AS id
      FROM chats c WHERE c.id = ANY(${chatIds}::uuid[]) AND c.kind = 'GROUP'
        AND NOT EXISTS (SELECT 1 FROM chat_members o WHERE o.chat_id = c.id AND o.role = 'OWNER')
    ), heirs AS (
      UPDATE chat_members m SET role = 'OWNER' FROM chosen WHERE m.id = chosen.id RETURNING m.chat_id, m.user_id
    )
    INSERT INTO events (kind, chat_id, subject_id) SELECT 'MEMBER_ROLE_CHANGED', chat_id, user_id FROM heirs
    ORDER BY chat_id RETURNING subject_id AS user_id`
  return heirs.map((heir) => heir.user_id)
}

/**
 * Ends these chats: from here on they are nobody's, and wait to be purged (their mark lies past the last message,
 * until nothing is left of them), from the first message on: what had been cleared has left rows. The caller holds their rows.
 */
export async function endChats(prisma: Transaction, chatIds: readonly string[]): Promise<void> {
  await prisma.$executeRaw`
    UPDATE chats SET deleted_at = now(), cleared_through = last_sequence + 1, purged_through = 0 WHERE id = ANY(${chatIds}::uuid[])`
}
