import { createHash } from 'node:crypto'
import type { MessageSender } from '../../db/generated/prisma/client.ts'

/** What tells a retry from a reuse of its id. */
export function hashContent(content: { chatId: string; text: string; sender: MessageSender }): Buffer {
  return createHash('sha256')
    .update(JSON.stringify([content.chatId, content.sender, content.text]))
    .digest()
}
