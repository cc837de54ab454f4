import { decodeBounds, encodeCursor } from '../../core/cursor.ts'
import { ConflictError, NotFoundError, ValidationError } from '../../core/errors.ts'
import { groupBy } from '../../core/group-by.ts'
import { uuidv7 } from '../../core/ids.ts'
import { type Connection, type PageArgs, parsePageArgs, toConnection } from '../../core/pages.ts'
import type { Transaction } from '../../db/client.ts'
import type { Store } from '../../events/store.ts'
import type { Viewer } from '../auth/viewer.ts'
import { keptApart } from '../blocks/access.ts'
import type { PublicUser } from '../users/access.ts'
import { accessMessage, type MessageView } from './access.ts'
import { parseEmoji } from './emoji.ts'

/** How many kinds of emoji a message can have. */
export const maxReactionKinds = 20

interface ReactionInput {
  readonly messageId: string
  readonly emoji: string
}

/**
 * Puts the viewer's emoji at a message. Doing it again changes nothing.
 * @throws ValidationError for anything but one emoji
 * @throws NotFoundError when the viewer sees no such message
 * @throws ForbiddenError in a direct chat where either side has blocked the other
 * @throws ConflictError for a deleted message, and for a 21st kind of emoji
 */
export async function addReaction(store: Store, viewer: Viewer, input: ReactionInput): Promise<MessageView> {
  const emoji = requireEmoji(input.emoji)
  const { message, inGroup } = await accessMessage(store, viewer, input.messageId)
  await store.write(async ({ prisma, append }) => {
    if (!inGroup) await requireOpen(prisma, viewer, message.chatId)
    // Held, so that of the kinds that come at once none is the 21st, and a deletion takes all of them along.
    const [standing] = await prisma.$queryRaw<unknown[]>`
      SELECT 1 FROM messages WHERE id = ${message.id}::uuid AND deleted_at IS NULL FOR NO KEY UPDATE`
    if (standing === undefined) throw new ConflictError('CONFLICT', 'The message was deleted.')
    const kinds = await kindsOf(prisma, message.id)
    if (!kinds.has(emoji) && kinds.size >= maxReactionKinds) {
      throw new ConflictError('CONFLICT', `A message has at most ${maxReactionKinds} kinds of reactions.`)
    }
    const added = await prisma.$executeRaw`
      INSERT INTO reactions (id, message_id, user_id, emoji)
      SELECT ${uuidv7()}::uuid, ${message.id}::uuid, user_id, ${emoji} FROM chat_members
      WHERE chat_id = ${message.chatId}::uuid AND user_id = ${viewer.userId}::uuid FOR KEY SHARE
      ON CONFLICT DO NOTHING`
    if (added > 0) return append(reactionEvent('REACTION_ADDED', message, viewer, emoji))
    // It is there already, or the viewer was removed a moment ago.
    const member = { chatId: message.chatId, userId: viewer.userId }
    if ((await prisma.chatMember.count({ where: member })) === 0) throw new NotFoundError('message')
  })
  return message
}

/**
 * Takes the viewer's emoji at a message back. Where there is none nothing changes.
 * @throws ValidationError, NotFoundError
 */
export async function removeReaction(
  store: Store,
  viewer: Viewer,
  input: ReactionInput,
): Promise<MessageView> {
  const emoji = requireEmoji(input.emoji)
  const { message } = await accessMessage(store, viewer, input.messageId)
  await store.write(async ({ prisma, append }) => {
    // In one line with those who add: the log tells of it in the order in which it happened.
    await prisma.$executeRaw`SELECT 1 FROM messages WHERE id = ${message.id}::uuid FOR NO KEY UPDATE`
    const { count } = await prisma.reaction.deleteMany({
      where: { messageId: message.id, userId: viewer.userId, emoji },
    })
    if (count > 0) await append(reactionEvent('REACTION_REMOVED', message, viewer, emoji))
  })
  return message
}

function requireEmoji(text: string): string {
  const emoji = parseEmoji(text)
  if (emoji !== null) return emoji
  throw new ValidationError([{ path: ['emoji'], message: 'A reaction is one emoji, and nothing else.' }])
}

