import { AuthenticationError } from '../../core/errors.ts'
import type { Store } from '../../events/store.ts'
import type { Auth } from './actions.ts'
import { rateLimits } from './rate-limits.ts'
import { couldBePassword } from './validation.ts'
import type { Viewer } from './viewer.ts'

/**
 * For what takes more than being logged in: the viewer proves to know the password.
 * @returns the hash that it was checked against; what is written then should hold only while it is the account's
 * @throws AuthenticationError `INVALID_CREDENTIALS`
 * @throws RateLimitedError after too many checks
 */
export async function provePassword(
  store: Store,
  auth: Auth,
  { userId }: Viewer,
  password: string,
): Promise<string> {
  await auth.passwords.check()
  await auth.limits.take([{ rule: rateLimits.passwordCheckByUser, subject: userId }])
  const account = await store.prisma.user.findUnique({
    where: { id: userId },
    select: { passwordHash: true },
  })
  const given = couldBePassword(password) ? password : ''
  const matches = await auth.passwords.verify(account?.passwordHash ?? null, given)
  if (account === null || !matches) throw new AuthenticationError('INVALID_CREDENTIALS')
  return account.passwordHash
}
