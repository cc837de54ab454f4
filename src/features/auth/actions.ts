import { AuthenticationError, ConflictError } from '../../core/errors.ts'
import { uuidv7 } from '../../core/ids.ts'
import { parseInput } from '../../core/parse.ts'
import type { Prisma } from '../../db/client.ts'
import type { Store, WriteTransaction } from '../../events/store.ts'
import { searchKey } from '../users/search-key.ts'
import type { Passwords } from './passwords.ts'
import type { Authenticator } from './sessions.ts'
import { type AccessTokens, createRefreshToken, hashRefreshToken } from './tokens.ts'
import { couldBePassword, loginInput, registerInput } from './validation.ts'
import type { Viewer } from './viewer.ts'

export interface Auth {
  readonly passwords: Passwords
  readonly accessTokens: AccessTokens
  readonly authenticator: Authenticator
  readonly refreshTokenTtlSeconds: number
}

export interface IssuedTokens {
  readonly accessToken: string
  readonly accessTokenExpiresAt: Date
  readonly refreshToken: string
  readonly refreshTokenExpiresAt: Date
}

export interface LoggedIn {
  readonly viewer: Viewer
  readonly tokens: IssuedTokens
}

/**
 * A new account and its first session, in one transaction.
 * @throws ValidationError with every problem at once
 * @throws ConflictError `USERNAME_TAKEN` or `EMAIL_TAKEN`, as the unique indexes decide
 */
export async function register(
  store: Store,
  auth: Auth,
  input: unknown,
  client: { userAgent: string | null },
): Promise<LoggedIn> {
  const { username, email, password, displayName, deviceName } = parseInput(registerInput, input)
  await refuseTaken(store, username, email)
  const passwordHash = await auth.passwords.hash(password)
  const name = displayName ?? username
  const userId = uuidv7()
  try {
    return await store.write(async (tx) => {
      await tx.prisma.user.create({
        data: {
          id: userId,
          username,
          usernameKey: username.toLowerCase(),
          email,
          emailKey: email.toLowerCase(),
          displayName: name,
          displayNameKey: searchKey(name),
          passwordHash,
        },
        select: { id: true },
      })
      return startSession(tx, auth, userId, { deviceName: deviceName ?? null, ...client })
    })
  } catch (error) {
    throw asConflict(error)
  }
}

/** Spares the hash when the name is taken. The indexes decide; two at once still meet them. */
async function refuseTaken(store: Store, username: string, email: string): Promise<void> {
  const taken = await store.prisma.user.findMany({
    where: { OR: [{ usernameKey: username.toLowerCase() }, { emailKey: email.toLowerCase() }] },
    select: { usernameKey: true },
  })
  if (taken.some((user) => user.usernameKey === username.toLowerCase())) throw usernameTaken()
  if (taken.length > 0) throw emailTaken()
}

const usernameTaken = () => new ConflictError('USERNAME_TAKEN', 'This username is taken.')
const emailTaken = () => new ConflictError('EMAIL_TAKEN', 'An account with this email exists already.')

/** The unique violation of a concurrent registration, by the index that it met. */
function asConflict(error: unknown): unknown {
  const { code, meta } = error as Prisma.PrismaClientKnownRequestError
  if (code !== 'P2002') return error
  const violated = JSON.stringify(meta)
  if (violated.includes('username_key')) return usernameTaken()
  return violated.includes('email_key') ? emailTaken() : error
}

/**
 * A new session for an account. An unknown account and a wrong password are told apart neither by the
 * words nor by the time taken.
 * @throws AuthenticationError `INVALID_CREDENTIALS`
 */
export async function login(
  store: Store,
  auth: Auth,
  input: unknown,
  client: { userAgent: string | null },
): Promise<LoggedIn> {
  const { identifier, password, deviceName } = parseInput(loginInput, input)
  const key = identifier.trim().toLowerCase()
  // An email has an @ and a username never does, so one look-up serves both.
  const user = await store.prisma.user.findUnique({
    // No name has a NUL, and the database takes none.
    where: key.includes('@')
      ? { emailKey: key.replaceAll('\0', ' ') }
      : { usernameKey: key.replaceAll('\0', ' ') },
    select: { id: true, passwordHash: true },
  })
  const matches = await auth.passwords.verify(
    user?.passwordHash ?? null,
    couldBePassword(password) ? password : '',
  )
  if (user === null || !matches) throw new AuthenticationError('INVALID_CREDENTIALS')
  return store.write((tx) => startSession(tx, auth, user.id, { deviceName: deviceName ?? null, ...client }))
}

async function startSession(
  tx: WriteTransaction,
  auth: Auth,
  userId: string,
  device: { deviceName: string | null; userAgent: string | null },
): Promise<LoggedIn> {
  const sessionId = uuidv7()
  const refresh = createRefreshToken()
  const expiresAt = new Date(Date.now() + auth.refreshTokenTtlSeconds * 1000)
  await tx.prisma.session.create({
    data: {
      id: sessionId,
      userId,
      refreshTokenHash: refresh.hash,
      deviceName: device.deviceName,
      userAgent: device.userAgent?.slice(0, 400) ?? null,
      expiresAt,
    },
    select: { id: true },
  })
  return loggedIn(auth, { userId, sessionId }, refresh.token, expiresAt)
}

function loggedIn(
  auth: Auth,
  session: { userId: string; sessionId: string },
  refreshToken: string,
  refreshTokenExpiresAt: Date,
): LoggedIn {
  const access = auth.accessTokens.sign(session)
  return {
    viewer: { kind: 'user', ...session, expiresAt: access.expiresAt.getTime() },
    tokens: {
      accessToken: access.token,
      accessTokenExpiresAt: access.expiresAt,
      refreshToken,
      refreshTokenExpiresAt,
    },
  }
}

/**
 * New tokens for a session; the old refresh token is worth nothing from then on. Of two uses at once
 * one wins.
 * @throws AuthenticationError `INVALID_REFRESH_TOKEN`
 */
export async function refreshTokens(
  store: Store,
  auth: Auth,
  input: { refreshToken: string },
): Promise<LoggedIn> {
  const refresh = createRefreshToken()
  const expiresAt = new Date(Date.now() + auth.refreshTokenTtlSeconds * 1000)
  const [session] = await store.prisma.session.updateManyAndReturn({
    where: {
      refreshTokenHash: hashRefreshToken(input.refreshToken),
      revokedAt: null,
      expiresAt: { gt: new Date() },
    },
    data: { refreshTokenHash: refresh.hash, expiresAt, lastUsedAt: new Date() },
    select: { id: true, userId: true },
  })
  if (session === undefined) throw new AuthenticationError('INVALID_REFRESH_TOKEN')
  return loggedIn(auth, { userId: session.userId, sessionId: session.id }, refresh.token, expiresAt)
}

/** Ends the viewer's session: its tokens are refused and its sockets closed, in every process. */
export async function logout(store: Store, auth: Auth, viewer: Viewer): Promise<void> {
  await store.write(async (tx) => {
    await tx.prisma.session.update({
      where: { id: viewer.sessionId },
      data: { revokedAt: new Date() },
      select: { id: true },
    })
    await tx.append({ kind: 'SESSION_REVOKED', userId: viewer.userId, subjectId: viewer.sessionId })
  })
  // The log tells every process; this one need not wait for it.
  auth.authenticator.forget(viewer.sessionId)
}
