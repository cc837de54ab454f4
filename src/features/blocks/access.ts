import { ForbiddenError } from '../../core/errors.ts'
import type { Transaction } from '../../db/client.ts'
import type { Store, WriteTransaction } from '../../events/store.ts'
import type { Viewer } from '../auth/viewer.ts'

/** Two users, named the same from either side: the lower id first, joined by a colon. */
export function pairKey(one: string, other: string): string {
  return [one, other].sort().join(':')
}

/**
 * Lets one transaction at a time change what stands between two users: a block, or their chat. Take it before
 * anything is read: what it waited for is seen by the statements after it only.
 */
export async function lockPair({ prisma }: WriteTransaction, pair: string): Promise<void> {
  await prisma.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${`pair:${pair}`}, 0))`
}

/** Those of these users whom the viewer has blocked, or who have blocked the viewer; one statement. */
export async function findApart(
  prisma: Transaction,
  viewer: Viewer,
  userIds: readonly string[],
): Promise<Set<string>> {
  const { userId } = viewer
  const others = { in: [...userIds] }
  const blocks = await prisma.block.findMany({
    where: {
      OR: [
        { blockerId: userId, blockedId: others },
        { blockerId: others, blockedId: userId },
      ],
    },
    select: { blockerId: true, blockedId: true },
  })
  return new Set(blocks.map(({ blockerId, blockedId }) => (blockerId === userId ? blockedId : blockerId)))
}

/** SQL that says whether either of two users has blocked the other; takes expressions of their ids. */
export const areApart = (one: string, other: string) => `EXISTS (SELECT 1 FROM blocks b
  WHERE b.blocker_id = ${one} AND b.blocked_id = ${other} OR b.blocker_id = ${other} AND b.blocked_id = ${one})`

/** What both sides of a block are told, in the same words: who blocked whom stays with the blocker. */
export function keptApart(): ForbiddenError {
  return new ForbiddenError('You and this person cannot exchange messages.')
}

/** Those of these users whom the viewer has blocked, by id; one statement. */
export async function findBlocked(
  store: Store,
  viewer: Viewer,
  userIds: readonly string[],
): Promise<Map<string, true>> {
  const blocks = await store.prisma.block.findMany({
    where: { blockerId: viewer.userId, blockedId: { in: [...userIds] } },
    select: { blockedId: true },
  })
  return new Map(blocks.map(({ blockedId }) => [blockedId, true]))
}
