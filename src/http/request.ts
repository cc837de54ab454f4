import type { IncomingMessage, ServerResponse } from 'node:http'
import { uuidv7 } from '../core/ids.ts'
import type { Authenticator } from '../features/auth/sessions.ts'
import { anonymous } from '../features/auth/viewer.ts'
import type { Caller } from '../graphql/operation/caller.ts'

const bearer = /^Bearer +([\w.~+/-]+=*) *$/i

/** Hears of somebody who is logged in and has a connection that lasts. @returns what to call when it is closed */
export type OnConnected = (userId: string) => () => void

/** The largest body of a request, in bytes. */
const maxBodyBytes = 100_000

/** Who is asking, from an `Authorization` value: a header, or what a client put into a message. */
export async function authenticate(
  authenticator: Authenticator,
  authorization: unknown,
  request: IncomingMessage,
  transport: Pick<Caller, 'closesWithSession' | 'resumeAfter' | 'clientAddress'>,
): Promise<Caller> {
  const base = {
    ...transport,
    requestId: requestIdOf(request),
    userAgent: request.headers['user-agent']?.slice(0, 400) ?? null,
  }
  if (authorization === undefined || authorization === '') {
    return { ...base, principal: anonymous, tokenProblem: null }
  }
  const token = typeof authorization === 'string' ? bearer.exec(authorization)?.[1] : undefined
  const found = token === undefined ? 'Invalid token' : await authenticator.authenticate(token)
  return typeof found === 'string'
    ? { ...base, principal: anonymous, tokenProblem: found }
    : { ...base, principal: found, tokenProblem: null }
}

/** The caller's own id where it is a plain one, so that a proxy's log and ours can be matched. */
function requestIdOf(request: IncomingMessage): string {
  const given = request.headers['x-request-id']
  return typeof given === 'string' && /^[\w-]{1,64}$/.test(given) ? given : uuidv7()
}

/** Why a request is not handed on to GraphQL. */
export interface RequestProblem {
  readonly status: 400 | 405 | 406 | 413 | 415 | 503
  readonly code:
    | 'BAD_REQUEST'
    | 'NOT_ACCEPTABLE'
    | 'REQUEST_TOO_LARGE'
    | 'SERVICE_UNAVAILABLE'
    | 'UNSUPPORTED_MEDIA_TYPE'
  readonly message: string
  /** What the client may send instead, or when. */
  readonly headers?: Readonly<Record<string, string>>
}

export const methodNotAllowed: RequestProblem = {
  status: 405,
  code: 'BAD_REQUEST',
  message: 'Send operations with POST, or queries with GET.',
  headers: { allow: 'GET, POST, OPTIONS' },
}

export const notAcceptable: RequestProblem = {
  status: 406,
  code: 'NOT_ACCEPTABLE',
  message:
    'The server can send application/graphql-response+json, application/json, or text/event-stream. Accept one of them.',
}

export const authenticationUnavailable: RequestProblem = {
  status: 503,
  code: 'SERVICE_UNAVAILABLE',
  message: 'Authentication is temporarily unavailable. Try again.',
  headers: { 'retry-after': '1' },
}

const notJson: RequestProblem = {
  status: 415,
  code: 'UNSUPPORTED_MEDIA_TYPE',
  message: 'Send the request as application/json.',
}

const compressed: RequestProblem = {
  status: 415,
  code: 'UNSUPPORTED_MEDIA_TYPE',
  message: 'Compressed request bodies are not supported. Send the body as it is, without Content-Encoding.',
  headers: { 'accept-encoding': 'identity' },
}

const tooLarge: RequestProblem = {
  status: 413,
  code: 'REQUEST_TOO_LARGE',
  message: `The request body is too large: at most ${maxBodyBytes.toLocaleString('en')} bytes.`,
}

const json = /^application\/(json|graphql\+json)\s*(;|$)/i

/**
 * What GraphQL's own HTTP layer would answer too kindly (forms, which a page of any origin may post) or
 * too late (bodies without end). Only a body that may be read is asked for, where its client waits for that.
 */
export async function checkRequest(
  request: IncomingMessage,
  response: ServerResponse,
): Promise<RequestProblem | null> {
  if (request.method === 'GET') return null
  const { headers } = request
  if (!json.test(headers['content-type'] ?? '')) return notJson
  if (!/^(identity)?$/i.test(headers['content-encoding'] ?? '')) return compressed
  if (Number(headers['content-length'] ?? 0) > maxBodyBytes) return tooLarge
  // Yoga looks for it in lower case, and without a space before its parameters.
  headers['content-type'] = 'application/json'
  if (expectsContinue(request)) response.writeContinue()
  return (await isBodyWithinLimit(request)) ? null : tooLarge
}

/** HTTP/1.0 has no interim answers. */
function expectsContinue({ httpVersion, headers }: IncomingMessage): boolean {
  return httpVersion === '1.1' && headers.expect?.toLowerCase() === '100-continue'
}

/**
 * A body that tells its length is left to be streamed: the parser holds it to its word. One that does not
 * is read here, up to the limit.
 */
async function isBodyWithinLimit(request: IncomingMessage): Promise<boolean> {
  if (request.headers['transfer-encoding'] === undefined) return true
  const chunks: Buffer[] = []
  let size = 0
  // Left open: the rest of a body that is too large is still to be read and dropped.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxBodyBytes) return false
    chunks.push(chunk)
  }
  // Where Yoga looks for a body that was read before.
  Object.assign(request, { body: Buffer.concat(chunks) })
  return true
}
