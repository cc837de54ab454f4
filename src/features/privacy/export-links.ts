import { z } from 'zod'
import { createSignedTokens } from '../../core/signed-tokens.ts'

/** What a link says: this export, of this user, asked for in this session. */
export interface ExportLink {
  readonly exportId: string
  readonly userId: string
  readonly sessionId: string
}

/**
 * Links under which an export is downloaded: the link itself is the permission, since a browser that follows
 * one sends no header of ours.
 */
export interface ExportLinks {
  /** A path on this server, good for 15 minutes. */
  sign(link: ExportLink): string
  /** Null for a token that is not ours, was changed, or is over. */
  verify(token: string): ExportLink | null
}

export const exportsPath = '/exports/'
export const linkMinutes = 15

const payloadShape = z.object({ sub: z.uuid(), sid: z.uuid(), export: z.uuid() })

export function createExportLinks(secrets: readonly string[]): ExportLinks {
  const tokens = createSignedTokens({
    secrets,
    audience: 'parley-export',
    type: 'export+jwt',
    shape: payloadShape,
  })
  return {
    sign({ exportId, userId, sessionId }) {
      const expiresAt = Math.floor(Date.now() / 1000) + linkMinutes * 60
      return exportsPath + tokens.sign({ sub: userId, sid: sessionId, export: exportId }, expiresAt)
    },
    verify(token) {
      const payload = tokens.verify(token)
      if (typeof payload === 'string') return null
      return { exportId: payload.export, userId: payload.sub, sessionId: payload.sid }
    },
  }
}
