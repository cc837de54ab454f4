import type { IncomingMessage } from 'node:http'
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
  readonly status: 400 | 413 | 415
  readonly code: 'BAD_REQUEST' | 'REQUEST_TOO_LARGE' | 'UNSUPPORTED_MEDIA_TYPE'
  readonly message: string
}

const json = /^application\/(json|graphql\+json)\s*(;|$)/i

/**
 * What GraphQL's own HTTP layer would answer too kindly (forms, which a page of any origin may post) or
 * too late (bodies without end).
 */
export async function checkRequest(request: IncomingMessage): Promise<RequestProblem | null> {
  if (request.method === 'GET') return checkParameters(request)
  if (!json.test(request.headers['content-type'] ?? '')) {
    return { status: 415, code: 'UNSUPPORTED_MEDIA_TYPE', message: 'Send the request as application/json.' }
  }
  // Yoga looks for it in lower case, and without a space before its parameters.
  request.headers['content-type'] = 'application/json'
  if (await isBodyWithinLimit(request)) return null
  const message = `The request body is too large: at most ${maxBodyBytes.toLocaleString('en')} bytes.`
  return { status: 413, code: 'REQUEST_TOO_LARGE', message }
}

function checkParameters(request: IncomingMessage): RequestProblem | null {
  const parameters = new URL(request.url ?? '', 'http://localhost').searchParams
  for (const name of ['variables', 'extensions']) {
    if (!isJsonObject(parameters.get(name))) {
      return { status: 400, code: 'BAD_REQUEST', message: `The parameter ${name} must be a JSON object.` }
    }
  }
  return null
}

function isJsonObject(text: string | null): boolean {
  if (text === null || text === '') return true
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && !Array.isArray(value)
  } catch {
    return false
  }
}

/**
 * A body that tells its length is left to be streamed: the parser holds it to its word. One that does not
 * is read here, up to the limit.
 */
async function isBodyWithinLimit(request: IncomingMessage): Promise<boolean> {
  const length = request.headers['content-length']
  if (length !== undefined) return Number(length) <= maxBodyBytes
  if (request.headers['transfer-encoding'] === undefined) return true
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxBodyBytes) return false
    chunks.push(chunk)
  }
  // Where Yoga looks for a body that was read before.
  Object.assign(request, { body: Buffer.concat(chunks) })
  return true
}
