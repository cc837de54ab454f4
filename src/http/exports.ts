import type { IncomingMessage, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import type { Store } from '../events/store.ts'
import type { ExportLinks } from '../features/privacy/export-links.ts'
import { ExportDeletedError, openDataExport, type StoredExport } from '../features/privacy/exports.ts'
import { accepts } from './pages/send.ts'

/**
 * Answers a request for the export behind a token; false when there is none, for whatever reason. A piece is
 * read when the client has taken the one before, and none any more when it has gone.
 */
export type SendExport = (
  request: IncomingMessage,
  response: ServerResponse,
  token: string,
) => Promise<boolean>

export function createExportSender(options: {
  store: Store
  links: ExportLinks
  /** How long a client may take nothing until it counts as gone, in milliseconds. @default a minute */
  idleMs?: number
}): SendExport {
  const { store, links, idleMs = 60_000 } = options
  return async (request, response, token) => {
    const link = links.verify(token)
    const stored = link === null ? null : await openDataExport(store, link)
    if (stored === null) return false
    const compressed = accepts(request, 'gzip')
    response.writeHead(200, headersOf(stored, compressed))
    if (request.method === 'HEAD') {
      response.end()
      return true
    }
    response.setTimeout(idleMs, () => response.destroy())
    try {
      if (compressed) await pipeline(stored.pieces, response)
      else await pipeline(stored.pieces, createGunzip({ chunkSize: 65_536 }), response)
    } catch (error) {
      // The answer is cut short, and its length tells the client so.
      if (!isDeparture(error)) throw error
    }
    return true
  }
}

function headersOf({ readyAt, size, storedSize }: StoredExport, compressed: boolean) {
  const day = readyAt.toISOString().slice(0, 10)
  return {
    'content-type': 'application/json',
    'content-disposition': `attachment; filename="parley-export-${day}.json"`,
    'content-length': compressed ? storedSize : size,
    ...(compressed && { 'content-encoding': 'gzip' }),
    'cache-control': 'no-store',
    vary: 'accept-encoding',
  }
}

/** The client went away, or the export did: nothing that anyone has to look into. */
function isDeparture(error: unknown): boolean {
  return (
    error instanceof ExportDeletedError ||
    (error as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE'
  )
}
