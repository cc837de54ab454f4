import type { IncomingMessage, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import type { Store } from '../events/store.ts'
import type { ExportLinks } from '../features/privacy/export-links.ts'
import { ExportDeletedError, openDataExport, type StoredExport } from '../features/privacy/exports.ts'
import { accepts } from './pages/send.ts'

/**
 * Answers a request for the export behind a token, if there is one and the client may have it now. A piece is
 * read when the client has taken the one before, and none any more when it has gone or its session has ended.
 */
export type SendExport = (
  request: IncomingMessage,
  response: ServerResponse,
  token: string,
) => Promise<'sent' | 'none' | 'busy'>

/** Each holds a piece and what is made of it, whether the client reads or not. */
const downloadsOfOne = 3
const downloadsAtATime = 30

export function createExportSender(options: {
  store: Store
  links: ExportLinks
  onSessionRevoked: (listener: (sessionId: string) => void) => () => void
  /** How long a client may take nothing until it counts as gone, in milliseconds. @default a minute */
  idleMs?: number
}): SendExport {
  const { store, links, onSessionRevoked, idleMs = 60_000 } = options
  const downloads = new Map<string, number>()
  let underWay = 0

  return async (request, response, token) => {
    const link = links.verify(token)
    if (link === null) return 'none'
    const ofUser = downloads.get(link.userId) ?? 0
    if (ofUser >= downloadsOfOne || underWay >= downloadsAtATime) return 'busy'
    downloads.set(link.userId, ofUser + 1)
    underWay++
    // An answer that waits behind another on the same connection hears nothing of its own: ask the connection.
    const departure = new AbortController()
    const depart = () => departure.abort()
    const { socket } = request
    socket.once('close', depart)
    const stopListening = onSessionRevoked((sessionId) => {
      if (sessionId === link.sessionId) depart()
    })
    try {
      if (socket.destroyed) return 'none'
      const stored = await openDataExport(store, link)
      if (stored === null) return 'none'
      await sendStored(stored, request, response, departure)
      return 'sent'
    } finally {
      socket.off('close', depart)
      stopListening()
      underWay--
      const left = (downloads.get(link.userId) ?? 1) - 1
      if (left > 0) downloads.set(link.userId, left)
      else downloads.delete(link.userId)
    }
  }

  async function sendStored(
    stored: StoredExport,
    request: IncomingMessage,
    response: ServerResponse,
    departure: AbortController,
  ): Promise<void> {
    const compressed = accepts(request, 'gzip')
    response.writeHead(200, headersOf(stored, compressed))
    if (request.method === 'HEAD') {
      response.end()
      return
    }
    const { signal } = departure
    // By the bytes that the client takes, however slow it is: a piece may be large for it.
    response.setTimeout(idleMs, () => departure.abort())
    const { pieces } = stored
    try {
      if (compressed) await pipeline(pieces, response, { signal })
      else await pipeline(pieces, createGunzip({ chunkSize: 65_536 }), response, { signal })
    } catch (error) {
      // The answer is cut short, and its length tells the client so.
      if (!isDeparture(error)) throw error
      response.destroy()
    }
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
    vary: 'Origin, Accept-Encoding',
  }
}

const departures: ReadonlySet<unknown> = new Set(['ERR_STREAM_PREMATURE_CLOSE', 'ABORT_ERR'])

/** The client went away, or the export did: nothing that anyone has to look into. */
function isDeparture(error: unknown): boolean {
  return error instanceof ExportDeletedError || departures.has((error as NodeJS.ErrnoException).code)
}
