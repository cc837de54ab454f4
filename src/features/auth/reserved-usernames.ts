import { ConflictError } from '../../core/errors.ts'
import type { KeyedHash } from '../../core/keyed-hash.ts'
import type { Transaction } from '../../db/client.ts'
import type { Store } from '../../events/store.ts'

/** How long nobody may take the username of an erased account, in days. */
export const usernameReservedDays = 90

const purpose = 'username'

/** Keeps a username from being taken, without keeping the name. */
export async function reserveUsername(
  prisma: Transaction,
  keyedHash: KeyedHash,
  usernameKey: string,
): Promise<void> {
  await prisma.$executeRaw`
    INSERT INTO reserved_usernames (hash, until)
    VALUES (${keyedHash.hash(purpose, usernameKey)}, now() + make_interval(days => ${usernameReservedDays}))
    ON CONFLICT (hash) DO UPDATE SET until = excluded.until`
}

/**
 * To be asked once the name is taken in this transaction: that waits for an erasure under way, which gives
 * the name up and reserves it at once.
 * @throws ConflictError `USERNAME_TAKEN`
 */
export async function refuseReservedUsername(
  prisma: Transaction,
  keyedHash: KeyedHash,
  usernameKey: string,
): Promise<void> {
  const reserved = await prisma.reservedUsername.findFirst({
    where: { hash: keyedHash.hash(purpose, usernameKey), until: { gt: new Date() } },
    select: { until: true },
  })
  if (reserved !== null) throw usernameTaken()
}

/** Forgets the names that are free again. @returns whether there may be more */
export async function pruneReservedUsernames(store: Store): Promise<boolean> {
  await store.prisma.reservedUsername.deleteMany({ where: { until: { lt: new Date() } } })
  return false
}

export const usernameTaken = () => new ConflictError('USERNAME_TAKEN', 'This username is taken.')
