import { createHash, createHmac, randomBytes } from 'node:crypto'
import jwt from 'jsonwebtoken'
import { z } from 'zod'
import { createLru } from '../../core/lru.ts'

/** What an access token says: a user, in a session, until a time. */
export interface AccessClaims {
  readonly userId: string
  readonly sessionId: string
  /** In milliseconds since 1970. */
  readonly expiresAt: number
}

/**
 * Access tokens: JSON Web Tokens (RFC 7519, typed as RFC 9068 asks), HS256 and nothing else, with
 * issuer and audience. The first secret signs, all of them verify, so that a secret can be replaced
 * without logging anyone out.
 */
export interface AccessTokens {
  sign(claims: { userId: string; sessionId: string }): { token: string; expiresAt: Date }
  /** Null for a token that is not ours, was changed, or is over. */
  verify(token: string): AccessClaims | 'expired' | 'invalid'
}

const issuer = 'parley'
const audience = 'parley'
const type = 'at+jwt'
const payloadShape = z.object({ sub: z.uuid(), sid: z.uuid(), exp: z.number() })

export function createAccessTokens(options: {
  secrets: readonly string[]
  ttlSeconds: number
}): AccessTokens {
  const [signingSecret] = options.secrets
  if (signingSecret === undefined) throw new Error('At least one secret is needed to sign tokens.')
  // Checking a signature costs more than the rest of a small request; a client sends the same token
  // many times.
  const verified = createLru<AccessClaims>(10_000)

  function check(token: string): AccessClaims | 'expired' | 'invalid' {
    for (const secret of options.secrets) {
      try {
        const { header, payload } = jwt.verify(token, secret, {
          algorithms: ['HS256'],
          issuer,
          audience,
          complete: true,
        })
        const claims = payloadShape.safeParse(payload)
        if (header.typ !== type || !claims.success) return 'invalid'
        return {
          userId: claims.data.sub,
          sessionId: claims.data.sid,
          expiresAt: claims.data.exp * 1000,
        }
      } catch (error) {
        if (error instanceof jwt.TokenExpiredError) return 'expired'
      }
    }
    return 'invalid'
  }

  return {
    sign({ userId, sessionId }) {
      const expiresAt = new Date((Math.floor(Date.now() / 1000) + options.ttlSeconds) * 1000)
      const token = jwt.sign(
        { sub: userId, sid: sessionId, exp: expiresAt.getTime() / 1000 },
        signingSecret,
        {
          algorithm: 'HS256',
          issuer,
          audience,
          header: { alg: 'HS256', typ: type },
        },
      )
      return { token, expiresAt }
    },
    verify(token) {
      const known = verified.get(token)
      if (known !== undefined) return known.expiresAt > Date.now() ? known : 'expired'
      // A token of ours is a few hundred characters; anything longer is not worth a hash.
      const claims = token.length > 2048 ? 'invalid' : check(token)
      if (typeof claims !== 'string') {
        verified.set(token, claims)
      }
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
