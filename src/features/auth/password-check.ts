import { AuthenticationError } from '../../core/errors.ts'
import type { Store } from '../../events/store.ts'
import type { Auth } from './actions.ts'
import { rateLimits } from './rate-limits.ts'
import { couldBePassword } from './validation.ts'
import type { Viewer } from './viewer.ts'

interface Account {
  readonly username: string
  readonly email: string
  readonly passwordHash: string
}

/** What the viewer's own account is proved by. @throws AuthenticationError when it is gone by now */
export async function accountOf(store: Store, { userId }: Viewer): Promise<Account> {
  const account = await store.prisma.user.findUnique({
    where: { id: userId },
    select: { username: true, email: true, passwordHash: true },
  })
  if (account === null) throw new AuthenticationError('INVALID_CREDENTIALS')
  return account
}

/**
 * For what takes more than being logged in: the viewer proves to know the password. What is written then
 * should hold only while the account has the hash that it was checked against.
 * @throws AuthenticationError `INVALID_CREDENTIALS`
 * @throws RateLimitedError after too many checks
 */
export async function provePassword(
  auth: Auth,
  { userId }: Viewer,
  account: Account,
  password: string,
): Promise<void> {
  await auth.passwords.check()
  await auth.limits.take([{ rule: rateLimits.passwordCheckByUser, subject: userId }])
  await matchPassword(auth, account, password)
}

/**
 * No account takes as long as a wrong password.
 * @throws AuthenticationError `INVALID_CREDENTIALS`
 */
export async function matchPassword<Found extends { passwordHash: string }>(
  auth: Auth,
  account: Found | null,
  password: string,
): Promise<Found> {
  const given = couldBePassword(password) ? password : ''
  const matches = await auth.passwords.verify(account?.passwordHash ?? null, given)
  if (account === null || !matches) throw new AuthenticationError('INVALID_CREDENTIALS')
  return account
}
