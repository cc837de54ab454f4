import type { Prisma } from '../../db/client.ts'
import type { Store } from '../../events/store.ts'

/** What anyone logged in may see of an account. The email is never part of it. */
export const publicUser = {
  id: true,
  username: true,
  displayName: true,
  bio: true,
  kind: true,
  createdAt: true,
} as const satisfies Prisma.UserSelect

export type PublicUser = Prisma.UserGetPayload<{ select: typeof publicUser }>

/** The accounts behind these ids, by id; one statement. What does not exist is left out. */
export async function findUsers(store: Store, ids: readonly string[]): Promise<Map<string, PublicUser>> {
  const users = await store.prisma.user.findMany({ where: { id: { in: [...ids] } }, select: publicUser })
  return new Map(users.map((user) => [user.id, user]))
}

export async function findUserByUsername(store: Store, username: string): Promise<PublicUser | null> {
  const usernameKey = username.toLowerCase()
  // Nobody's; and a NUL would not even reach the database.
  if (!/^[a-z0-9_]{3,80}$/.test(usernameKey)) return null
  return store.prisma.user.findUnique({ where: { usernameKey }, select: publicUser })
}
