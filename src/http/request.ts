import type { IncomingMessage } from 'node:http'
import { uuidv7 } from '../core/ids.ts'
import type { Authenticator } from '../features/auth/sessions.ts'
import { anonymous } from '../features/auth/viewer.ts'
import type { TransportContext } from '../graphql/pipeline.ts'

const bearer = /^Bearer +([\w.~+/-]+=*) *$/i

/** The largest body of a request, in bytes. */
export const maxBodyBytes = 100_000

/** Who is asking, from an `Authorization` value: a header, or a field of `connection_init`. */
export async function authenticate(
  authenticator: Authenticator,
  authorization: string | undefined,
  request: IncomingMessage,
): Promise<TransportContext> {
  const base = {
    requestId: requestIdOf(request),
    userAgent: request.headers['user-agent']?.slice(0, 400) ?? null,
  }
  if (authorization === undefined || authorization === '') {
    return { ...base, principal: anonymous, tokenProblem: null }
  }
  const token = bearer.exec(authorization)?.[1]
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

export type Body = { readonly ok: true; readonly body: Buffer | null } | { readonly ok: false }

/**
 * Reads a body of unknown length up to the limit. One that tells its length is left to be streamed:
 * the parser holds it to its word.
 */
export async function boundBody(request: IncomingMessage): Promise<Body> {
  const length = request.headers['content-length']
  if (length !== undefined) return Number(length) > maxBodyBytes ? { ok: false } : { ok: true, body: null }
  if (request.headers['transfer-encoding'] === undefined) return { ok: true, body: null }
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxBodyBytes) return { ok: false }
    chunks.push(chunk)
  }
  return { ok: true, body: Buffer.concat(chunks) }
}
