import jwt from 'jsonwebtoken'
import type { z } from 'zod'

/**
 * JSON Web Tokens (RFC 7519) of one kind: HS256 and nothing else, with issuer, audience and type, so that none
 * passes for one of another kind (RFC 8725, section 3.11). The first secret signs, all of them verify: a secret
 * can be replaced while tokens of the old one are about.
 */
export interface SignedTokens<Claims> {
  /** @param expiresAt in seconds since 1970, as the claim has it */
  sign(claims: Readonly<Record<string, unknown>>, expiresAt: number): string
  verify(token: string): Claims | 'expired' | 'invalid'
}

const issuer = 'parley'

/** A token of ours has a few hundred characters; anything longer is not worth a hash. */
const longestToken = 2048

export function createSignedTokens<Shape extends z.ZodType>(options: {
  secrets: readonly string[]
  audience: string
  type: string
  /** What the payload must be. */
  shape: Shape
}): SignedTokens<z.output<Shape>> {
  const { secrets, audience, type, shape } = options
  const [signingSecret] = secrets
  if (signingSecret === undefined) throw new Error('At least one secret is needed to sign tokens.')

  return {
    sign: (claims, expiresAt) =>
      jwt.sign({ ...claims, exp: expiresAt }, signingSecret, {
        algorithm: 'HS256',
        issuer,
        audience,
        header: { alg: 'HS256', typ: type },
      }),
    verify(token) {
      if (token.length > longestToken) return 'invalid'
      for (const secret of secrets) {
        try {
          const verified = jwt.verify(token, secret, {
            algorithms: ['HS256'],
            issuer,
            audience,
            complete: true,
          })
          const claims = shape.safeParse(verified.payload)
          return verified.header.typ === type && claims.success ? claims.data : 'invalid'
        } catch (error) {
          if (error instanceof jwt.TokenExpiredError) return 'expired'
        }
      }
      return 'invalid'
    },
  }
}
