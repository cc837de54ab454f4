/**
 * Every failure that a client may be told about, one class a shape. Actions throw them; the schema
 * turns those that an operation declares into union members, and everything else into masked
 * top-level errors. docs/errors.md says for each code what it means and what a client does.
 */

export const errorCodes = {
  VALIDATION_FAILED: 'The input breaks a rule; `issues` names each problem with its place.',
  INVALID_CREDENTIALS:
    'The identifier or the password is wrong; which of them is never told. Where only a password is asked for, that.',
  INVALID_REFRESH_TOKEN: 'The refresh token is unknown, expired, revoked or was used already. Log in again.',
  FORBIDDEN: 'The viewer may see the thing, but not do this with it.',
  NOT_FOUND: 'There is no such thing, or the viewer may not see it. The two look the same on purpose.',
  USERNAME_TAKEN: 'Another account has this username, whatever its case.',
  EMAIL_TAKEN: 'Another account has this email address, whatever its case.',
  IDEMPOTENCY_KEY_REUSED: 'The `clientMessageId` was used before, with other content.',
  CONFLICT: 'The state of the thing does not allow this any more; read it again.',
  RATE_LIMITED: 'Too many of these in a short time; `retryAfterMs` says when the next one is let through.',
} as const

export type ErrorCode = keyof typeof errorCodes

/** The base of the failures that are part of an operation's result type. */
export abstract class UserError extends Error {
  abstract readonly code: ErrorCode
}

export interface ValidationIssue {
  /** The path into the input, such as `['password']`. */
  readonly path: readonly string[]
  readonly message: string
}

export class ValidationError extends UserError {
  override readonly name = 'ValidationError'
  readonly code = 'VALIDATION_FAILED'
  readonly issues: readonly ValidationIssue[]
  constructor(issues: readonly ValidationIssue[]) {
    super(issues.length === 1 ? (issues[0]?.message ?? '') : `The input has ${issues.length} problems.`)
    this.issues = issues
  }
}

export class AuthenticationError extends UserError {
  override readonly name = 'AuthenticationError'
  readonly code: 'INVALID_CREDENTIALS' | 'INVALID_REFRESH_TOKEN'
  constructor(
    code: 'INVALID_CREDENTIALS' | 'INVALID_REFRESH_TOKEN',
    message = code === 'INVALID_CREDENTIALS'
      ? 'The username, email or password is wrong.'
      : 'The refresh token is not valid any more. Log in again.',
  ) {
    super(message)
    this.code = code
  }
}

export class ForbiddenError extends UserError {
  override readonly name = 'ForbiddenError'
  readonly code = 'FORBIDDEN'
}

export class NotFoundError extends UserError {
  override readonly name = 'NotFoundError'
  readonly code = 'NOT_FOUND'
  /** @param what the kind of thing in the reader's words, such as `chat` */
  constructor(what: string) {
    super(`There is no such ${what}.`)
  }
}

export class ConflictError extends UserError {
  override readonly name = 'ConflictError'
  readonly code: 'USERNAME_TAKEN' | 'EMAIL_TAKEN' | 'IDEMPOTENCY_KEY_REUSED' | 'CONFLICT'
  constructor(code: ConflictError['code'], message: string) {
    super(message)
    this.code = code
  }
}

export class RateLimitedError extends UserError {
  override readonly name = 'RateLimitedError'
  readonly code = 'RATE_LIMITED'
  readonly retryAfterMs: number
  constructor(retryAfterMs: number) {
    const seconds = Math.max(1, Math.ceil(retryAfterMs / 1000))
    super(`Too many attempts. Try again in ${seconds === 1 ? 'a second' : `${seconds} seconds`}.`)
    this.retryAfterMs = retryAfterMs
  }
}

/** Codes of top-level errors: what is not one operation's business. */
export type RequestErrorCode =
  | 'UNAUTHENTICATED'
  | 'VALIDATION_FAILED'
  | 'NOT_FOUND'
  | 'CURSOR_EXPIRED'
  | 'QUERY_TOO_EXPENSIVE'
  | 'RATE_LIMITED'

/** A failure of the request as a whole; it becomes an entry of the top-level `errors`. */
export class RequestError extends Error {
  override readonly name = 'RequestError'
  readonly code: RequestErrorCode
  readonly details: Readonly<Record<string, unknown>>
  constructor(code: RequestErrorCode, message: string, details: Readonly<Record<string, unknown>> = {}) {
    super(message)
    this.code = code
    this.details = details
  }
}

/** Why a token is worth nothing, and what there is to do: a session that is over cannot be refreshed. */
export function tokenRefused(problem: string): RequestError {
  const advice = problem === 'Session revoked' ? 'log in again' : 'log in again, or refresh'
  return unauthenticated(`${problem}: ${advice}.`)
}

export function unauthenticated(message = 'Log in first: this needs a valid access token.'): RequestError {
  return new RequestError('UNAUTHENTICATED', message)
}
