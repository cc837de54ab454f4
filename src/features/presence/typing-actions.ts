import { NotFoundError } from '../../core/errors.ts'
import { parseIdOf } from '../../core/ids.ts'
import type { Store } from '../../events/store.ts'
import type { Viewer } from '../auth/viewer.ts'
import { keptApart } from '../blocks/access.ts'
import { type OwnChat, type OwnChatRow, ownChatColumns, toOwnChat } from '../chats/access.ts'
import type { Typing } from './typing.ts'

const accessStatement = {
  name: 'typing_access',
  text: `SELECT ${ownChatColumns}, c.blocked FROM chats c JOIN chat_members m ON m.chat_id = c.id AND m.user_id = $1
    WHERE c.id = $2 AND c.deleted_at IS NULL`,
}

/**
 * Tells the others in a chat that the viewer types, or has stopped; one statement.
 * @returns until when they see it without another call; null when stopped
 * @throws NotFoundError when the viewer has no such chat
 * @throws ForbiddenError in a direct chat where either side has blocked the other
 */
export async function setTyping(
  store: Store,
  typing: Typing,
  viewer: Viewer,
  input: { chatId: string; isTyping: boolean },
): Promise<{ chat: OwnChat; expiresAt: Date | null }> {
  const chatId = parseIdOf('Chat', input.chatId)
  const [row] =
    chatId === null
      ? []
      : await store.query<OwnChatRow & { blocked: boolean }>(accessStatement, [viewer.userId, chatId])
  if (row === undefined) throw new NotFoundError('chat')
  if (row.blocked) throw keptApart()
  return { chat: toOwnChat(row), expiresAt: typing.set(viewer.userId, row.id, input.isTyping) }
}