/** Holds a direct chat against being blocked meanwhile; before it the membership, which is needed later. */
async function requireOpen(prisma: Transaction, { userId }: Viewer, chatId: string): Promise<void> {
  const [open] = await prisma.$queryRaw<unknown[]>`
    WITH me AS (
      SELECT 1 FROM chat_members WHERE chat_id = ${chatId}::uuid AND user_id = ${userId}::uuid FOR KEY SHARE
    )
    SELECT 1 FROM chats WHERE id = ${chatId}::uuid AND NOT blocked AND (SELECT count(*) FROM me) >= 0 FOR SHARE`
  if (open === undefined) throw keptApart()
}

async function kindsOf(prisma: Transaction, messageId: string): Promise<Set<string>> {
  const rows = await prisma.$queryRaw<{ emoji: string }[]>`
    SELECT DISTINCT r.emoji FROM reactions r JOIN users u ON u.id = r.user_id WHERE r.message_id = ${messageId}::uuid`
  return new Set(rows.map(({ emoji }) => emoji))
}

function reactionEvent(
  kind: 'REACTION_ADDED' | 'REACTION_REMOVED',
  message: MessageView,
  viewer: Viewer,
  emoji: string,
) {
  const { id: subjectId, chatId, sequence } = message
  return { kind, chatId, actorId: viewer.userId, subjectId, sequence, detail: emoji }
}

/** Everyone's reactions to a message with one emoji. */
export interface ReactionGroup {
  readonly messageId: string
  readonly emoji: string
  readonly count: number
  readonly viewerHasReacted: boolean
}

/** Those of an account that is gone do not count, although their rows go later. */
const groupsStatement = {
  name: 'reaction_groups',
  text: `SELECT r.message_id AS "messageId", r.emoji, count(*)::int AS count, bool_or(r.user_id = $1) AS "viewerHasReacted"
    FROM reactions r JOIN users u ON u.id = r.user_id
    WHERE r.message_id = ANY($2::uuid[]) GROUP BY r.message_id, r.emoji ORDER BY min(r.id::text)`,
}

/** The reactions to each of these messages, the emoji that came first first; one statement. */
export async function findReactions(
  store: Store,
  viewer: Viewer,
  messageIds: readonly string[],
): Promise<Map<string, ReactionGroup[]>> {
  const rows = await store.query<ReactionGroup>(groupsStatement, [viewer.userId, messageIds])
  return groupBy(rows, (row) => row.messageId)
}

const reactorsPage = (
  order: 'ASC' | 'DESC',
) => `SELECT k.message_id || ' ' || k.emoji AS key, u.reaction_id AS "reactionId",
    u.id, u.username, u.display_name AS "displayName", u.bio, u.kind, u.created_at AS "createdAt"
  FROM unnest($1::uuid[], $2::text[]) AS k(message_id, emoji)
  CROSS JOIN LATERAL (
    SELECT r.id AS reaction_id, u.* FROM reactions r JOIN users u ON u.id = r.user_id
    WHERE r.message_id = k.message_id AND r.emoji = k.emoji
      AND ($3::uuid IS NULL OR r.id > $3) AND ($4::uuid IS NULL OR r.id < $4)
    ORDER BY r.id ${order} LIMIT $5
  ) u
  ORDER BY u.reaction_id ${order}`
const reactorsForward = { name: 'reactors_forward', text: reactorsPage('ASC') }
const reactorsBackward = { name: 'reactors_backward', text: reactorsPage('DESC') }

/** What a group is looked up by. */
export function reactionKey({ messageId, emoji }: Pick<ReactionGroup, 'messageId' | 'emoji'>): string {
  return `${messageId} ${emoji}`
}

/** A page of the people of each of these groups, in the order of reacting; one statement for all. */
export async function listReactors(
  store: Store,
  keys: readonly string[],
  args: PageArgs,
): Promise<Map<string, Connection<PublicUser>>> {
  const page = parsePageArgs(args)
  const { after, before } = decodeBounds('r', page, ['uuid'])
  const groups = keys.map((key) => key.split(' '))
  const rows = await store.query<PublicUser & { key: string; reactionId: string }>(
    page.backward ? reactorsBackward : reactorsForward,
    [
      groups.map(([messageId]) => messageId),
      groups.map(([, emoji]) => emoji),
      after?.[0] ?? null,
      before?.[0] ?? null,
      page.limit + 1,
    ],
  )
  const byKey = groupBy(rows, (row) => row.key)
  const toEdge = ({ key: _, reactionId, ...node }: (typeof rows)[number]) => ({
    cursor: encodeCursor('r', reactionId),
    node,
  })
  return new Map(keys.map((key) => [key, toConnection(byKey.get(key) ?? [], page, toEdge)]))
}
