import { decodeBounds, encodeCursor } from '../../core/cursor.ts'
import { AuthenticationError, NotFoundError } from '../../core/errors.ts'
import { parseIdOf } from '../../core/ids.ts'
import type { Logger } from '../../core/logger.ts'
import { type Connection, type PageArgs, parsePageArgs, toConnection } from '../../core/pages.ts'
import { parseInput } from '../../core/parse.ts'
import type { Transaction } from '../../db/client.ts'
import type { Session } from '../../db/generated/prisma/client.ts'
import type { Store } from '../../events/store.ts'
import { type Auth, type Client, type LoggedIn, loggedIn } from './actions.ts'
import { accountOf, passwordWrong, provePassword } from './password-check.ts'
import { addressClaim, rateLimits } from './rate-limits.ts'
import { hashRefreshToken, succeedRefreshToken } from './tokens.ts'
import { changePasswordInput } from './validation.ts'
import type { Viewer } from './viewer.ts'

/**
 * How long a refresh token that was used already may come again and get the same answer: the time in
 * which a client that lost the answer asks once more.
 */
const refreshGraceSeconds = 30

const findToken = {
  name: 'sessions_find_refresh_token',
  text: `SELECT t.session_id, s.user_id, s.refresh_secret
    FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id JOIN users u ON u.id = s.user_id
    WHERE t.hash = $1 AND s.revoked_at IS NULL AND s.expires_at > now() AND u.active`,
}

interface FoundToken {
  readonly session_id: string
  readonly user_id: string
  readonly refresh_secret: Buffer
}

/**
 * Of any number of uses at once one gets through; the others wait for it and then see it. The session's
 * row is locked first, as ending a session does: the other order would deadlock with it.
 */
const useToken = {
  name: 'sessions_use_refresh_token',
  text: `WITH session AS (
      SELECT s.id FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id
      WHERE t.hash = $1 AND s.revoked_at IS NULL FOR NO KEY UPDATE OF s
    ), used AS (
      UPDATE refresh_tokens t SET used_at = now() FROM session
      WHERE t.hash = $1 AND t.used_at IS NULL AND t.session_id = session.id RETURNING t.session_id
    ), successor AS (
      INSERT INTO refresh_tokens (hash, session_id) SELECT $2, session_id FROM used
    )
    UPDATE sessions s SET last_used_at = now(), expires_at = $3 FROM used WHERE s.id = used.session_id
    RETURNING s.expires_at`,
}

/** A token that was used a moment ago, by a client that has not got as far as using its successor. */
const repeatToken = {
  name: 'sessions_repeat_refresh_token',
  text: `SELECT s.expires_at FROM refresh_tokens t
    JOIN refresh_tokens successor ON successor.hash = $2 AND successor.used_at IS NULL
    JOIN sessions s ON s.id = t.session_id AND s.revoked_at IS NULL
    WHERE t.hash = $1 AND t.used_at > now() - interval '${refreshGraceSeconds} seconds'`,
}

/**
 * New tokens for a session; the token that was given is used up. Once more within a moment, as long as
 * the answer was not acted upon, it gives the same successor; at any other time a used token means that
 * two parties hold it, and the session ends.
 * @throws AuthenticationError `INVALID_REFRESH_TOKEN`
 * @throws RateLimitedError by the session and the client's address
 */
export async function refreshTokens(
  store: Store,
  auth: Auth,
  logger: Logger,
  { refreshToken }: { refreshToken: string },
  client: Client,
): Promise<LoggedIn> {
  const byAddress = addressClaim(rateLimits.refreshByAddress, client.clientAddress)
  await auth.limits.check([byAddress])
  const hash = hashRefreshToken(refreshToken)
  const [found] = await store.query<FoundToken>(findToken, [hash])
  const bySession = found && { rule: rateLimits.refreshBySession, subject: found.session_id }
  await auth.limits.take(bySession === undefined ? [byAddress] : [bySession, byAddress])
  if (found === undefined) throw new AuthenticationError('INVALID_REFRESH_TOKEN')
  const session = { userId: found.user_id, sessionId: found.session_id }
  const successor = succeedRefreshToken(refreshToken, found.refresh_secret)
  const successorHash = hashRefreshToken(successor)
  const expiresAt = new Date(Date.now() + auth.refreshTokenTtlSeconds * 1000)
  const [used] = await store.query<{ expires_at: Date }>(useToken, [hash, successorHash, expiresAt])
  if (used !== undefined) return loggedIn(auth, session, successor, used.expires_at)
  const [repeated] = await store.query<{ expires_at: Date }>(repeatToken, [hash, successorHash])
  if (repeated !== undefined) return loggedIn(auth, session, successor, repeated.expires_at)
  logger.warn(session, 'a used refresh token came again: its session was ended')
  await endSessions(store, auth, { userId: session.userId, only: session.sessionId })
  throw new AuthenticationError('INVALID_REFRESH_TOKEN')
}

const endStatement = {
  name: 'sessions_end',
  text: `WITH ended AS (
      UPDATE sessions SET revoked_at = now()
      WHERE user_id = $1::uuid AND revoked_at IS NULL
        AND ($2::uuid IS NULL OR id = $2::uuid) AND ($3::uuid IS NULL OR id <> $3::uuid)
      RETURNING id
    ), forgotten AS (
      DELETE FROM refresh_tokens WHERE session_id IN (SELECT id FROM ended)
    ), told AS (
      INSERT INTO events (kind, user_id, subject_id) SELECT 'SESSION_REVOKED', $1::uuid, id FROM ended
    )
    SELECT id FROM ended`,
}

interface WhichSessions {
  readonly userId: string
  readonly only?: string
  readonly except?: string
}

