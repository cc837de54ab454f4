import { decodeBounds, encodeCursor } from '../../core/cursor.ts'
import { RateLimitedError, unauthenticated } from '../../core/errors.ts'
import { uuidv7 } from '../../core/ids.ts'
import { type Connection, type PageArgs, parsePageArgs, toConnection } from '../../core/pages.ts'
import type { DataExport } from '../../db/generated/prisma/client.ts'
import type { Store } from '../../events/store.ts'
import type { Viewer } from '../auth/viewer.ts'
import type { ExportLink, ExportLinks } from './export-links.ts'

/** What exports take beside the database. */
export interface DataExports {
  readonly links: ExportLinks
  /** There is one to be built. */
  wake(): void
}

/** How many exports an account may have begun within a day. */
export const exportsPerDay = 3
const dayMs = 86_400_000

/**
 * An export of the viewer's that is not there yet: the one that is being built, or a new one. The account's
 * row is locked, so that of any number of requests at once one begins an export and the others find it.
 * @throws RateLimitedError for a fourth one within 24 hours
 */
export async function requestDataExport(
  store: Store,
  dataExports: DataExports,
  viewer: Viewer,
): Promise<DataExport> {
  const { userId } = viewer
  const requested = await store.prisma.$transaction(async (tx) => {
    const [locked] = await tx.$queryRaw<{ now: Date }[]>`
      SELECT now() AS now FROM users WHERE id = ${userId}::uuid FOR NO KEY UPDATE`
    // Erased since the request was let in.
    if (locked === undefined) throw unauthenticated()
    const aDayAgo = new Date(locked.now.getTime() - dayMs)
    const recent = await tx.dataExport.findMany({
      where: { userId, OR: [{ status: 'PENDING' }, { requestedAt: { gt: aDayAgo } }] },
      orderBy: { id: 'desc' },
      take: exportsPerDay,
    })
    const pending = recent.find((each) => each.status === 'PENDING')
    if (pending !== undefined) return pending
    const oldest = recent[exportsPerDay - 1]
    if (oldest !== undefined) {
      throw new RateLimitedError(oldest.requestedAt.getTime() - aDayAgo.getTime())
    }
    return tx.dataExport.create({ data: { id: uuidv7(), userId } })
  })
  dataExports.wake()
  return requested
}

const ofViewer = (viewer: Viewer) => ({
  userId: viewer.userId,
  OR: [{ expiresAt: null }, { expiresAt: { gt: new Date() } }],
})

/** The viewer's exports that are not gone, newest first. */
export async function listDataExports(
  store: Store,
  viewer: Viewer,
  args: PageArgs,
): Promise<Connection<DataExport>> {
  const page = parsePageArgs(args)
  const { after, before } = decodeBounds('x', page, ['uuid'])
  const rows = await store.prisma.dataExport.findMany({
    where: { ...ofViewer(viewer), id: { ...(after && { lt: after[0] }), ...(before && { gt: before[0] }) } },
    orderBy: { id: page.backward ? 'asc' : 'desc' },
    take: page.limit + 1,
  })
  return toConnection(rows, page, (node) => ({ cursor: encodeCursor('x', node.id), node }))
}

/** Those of the viewer's exports, by id, that are not gone. */
export async function findDataExports(
  store: Store,
  viewer: Viewer,
  ids: readonly string[],
): Promise<Map<string, DataExport>> {
  const rows = await store.prisma.dataExport.findMany({
    where: { ...ofViewer(viewer), id: { in: [...ids] } },
  })
  return new Map(rows.map((row) => [row.id, row]))
}

/** A finished export as it is stored: gzip, in pieces. */
export interface StoredExport {
  readonly readyAt: Date
  /** Bytes of the document. */
  readonly size: number
  /** Bytes of the gzip stream. */
  readonly storedSize: number
  /** Reads a piece when it is asked for. It ends early, by a throw, when the export is deleted meanwhile. */
  readonly pieces: AsyncIterable<Buffer>
}

const findStored = {
  name: 'data_exports_find_stored',
  text: `SELECT e.ready_at, e.size::float8 AS size, c.count, c.stored_size FROM data_exports e
    JOIN users u ON u.id = e.user_id AND u.active
    JOIN sessions s ON s.id = $3 AND s.user_id = u.id AND s.revoked_at IS NULL AND s.expires_at > now()
    CROSS JOIN LATERAL (
      SELECT count(*)::int AS count, sum(octet_length(data))::float8 AS stored_size
      FROM data_export_chunks WHERE export_id = e.id
    ) c
    WHERE e.id = $1 AND e.user_id = $2 AND e.status = 'READY' AND e.expires_at > now()`,
}

const readPiece = {
  name: 'data_exports_read_piece',
  // With every piece anew: a download does not outlive the session that asked for it.
  text: `SELECT c.data FROM data_export_chunks c JOIN data_exports e ON e.id = c.export_id
    JOIN users u ON u.id = e.user_id AND u.active
    JOIN sessions s ON s.id = $3 AND s.user_id = u.id AND s.revoked_at IS NULL
    WHERE c.export_id = $1 AND c.number = $2`,
}

/**
 * The export behind a link that was verified, or null: for one that is gone, one of a disabled account, and
 * a link from a session that has ended.
 */
export async function openDataExport(store: Store, link: ExportLink): Promise<StoredExport | null> {
  const [found] = await store.query<{ ready_at: Date; size: number; count: number; stored_size: number }>(
    findStored,
    [link.exportId, link.userId, link.sessionId],
  )
  if (found === undefined) return null
  return {
    readyAt: found.ready_at,
    size: found.size,
    storedSize: found.stored_size,
    pieces: readPieces(store, link, found.count),
  }
}

async function* readPieces(store: Store, link: ExportLink, count: number): AsyncGenerator<Buffer> {
  for (let number = 0; number < count; number++) {
    const [piece] = await store.query<{ data: Buffer }>(readPiece, [link.exportId, number, link.sessionId])
    if (piece === undefined) throw new ExportDeletedError()
    yield piece.data
  }
}

/** An export went while it was being read (replaced, expired, erased with its account), or the session ended. */
export class ExportDeletedError extends Error {
  override readonly name = 'ExportDeletedError'
}
