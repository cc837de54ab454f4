import { NotFoundError } from '../../core/errors.ts'
import type { Store } from '../../events/store.ts'
import { accountNamed } from './actions.ts'
import { endSessionsIn } from './session-actions.ts'

/** What the operator of a server may do to an account. */
export const accountChanges = {
  disable: { active: false },
  enable: { active: true },
  verify: { emailVerified: true },
  unverify: { emailVerified: false },
} as const

export type AccountChange = keyof typeof accountChanges

/**
 * Changes the state of an account. One that is disabled cannot log in, and all its sessions end with the same
 * transaction: their tokens are refused and their sockets closed as soon as a process reads the log.
 * @param identifier the username or the email, whatever the case
 * @returns what it is called, and how many sessions ended
 * @throws NotFoundError
 */
export async function changeAccountState(
  store: Store,
  identifier: string,
  change: AccountChange,
): Promise<{ username: string; email: string; endedSessions: number }> {
  return store.write(async ({ prisma }) => {
    const [account] = await prisma.user.updateManyAndReturn({
      where: accountNamed(identifier),
      data: accountChanges[change],
      select: { id: true, username: true, email: true },
    })
    if (account === undefined) throw new NotFoundError('account')
    const { id, username, email } = account
    const ended = change === 'disable' ? await endSessionsIn(prisma, { userId: id }) : []
    return { username, email, endedSessions: ended.length }
  })
}
