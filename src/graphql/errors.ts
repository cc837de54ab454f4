import {
  AuthenticationError,
  ConflictError,
  type ErrorCode,
  errorCodes,
  ForbiddenError,
  NotFoundError,
  RateLimitedError,
  type UserError,
  ValidationError,
  type ValidationIssue,
} from '../core/errors.ts'
import { builder } from './builder.ts'

/** The schema's side of core/errors.ts: one object type for each class. */

const ErrorCodeEnum = builder.enumType('ErrorCode', {
  description: 'What went wrong, for programs. Codes are stable; more may come.',
  values: Object.fromEntries(
    Object.entries(errorCodes).map(([code, description]) => [code, { description }]),
  ) as Record<ErrorCode, { description: string }>,
})

const UserErrorInterface = builder.interfaceRef<UserError>('UserError').implement({
  description:
    'An expected failure. Select `... on UserError { code reason }` to catch all of them, including those that later versions add.',
  fields: (t) => ({
    code: t.field({
      type: ErrorCodeEnum,
      description: 'A machine-readable error code.',
      resolve: (error) => error.code,
    }),
    reason: t.exposeString('message', {
      description: 'A human-readable explanation in English. Its wording may change; use `code` in programs.',
    }),
  }),
})

const ValidationIssueType = builder.objectRef<ValidationIssue>('ValidationIssue').implement({
  description: 'One problem of an input.',
  fields: (t) => ({
    path: t.stringList({
      description: 'Where in the input the problem is, such as `["password"]` or `["memberIds", "2"]`.',
      resolve: (issue) => [...issue.path],
    }),
    message: t.exposeString('message', { description: 'What is wrong, for people, in English.' }),
  }),
})

builder.objectType(ValidationError, {
  name: 'ValidationError',
  description: 'The input breaks rules: every problem at once. Code `VALIDATION_FAILED`.',
  interfaces: [UserErrorInterface],
  fields: (t) => ({
    issues: t.field({
      type: [ValidationIssueType],
      description: 'Each problem with its place.',
      resolve: (error) => [...error.issues],
    }),
  }),
})

builder.objectType(AuthenticationError, {
  name: 'AuthenticationError',
  description:
    'Who is asking could not be proved. Code `INVALID_CREDENTIALS` or `INVALID_REFRESH_TOKEN`. Which part was wrong is never told.',
  interfaces: [UserErrorInterface],
})

builder.objectType(ForbiddenError, {
  name: 'ForbiddenError',
  description: 'The viewer may see the thing, but not do this with it. Code `FORBIDDEN`.',
  interfaces: [UserErrorInterface],
})

builder.objectType(NotFoundError, {
  name: 'NotFoundError',
  description:
    'There is no such thing, or the viewer may not see it: the two look the same. Code `NOT_FOUND`.',
  interfaces: [UserErrorInterface],
})

builder.objectType(ConflictError, {
  name: 'ConflictError',
  description:
    'The state of things does not allow it. Code `USERNAME_TAKEN`, `EMAIL_TAKEN`, `IDEMPOTENCY_KEY_REUSED` or `CONFLICT`.',
  interfaces: [UserErrorInterface],
})

builder.objectType(RateLimitedError, {
  name: 'RateLimitedError',
  description: 'Too many attempts in a short time. Nothing was done. Code `RATE_LIMITED`.',
  interfaces: [UserErrorInterface],
  fields: (t) => ({
    retryAfterMs: t.exposeInt('retryAfterMs', {
      description: 'In how many milliseconds the next attempt is let through.',
    }),
  }),
})
