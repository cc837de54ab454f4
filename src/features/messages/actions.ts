import { ConflictError, ForbiddenError, NotFoundError, ValidationError } from '../../core/errors.ts'
import { parseIdOf, uuidv7 } from '../../core/ids.ts'
import { parseInput } from '../../core/parse.ts'
import { uuidv7Sql } from '../../db/uuid.ts'
import type { Store } from '../../events/store.ts'
import type { Viewer } from '../auth/viewer.ts'
import { keptApart } from '../blocks/access.ts'
import { findChats } from '../chats/access.ts'
import {
  accessMessage,
  canDelete,
  findMessages,
  type MessageView,
  type MessageViewRow,
  messageColumns,
  messageViewColumns,
  toMessageView,
} from './access.ts'
import { editMessageInput, sendMessageInput } from './validation.ts'

/**
 * The hot path, one round trip. The chat's row is locked first and hands out the sequence, so that
 * numbers are dense and the log follows them; then the message, whose id is made under that lock, so that ids within
 * a chat ascend with the numbers; then its event. The membership is locked
 * against being removed meanwhile: once somebody has left, nothing of theirs comes any more. Writes nothing, and
 * returns no row, when the viewer is not a member, one side has blocked the other, or the client message id is known
 * already.
 */
export const sendStatement = {
  name: 'messages_send',
  text: `WITH me AS (
      SELECT hidden_through FROM chat_members WHERE chat_id = $2 AND user_id = $3 FOR KEY SHARE
    ), c AS (
      UPDATE chats SET last_sequence = last_sequence + 1, last_activity_at = clock_timestamp()
      WHERE id = $2 AND deleted_at IS NULL AND NOT blocked
        AND EXISTS (SELECT 1 FROM me)
        AND NOT EXISTS (SELECT 1 FROM messages WHERE author_id = $3 AND client_message_id = $4)
        AND ($1::uuid IS NULL OR EXISTS (
          SELECT 1 FROM messages r, me WHERE r.id = $1 AND r.chat_id = $2 AND r.sequence > me.hidden_through))
      RETURNING last_sequence, last_activity_at
    ), m AS (
      INSERT INTO messages (id, chat_id, sequence, author_id, sender, text, client_message_id, content_hash, reply_to_id, created_at)
      SELECT ${uuidv7Sql}, $2, c.last_sequence, $3, $5, $6, $4, $7, $1, c.last_activity_at FROM c
      RETURNING *
    ), e AS (
      INSERT INTO events (kind, chat_id, subject_id, sequence, created_at)
      SELECT 'MESSAGE_ADDED', m.chat_id, m.id, m.sequence, m.created_at FROM m
    )
    SELECT ${messageViewColumns} FROM m JOIN users u ON u.id = m.author_id`,
}

const findSentStatement = {
  name: 'messages_find_sent',
  text: `SELECT ${messageViewColumns}, m.content_hash, m.sequence <= c.cleared_through AS cleared FROM messages m
    JOIN chats c ON c.id = m.chat_id JOIN users u ON u.id = m.author_id
    WHERE m.author_id = $1 AND m.client_message_id = $2`,
}

const uniqueViolation = '23505'

/**
 * Sends a message exactly once: the same `clientMessageId` with the same content returns the original,
 * however often and at whatever time it comes, also after an edit or a deletion.
 * @throws ValidationError with every problem at once
 * @throws NotFoundError when the viewer has no such chat
 * @throws ForbiddenError in a direct chat where either side has blocked the other
 * @throws ConflictError `IDEMPOTENCY_KEY_REUSED`
 */
export async function sendMessage(
  store: Store,
  viewer: Viewer,
  input: unknown,
): Promise<{ message: MessageView; deduplicated: boolean }> {
  const {
    chatId: globalChatId,
    clientMessageId,
    text,
    replyToId: globalReplyToId,
    sender: givenSender,
  } = parseInput(sendMessageInput, input)
  const chatId = parseIdOf('Chat', globalChatId)
  if (chatId === null) throw new NotFoundError('chat')
  const sender = givenSender ?? 'USER'
  const replyToId = globalReplyToId == null ? null : parseIdOf('Message', globalReplyToId)
  if (globalReplyToId != null && replyToId === null) throw nothingToReplyTo()
  const content = JSON.stringify([chatId, sender, text, ...(replyToId === null ? [] : [replyToId])])
  try {
    const [row] = await store.writeStatement<MessageViewRow>(sendStatement, [
      replyToId,
      chatId,
      viewer.userId,
      clientMessageId,
      sender,
      text,
      store.keyedHash.hash('message', content),
    ])
    if (row !== undefined) return { message: toMessageView(row), deduplicated: false }
  } catch (error) {
    // Two retries at once: the index let one of them in, and this one finds it below.
    if ((error as { code?: string }).code !== uniqueViolation) throw error
  }
  return findSent(store, viewer, { chatId, clientMessageId, content, replyToId })
}

