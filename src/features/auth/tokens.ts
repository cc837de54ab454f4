import { createHash, createHmac, randomBytes } from 'node:crypto'
import { z } from 'zod'
import { createLru } from '../../core/lru.ts'
import { createSignedTokens } from '../../core/signed-tokens.ts'

/** What an access token says: a user, in a session, until a time. */
export interface AccessClaims {
  readonly userId: string
  readonly sessionId: string
  /** In milliseconds since 1970. */
  readonly expiresAt: number
}

/** Access tokens, typed as RFC 9068 asks. */
export interface AccessTokens {
  sign(claims: { userId: string; sessionId: string }): { token: string; expiresAt: Date }
  verify(token: string): AccessClaims | 'expired' | 'invalid'
}

const payloadShape = z.object({ sub: z.uuid(), sid: z.uuid(), exp: z.number() })

export function createAccessTokens(options: {
  secrets: readonly string[]
  ttlSeconds: number
}): AccessTokens {
  const { secrets, ttlSeconds } = options
  const tokens = createSignedTokens({ secrets, audience: 'parley', type: 'at+jwt', shape: payloadShape })
  // Checking a signature costs more than the rest of a small request; a client sends the same token
  // many times.
  const verified = createLru<AccessClaims>(10_000)

  return {
    sign({ userId, sessionId }) {
      const expiresAt = Math.floor(Date.now() / 1000) + ttlSeconds
      const token = tokens.sign({ sub: userId, sid: sessionId }, expiresAt)
      return { token, expiresAt: new Date(expiresAt * 1000) }
    },
    verify(token) {
      const known = verified.get(token)
      if (known !== undefined) return known.expiresAt > Date.now() ? known : 'expired'
      const payload = tokens.verify(token)
      if (typeof payload === 'string') return payload
      const claims = { userId: payload.sub, sessionId: payload.sid, expiresAt: payload.exp * 1000 }
      verified.set(token, claims)
      return claims
    },
  }
}

/** 256 bits of randomness, as bytes. */
export function randomSecret(): Uint8Array<ArrayBuffer> {
  return new Uint8Array(randomBytes(32))
}

/** The first refresh token of a session: 256 random bits for the client, of which only a hash is kept. */
export function createRefreshToken(): string {
  return randomBytes(32).toString('base64url')
}

/**
 * The refresh token after this one. It is derived from the token and a secret of its session, so that
 * the answer to a lost request can be repeated although the token itself is not stored; without both it
 * is as good as random.
 */
export function succeedRefreshToken(token: string, sessionSecret: Uint8Array): string {
  return createHmac('sha256', sessionSecret).update(token).digest('base64url')
}

export function hashRefreshToken(token: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHash('sha256').update(token).digest())
}
