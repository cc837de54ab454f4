import { NotFoundError, ValidationError } from '../../core/errors.ts'
import { parseIdOf, uuidv7 } from '../../core/ids.ts'
import type { Transaction } from '../../db/client.ts'
import type { ChatMember } from '../../db/generated/prisma/client.ts'
import { isForeignKeyViolation } from '../../db/violations.ts'
import type { Store, WriteTransaction } from '../../events/store.ts'
import type { Viewer } from '../auth/viewer.ts'
import { findApart } from '../blocks/access.ts'

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

/** Of somebody who is erased at the same moment there is nothing to refer to. */
export async function writeWhileAccountsLast<Result>(
  store: Store,
  work: (tx: WriteTransaction) => Promise<Result>,
): Promise<Result> {
  try {
    return await store.write(work)
  } catch (error) {
    throw isForeignKeyViolation(error) ? new NotFoundError('user') : error
  }
}

/**
 * The row ids behind global user ids, each once and without the viewer.
 * @param field the input's field that has them
 * @throws ValidationError for each who cannot be added, at its index
 */
export async function knownUsers(
  store: Store,
  viewer: Viewer,
  globalIds: readonly string[],
  field: string,
): Promise<string[]> {
  const ids = globalIds.map((globalId) => parseIdOf('User', globalId))
  const candidates = [...new Set(ids.filter((id) => id !== null))]
  const [users, apart] = await Promise.all([
    store.prisma.user.findMany({ where: { id: { in: candidates }, active: true }, select: { id: true } }),
    findApart(store.prisma, viewer, candidates),
  ])
  const known = new Set(users.map((user) => user.id))
  const issues = ids.flatMap((id, index) => {
    const path = [field, String(index)]
    if (id === null || !known.has(id)) return [{ path, message: 'There is no such user.' }]
    return apart.has(id) ? [{ path, message: 'This user cannot be added.' }] : []
  })
  if (issues.length > 0) throw new ValidationError(issues)
  return candidates.filter((id) => id !== viewer.userId)
}
