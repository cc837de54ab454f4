import type { Transaction } from '../../db/client.ts'

/**
 * Gives each of these groups that has no owner any more a new one, and tells its members: its longest-standing
 * admin, else its longest-standing member. The caller has the groups' turns, so that nobody comes, goes or gets another
 * role meanwhile, and holds their rows.
 * @returns the new owners' ids
 */
export async function passOwnershipOn(prisma: Transaction, chatIds: readonly string[]): Promise<string[]> {
  const heirs = await prisma.$queryRaw<{ user_id: string }[]>`
    WITH heirs AS (
      UPDATE chat_members SET role = 'OWNER' WHERE id IN (
        SELECT DISTINCT ON (m.chat_id) m.id FROM chat_members m
        JOIN chats c ON c.id = m.chat_id AND c.kind = 'GROUP' AND c.deleted_at IS NULL
        WHERE m.chat_id = ANY(${chatIds}::uuid[])
          AND NOT EXISTS (SELECT 1 FROM chat_members o WHERE o.chat_id = m.chat_id AND o.role = 'OWNER')
        ORDER BY m.chat_id, (m.role = 'ADMIN') DESC, m.joined_at, m.id
      ) RETURNING chat_id, user_id
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
