import { uuidv7 } from '../../core/ids.ts'
import type { Transaction } from '../../db/client.ts'
import type { ChatMember } from '../../db/generated/prisma/client.ts'

/** Somebody who comes into a chat; what is left out gets the column's default. */
interface NewMember {
  readonly userId: string
  readonly role?: ChatMember['role']
  readonly hiddenThrough?: number
  readonly lastReadSequence?: number
  readonly joinedPosition?: bigint
}

/**
 * Puts these people, none of whom is in the chat yet, into it, in this order; one statement. The caller holds the
 * chat's row, or has just made it. The database itself adds the chat to their lists.
 */
export async function addMembers(
  prisma: Transaction,
  chatId: string,
  members: readonly NewMember[],
): Promise<void> {
  await prisma.chatMember.createMany({ data: members.map((member) => ({ id: uuidv7(), chatId, ...member })) })
}
