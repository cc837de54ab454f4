import type { DatabaseError } from 'pg'
import { AuthenticationError, ConflictError } from '../../core/errors.ts'
import { uuidv7 } from '../../core/ids.ts'
import { parseInput } from '../../core/parse.ts'
import type { Prisma } from '../../db/client.ts'
import type { Store, WriteTransaction } from '../../events/store.ts'
import type { RateLimiter } from '../../limits/rate-limiter.ts'
import { searchKey } from '../users/search-key.ts'
import { matchPassword } from './password-check.ts'
import type { Passwords } from './passwords.ts'
import { addressClaim, loginClaims, rateLimits } from './rate-limits.ts'
import { refuseReservedUsername, usernameTaken } from './reserved-usernames.ts'
import type { Authenticator } from './sessions.ts'
import { type AccessTokens, createRefreshToken, hashRefreshToken, randomSecret } from './tokens.ts'
import { loginInput, registerInput } from './validation.ts'
import type { Viewer } from './viewer.ts'

export interface Auth {
  readonly passwords: Passwords
  readonly accessTokens: AccessTokens
  readonly authenticator: Authenticator
  readonly refreshTokenTtlSeconds: number
  /** Whether so many people have a password that an attacker tries it first. */
  readonly isCommonPassword: (password: string) => boolean
  readonly limits: RateLimiter
}

/** What is known of whoever sends a request, before they have proved to be anyone. */
export interface Client {
  readonly userAgent: string | null
  readonly clientAddress: string
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
 * @throws RateLimitedError by the client's address
 * @throws ConflictError `USERNAME_TAKEN` or `EMAIL_TAKEN`, as the unique indexes decide
 */
export async function register(store: Store, auth: Auth, input: unknown, client: Client): Promise<LoggedIn> {
  const { username, email, password, displayName, deviceName } = parseInput(
    registerInput(auth.isCommonPassword),
    input,
  )
  await auth.passwords.check()
  await auth.limits.take([addressClaim(rateLimits.registerByAddress, client.clientAddress)])
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
      await refuseReservedUsername(tx.prisma, store.keyedHash, username.toLowerCase())
      return startSession(tx, auth, userId, { deviceName: deviceName ?? null, userAgent: client.userAgent })
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

const emailTaken = () => new ConflictError('EMAIL_TAKEN', 'An account with this email exists already.')

/** What Prisma says of a unique violation, in its own statements and in others', and what the driver says. */
const uniqueViolations: ReadonlySet<unknown> = new Set(['P2002', 'P2010', '23505'])

/** A name that is taken, by the unique index that it met. */
export function asConflict(error: unknown): unknown {
  const { code, meta, constraint } = error as Partial<Prisma.PrismaClientKnownRequestError & DatabaseError>
  if (!uniqueViolations.has(code)) return error
  const violated = JSON.stringify(meta ?? constraint)
  if (violated.includes('username_key')) return usernameTaken()
  return violated.includes('email_key') ? emailTaken() : error
}

/**
 * The account that an identifier names: its username or its email, whatever the case. An email has an @ and
 * a username never does.
 */
export function accountNamed(identifier: string): { emailKey: string } | { usernameKey: string } {
  // No name has a NUL, and the database takes none.
  const key = identifier.trim().toLowerCase().replaceAll('\0', ' ')
  return key.includes('@') ? { emailKey: key } : { usernameKey: key }
}

/**
 * A new session for an account. An unknown account, a disabled one and a wrong password are told apart
 * neither by the words nor by the time taken, nor by when they are limited. A login that succeeds counts for its
 * address only.
 * @throws AuthenticationError `INVALID_CREDENTIALS`
 * @throws RateLimitedError by the identifier and the client's address, before anything is looked up
 */
export async function login(store: Store, auth: Auth, input: unknown, client: Client): Promise<LoggedIn> {
  const { identifier, password, deviceName } = parseInput(loginInput, input)
  const claims = loginClaims(identifier.trim().toLowerCase(), client.clientAddress)
  await auth.passwords.check()
  await auth.limits.take([...claims.account, claims.address])
  const found = await store.prisma.user.findUnique({
    where: accountNamed(identifier),
    select: { id: true, passwordHash: true, active: true },
  })
  const { id, passwordHash, active } = await matchPassword(auth, found, password)
  if (!active) throw new AuthenticationError('INVALID_CREDENTIALS')
  await auth.limits.giveBack(claims.account)
  return store.write(async (tx) => {
    // Held to the commit: whoever changes the password meanwhile, or disables the account, ends this session, too.
    const [unchanged] = await tx.prisma.$queryRaw<unknown[]>`
      SELECT 1 FROM users WHERE id = ${id}::uuid AND active AND password_hash = ${passwordHash} FOR SHARE`
    if (unchanged === undefined) throw new AuthenticationError('INVALID_CREDENTIALS')
    return startSession(tx, auth, id, { deviceName: deviceName ?? null, userAgent: client.userAgent })
  })
}

async function startSession(
  tx: WriteTransaction,
  auth: Auth,
  userId: string,
  device: { deviceName: string | null; userAgent: string | null },
): Promise<LoggedIn> {
  const sessionId = uuidv7()
  const refreshToken = createRefreshToken()
  const expiresAt = new Date(Date.now() + auth.refreshTokenTtlSeconds * 1000)
  await tx.prisma.session.create({
    data: {
      id: sessionId,
      userId,
      refreshSecret: randomSecret(),
      deviceName: device.deviceName,
      userAgent: device.userAgent,
      expiresAt,
      refreshTokens: { create: { hash: hashRefreshToken(refreshToken) } },
    },
    select: { id: true },
  })
  return loggedIn(auth, { userId, sessionId }, refreshToken, expiresAt)
}

export function loggedIn(
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