async function findSent(
  store: Store,
  viewer: Viewer,
  {
    chatId,
    clientMessageId,
    content,
    replyToId,
  }: { chatId: string; clientMessageId: string; content: string; replyToId: string | null },
): Promise<{ message: MessageView; deduplicated: boolean }> {
  const [row] = await store.query<MessageViewRow & { content_hash: Buffer | null; cleared: boolean }>(
    findSentStatement,
    [viewer.userId, clientMessageId],
  )
  if (row === undefined) {
    if (!(await findChats(store, viewer, [chatId])).has(chatId)) throw new NotFoundError('chat')
    const original =
      replyToId === null ? null : (await findMessages(store, viewer, [replyToId])).get(replyToId)
    if (original !== null && original?.chatId !== chatId) throw nothingToReplyTo()
    // Nothing but a block keeps a member from sending now.
    throw keptApart()
  }
  // What is not known any more (it was sent before hashes had a key) counts as the same.
  const { content_hash: known } = row
  if (known !== null && !known.equals(store.keyedHash.hash('message', content))) {
    throw new ConflictError(
      'IDEMPOTENCY_KEY_REUSED',
      'This clientMessageId was used for other content. Give each new message a new one.',
    )
  }
  // The viewer may have lost the chat since; then the original is out of reach, too.
  const message = (await findMessages(store, viewer, [row.id])).get(row.id)
  if (message !== undefined) return { message, deduplicated: true }
  if (!(await findChats(store, viewer, [row.chat_id])).has(row.chat_id)) throw new NotFoundError('chat')
  // Said before the viewer was removed and came back: their own words still.
  if (!row.cleared) return { message: toMessageView(row), deduplicated: true }
  // Cleared with its chat, and perhaps not emptied yet.
  const deletedAt = row.deleted_at ?? new Date()
  return { message: { ...toMessageView(row), text: null, deletedAt }, deduplicated: true }
}

const nothingToReplyTo = () =>
  new ValidationError([{ path: ['replyToId'], message: 'There is no such message in this chat.' }])

/**
 * The row of a direct chat is locked against being blocked meanwhile; the others need no lock. The message's own
 * is, so that of two edits at once each keeps the text that it replaces.
 */
const editStatement = {
  name: 'messages_edit',
  text: `WITH open AS (
      SELECT 1 FROM chats WHERE id = $4 AND NOT blocked FOR SHARE
    ), old AS (
      SELECT id, text, coalesce(edited_at, created_at) AS since FROM messages
      WHERE id = $1 AND author_id = $2 AND deleted_at IS NULL AND text <> $3
        AND ($4 IS NULL OR EXISTS (SELECT 1 FROM open))
      FOR NO KEY UPDATE
    ), m AS (
      UPDATE messages m SET text = $3, edited_at = clock_timestamp() FROM old WHERE m.id = old.id
      RETURNING ${messageColumns}
    ), kept AS (
      INSERT INTO message_revisions (id, message_id, author_id, text, created_at) SELECT $5, id, $2, text, since FROM old
    ), e AS (
      INSERT INTO events (kind, chat_id, subject_id, sequence)
      SELECT 'MESSAGE_EDITED', chat_id, id, sequence FROM m
    )
    SELECT ${messageViewColumns} FROM m JOIN users u ON u.id = m.author_id`,
}

/**
 * Replaces the text of an own message. The same text again changes nothing.
 * @throws ValidationError, NotFoundError
 * @throws ForbiddenError for a message of someone else, and in a direct chat where either side has blocked the other
 * @throws ConflictError for a deleted one
 */
export async function editMessage(store: Store, viewer: Viewer, input: unknown): Promise<MessageView> {
  const { messageId, text } = parseInput(editMessageInput, input)
  const { message, inGroup, blocked } = await accessMessage(store, viewer, messageId)
  if (message.sender === 'SYSTEM') throw new ForbiddenError('Nobody edits what the server said.')
  if (message.authorId !== viewer.userId) throw new ForbiddenError('Only its author can edit a message.')
  if (message.deletedAt !== null) throw new ConflictError('CONFLICT', 'The message was deleted.')
  if (message.text === text) return message
  if (blocked) throw keptApart()
  const directChatId = inGroup ? null : message.chatId
  const values = [message.id, viewer.userId, text, directChatId, uuidv7()]
  const [row] = await store.writeStatement<MessageViewRow>(editStatement, values)
  // Without a row it was deleted, edited to this very text or blocked between the two statements: look again.
  return row === undefined ? editMessage(store, viewer, input) : toMessageView(row)
}

const deleteStatement = `UPDATE messages SET text = NULL, deleted_at = clock_timestamp()
  WHERE id = $1::uuid AND deleted_at IS NULL RETURNING deleted_at`

/**
 * Turns a message into a tombstone: its text, its earlier texts and the reactions to it are gone from the
 * database, its place stays. A message
 * that is deleted already is returned as it is.
 * @throws NotFoundError
 * @throws ForbiddenError for a message of someone else, unless the viewer is owner or admin of the group
 */
export async function deleteMessage(
  store: Store,
  viewer: Viewer,
  input: { messageId: string },
): Promise<MessageView> {
  const access = await accessMessage(store, viewer, input.messageId)
  if (access.message.deletedAt !== null) return access.message
  if (access.message.sender === 'SYSTEM') throw new ForbiddenError('Nobody deletes what the server said.')
  if (!canDelete(viewer, access)) {
    throw new ForbiddenError('Only its author, or an owner or admin of the group, can delete a message.')
  }
  const { id, chatId, sequence } = access.message
  const deletedAt = await store.write(async ({ prisma, append }) => {
    const [deleted] = await prisma.$queryRawUnsafe<{ deleted_at: Date }[]>(deleteStatement, id)
    if (deleted === undefined) return null
    // In a statement of their own: it sees what an edit or a reaction has added that the first one waited for.
    await prisma.messageRevision.deleteMany({ where: { messageId: id } })
    await prisma.reaction.deleteMany({ where: { messageId: id } })
    await append({ kind: 'MESSAGE_DELETED', chatId, subjectId: id, sequence })
    return deleted.deleted_at
  })
  return deletedAt === null
    ? (await accessMessage(store, viewer, input.messageId)).message
    : { ...access.message, text: null, deletedAt }
}