const valuesOf = ({ userId, only, except }: WhichSessions) => [userId, only ?? null, except ?? null]

/**
 * Ends sessions of a user: their tokens are refused and their sockets closed, in every process as soon
 * as it reads the log, and in this one at once.
 * @returns the ids of those that were alive
 */
async function endSessions(store: Store, auth: Auth, which: WhichSessions): Promise<string[]> {
  const rows = await store.writeStatement<{ id: string }>(endStatement, valuesOf(which))
  for (const { id } of rows) auth.authenticator.forget(id)
  return rows.map(({ id }) => id)
}

/**
 * Ends sessions together with what is the reason for it. Call it after the account's row is locked: a login
 * that overlaps with the change has its session by then. @returns the ids of those that were alive
 */
export async function endSessionsIn(prisma: Transaction, which: WhichSessions): Promise<string[]> {
  const rows = await prisma.$queryRawUnsafe<{ id: string }[]>(endStatement.text, ...valuesOf(which))
  return rows.map(({ id }) => id)
}

/**
 * Replaces the viewer's password and ends every other session of theirs, in one transaction. The account's
 * row is locked before the sessions are looked at, and a login holds that lock until its session is there:
 * no session that was begun with the old password can slip through.
 * @throws ValidationError when the new password breaks the rules
 * @throws AuthenticationError `INVALID_CREDENTIALS` when the current one is wrong
 * @throws RateLimitedError after too many checks of it
 */
export async function changePassword(
  store: Store,
  auth: Auth,
  viewer: Viewer,
  input: unknown,
): Promise<void> {
  const account = await accountOf(store, viewer)
  const { currentPassword, newPassword } = parseInput(
    changePasswordInput(auth.isCommonPassword, account),
    input,
  )
  await provePassword(auth, viewer, account, currentPassword)
  const passwordHash = await auth.passwords.hash(newPassword)
  const ended = await store.write(async ({ prisma }) => {
    const { count } = await prisma.user.updateMany({
      where: { id: viewer.userId, passwordHash: account.passwordHash },
      data: { passwordHash },
    })
    if (count === 0) throw passwordWrong()
    return endSessionsIn(prisma, { userId: viewer.userId, except: viewer.sessionId })
  })
  for (const id of ended) auth.authenticator.forget(id)
}

/** Ends the session that asks. */
export async function logout(store: Store, auth: Auth, viewer: Viewer): Promise<void> {
  await endSessions(store, auth, { userId: viewer.userId, only: viewer.sessionId })
}

/**
 * Ends one session of the viewer's, the current one included.
 * @returns its global id
 * @throws NotFoundError when they have no such session, or it has ended already
 */
export async function revokeSession(
  store: Store,
  auth: Auth,
  viewer: Viewer,
  { sessionId }: { sessionId: string },
): Promise<string> {
  const id = parseIdOf('Session', sessionId)
  const ended = id === null ? [] : await endSessions(store, auth, { userId: viewer.userId, only: id })
  if (ended.length === 0) throw new NotFoundError('session')
  return sessionId
}

/** Ends every session of the viewer's but the one that asks. @returns how many */
export async function revokeOtherSessions(store: Store, auth: Auth, viewer: Viewer): Promise<number> {
  const ended = await endSessions(store, auth, { userId: viewer.userId, except: viewer.sessionId })
  return ended.length
}

/** Ended sessions are kept for a while, for whoever has to look into what happened. */
const pruneStatement = {
  name: 'sessions_prune',
  text: `DELETE FROM sessions WHERE id IN (
      SELECT id FROM sessions
      WHERE expires_at < now() - interval '30 days' OR revoked_at < now() - interval '30 days'
      LIMIT $1 FOR UPDATE SKIP LOCKED
    ) RETURNING 1`,
}

/** A session that was in use for long has thousands of used refresh tokens, which go with it. */
const pruneAtATime = 20

/** Deletes sessions that ended 30 days ago, some at a time. @returns whether there may be more */
export async function pruneSessions(store: Store): Promise<boolean> {
  return (await store.query(pruneStatement, [pruneAtATime])).length === pruneAtATime
}

/** What a session's owner may see of it. */
export type SessionView = Omit<Session, 'refreshSecret' | 'revokedAt'>

const sessionView = {
  id: true,
  userId: true,
  deviceName: true,
  userAgent: true,
  createdAt: true,
  lastUsedAt: true,
  expiresAt: true,
} as const

const alive = () => ({ revokedAt: null, expiresAt: { gt: new Date() } })

/** The viewer's sessions that are alive, newest first. */
export async function listSessions(
  store: Store,
  viewer: Viewer,
  args: PageArgs,
): Promise<Connection<SessionView>> {
  const page = parsePageArgs(args)
  const { after, before } = decodeBounds('s', page, ['uuid'])
  const rows = await store.prisma.session.findMany({
    where: {
      userId: viewer.userId,
      ...alive(),
      // Ids ascend in time.
      id: { ...(after && { lt: after[0] }), ...(before && { gt: before[0] }) },
    },
    orderBy: { id: page.backward ? 'asc' : 'desc' },
    take: page.limit + 1,
    select: sessionView,
  })
  return toConnection(rows, page, (node) => ({ cursor: encodeCursor('s', node.id), node }))
}

/** Those of the viewer's sessions, by id, that are alive. */
export async function findSessions(
  store: Store,
  viewer: Viewer,
  ids: readonly string[],
): Promise<Map<string, SessionView>> {
  const rows = await store.prisma.session.findMany({
    where: { id: { in: [...ids] }, userId: viewer.userId, ...alive() },
    select: sessionView,
  })
  return new Map(rows.map((row) => [row.id, row]))
}
