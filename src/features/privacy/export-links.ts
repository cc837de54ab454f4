import jwt from 'jsonwebtoken'
import { z } from 'zod'

/** What a link says: this export, of this user, asked for in this session. */
export interface ExportLink {
  readonly exportId: string
  readonly userId: string
  readonly sessionId: string
}

/**
 * Links under which an export is downloaded: the link itself is the permission, since a browser that follows
 * one sends no header of ours. Signed as access tokens are, by the first secret, and checked against all;
 * type and audience are others, so that neither passes for the other (RFC 8725, section 3.11).
 */
export interface ExportLinks {
  /** A path on this server, good for 15 minutes. */
  sign(link: ExportLink): string
  /** Null for a token that is not ours, was changed, or is over. */
  verify(token: string): ExportLink | null
}

export const exportsPath = '/exports/'
export const linkMinutes = 15

const issuer = 'parley'
const audience = 'parley-export'
const type = 'export+jwt'
const payloadShape = z.object({ sub: z.uuid(), sid: z.uuid(), export: z.uuid() })

export function createExportLinks(secrets: readonly string[]): ExportLinks {
  const [signingSecret] = secrets
  if (signingSecret === undefined) throw new Error('At least one secret is needed to sign links.')

  function check(token: string, secret: string): ExportLink | null {
    try {
      const { header, payload } = jwt.verify(token, secret, {
        algorithms: ['HS256'],
        issuer,
        audience,
        complete: true,
      })
      const claims = payloadShape.safeParse(payload)
      if (header.typ !== type || !claims.success) return null
      return { exportId: claims.data.export, userId: claims.data.sub, sessionId: claims.data.sid }
    } catch {
      return null
    }
  }

  return {
    sign({ exportId, userId, sessionId }) {
      const token = jwt.sign({ sub: userId, sid: sessionId, export: exportId }, signingSecret, {
        algorithm: 'HS256',
        expiresIn: linkMinutes * 60,
        issuer,
        audience,
        header: { alg: 'HS256', typ: type },
      })
      return exportsPath + token
    },
    verify(token) {
      // One of ours is a few hundred characters; anything longer is not worth a hash.
      if (token.length > 2048) return null
      for (const secret of secrets) {
        const link = check(token, secret)
        if (link !== null) return link
      }
      return null
    },
  }
}
