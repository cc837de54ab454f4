import { parseInput } from '../../core/parse.ts'
import type { Store } from '../../events/store.ts'
import { searchKey } from '../users/search-key.ts'
import { type Auth, asConflict } from './actions.ts'
import { accountOf, passwordWrong, provePassword } from './password-check.ts'
import { refuseReservedUsername } from './reserved-usernames.ts'
import { changeEmailInput, updateProfileInput } from './validation.ts'
import type { Viewer } from './viewer.ts'

/** What changes nothing writes nothing. Of two at once the second compares with what the first has left. */
const updateStatement = `WITH updated AS (
      UPDATE users SET
        username = coalesce($2, username), username_key = coalesce($3, username_key),
        display_name = coalesce($4, display_name), display_name_key = coalesce($5, display_name_key),
        bio = CASE WHEN $6::boolean THEN $7 ELSE bio END
      WHERE id = $1::uuid AND (username, display_name, bio) IS DISTINCT FROM
        (coalesce($2, username), coalesce($4, display_name), CASE WHEN $6::boolean THEN $7 ELSE bio END)
      RETURNING id
    ), told AS (
      INSERT INTO events (kind, peers_of, subject_id) SELECT 'USER_UPDATED', id, id FROM updated
    )
    SELECT id FROM updated`

/**
 * Changes what others see of the viewer: what is given, and nothing else. A bio is cleared by null or a blank
 * one; a username and a display name cannot be. Whoever shares a chat with them is told.
 * @throws ValidationError with every problem at once
 * @throws ConflictError `USERNAME_TAKEN`, as the unique index decides
 */
export async function updateProfile(store: Store, { userId }: Viewer, input: unknown): Promise<void> {
  const { username, displayName, bio } = parseInput(updateProfileInput, input)
  const values = [
    userId,
    username ?? null,
    username?.toLowerCase() ?? null,
    displayName ?? null,
    displayName == null ? null : searchKey(displayName),
    bio !== undefined,
    bio ?? null,
  ]
  try {
    await store.write(async ({ prisma }) => {
      await prisma.$queryRawUnsafe(updateStatement, ...values)
      if (username != null) await refuseReservedUsername(prisma, store.keyedHash, username.toLowerCase())
    })
  } catch (error) {
    throw asConflict(error)
  }
}

/** An address that differs from the one before only in case is the same, and stays verified. */
const changeEmailStatement = {
  name: 'users_change_email',
  text: `UPDATE users SET email = $2, email_key = $3, email_verified = email_verified AND email_key = $3
    WHERE id = $1::uuid AND password_hash = $4 RETURNING id`,
}

/**
 * Replaces the viewer's email address; the new one counts as not verified. Nobody else sees an address, so
 * nobody is told. That an address is taken is what a search by the whole address tells, too; both are limited.
 *
 * The write insists on the password that was proved: one that is changed meanwhile wins.
 * @throws ValidationError
 * @throws AuthenticationError `INVALID_CREDENTIALS` when the password is wrong
 * @throws ConflictError `EMAIL_TAKEN`, as the unique index decides
 */
export async function changeEmail(store: Store, auth: Auth, viewer: Viewer, input: unknown): Promise<void> {
  const { password, email } = parseInput(changeEmailInput, input)
  const account = await accountOf(store, viewer)
  await provePassword(auth, viewer, account, password)
  try {
    const values = [viewer.userId, email, email.toLowerCase(), account.passwordHash]
    const changed = await store.query(changeEmailStatement, values)
    if (changed.length === 0) throw passwordWrong()
  } catch (error) {
    throw asConflict(error)
  }
}
