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

/** What somebody is told who is asked for nothing but their password. */
export const passwordWrong = () => new AuthenticationError('INVALID_CREDENTIALS', 'The password is wrong.')

/** What the viewer's own account is proved by. @throws AuthenticationError when it is gone by now */
export async function accountOf(store: Store, { userId }: Viewer): Promise<Account> {
  const account = await store.prisma.user.findUnique({
    where: { id: userId },
    select: { username: true, email: true, passwordHash: true },
  })
  if (account === null) throw passwordWrong()
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
  { sessionId }: Viewer,
  account: Account,
  password: string,
): Promise<void> {
  await auth.passwords.check()
  // By session: whoever holds a stolen one cannot use up what the owner has.
  await auth.limits.take([{ rule: rateLimits.passwordCheckBySession, subject: sessionId }])
  if (!(await matches(auth, account, password))) throw passwordWrong()
}

/**
 * For a login. No account takes as long as a wrong password.
 * @throws AuthenticationError `INVALID_CREDENTIALS`
 */
export async function matchPassword<Found extends { passwordHash: string }>(
  auth: Auth,
  account: Found | null,
  password: string,
): Promise<Found> {
  if (!(await matches(auth, account, password)) || account === null) {
    throw new AuthenticationError('INVALID_CREDENTIALS')
  }
  return account
}

function matches(auth: Auth, account: { passwordHash: string } | null, password: string): Promise<boolean> {
  return auth.passwords.verify(account?.passwordHash ?? null, couldBePassword(password) ? password : '')
}
