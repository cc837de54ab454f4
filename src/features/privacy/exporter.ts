import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import type { Logger } from '../../core/logger.ts'
import { createWorker, type Worker } from '../../core/worker.ts'
import type { Database } from '../../db/client.ts'
import { exportDocument } from './export-document.ts'

/** How often building an export may fail, or die with its process, until it is given up. */
const maxAttempts = 5
export const keptDays = 7
const pieceBytes = 1_048_576
const pollMs = 30_000

/**
 * Builds the exports that are asked for, one after the other, and deletes those that are over. At its disposal
 * an export that is half done is dropped, for another process to begin anew.
 * @param database connections for this alone: one is held for as long as an export takes
 */
export function createExporter({ database, logger }: { database: Database; logger: Logger }): Worker {
  const stop = new AbortController()
  const cleaner = createWorker({
    name: 'expired data exports',
    step: () => deleteExpired(database),
    pollMs,
    logger,
  })
  const builder = createWorker({
    name: 'data exports',
    step: async () => {
      while (await buildNext(database, logger, stop.signal)) cleaner.wake()
      return false
    },
    pollMs,
    logger,
  })
  return {
    wake() {
      builder.wake()
      cleaner.wake()
    },
    async dispose() {
      stop.abort()
      await Promise.all([builder.dispose(), cleaner.dispose()])
    },
  }
}

/**
 * The oldest that nobody else builds. The lock belongs to the transaction that reads the document: it is free
 * again as soon as that ends, also with a process that crashed. It locks no row, so that an account may be
 * erased meanwhile.
 */
const lockNext = {
  name: 'exporter_lock_next',
  text: `SELECT id FROM (SELECT id FROM data_exports WHERE status = 'PENDING' ORDER BY id LIMIT 100) pending
    WHERE pg_try_advisory_xact_lock(72707372, hashtext(id::text)) LIMIT 1`,
}

/** The number of the attempt is what a process that lost the lock without noticing is told by. */
const beginAttempt = {
  name: 'exporter_begin_attempt',
  text: `UPDATE data_exports SET attempts = attempts + 1 WHERE id = $1 AND status = 'PENDING'
    RETURNING id, user_id AS "userId", attempts`,
}

interface Attempt {
  readonly id: string
  readonly userId: string
  readonly attempts: number
}

const ofAttempt = `id = $1 AND attempts = $2 AND status = 'PENDING'`

/** The export is not ours to build any more: it went with its account, or another process began anew. */
class LostExportError extends Error {
  override readonly name = 'LostExportError'
}

/** @returns whether there was one, and may be another */
function buildNext(database: Database, logger: Logger, signal: AbortSignal): Promise<boolean> {
  return database.snapshot(async (query) => {
    signal.throwIfAborted()
    const [next] = await query<{ id: string }>(lockNext, [])
    if (next === undefined) return false
    const [attempt] = await database.query<Attempt>(beginAttempt, [next.id])
    // Finished by another process between our snapshot and our lock.
    if (attempt === undefined) return true
    await deletePieces(database, attempt)
    if (attempt.attempts > maxAttempts) {
      logger.error({ exportId: attempt.id }, 'a data export was given up')
      await database.query(giveUp, [attempt.id, attempt.attempts])
      return true
    }
    try {
      await build(database, query, attempt, signal)
    } catch (error) {
      if (!(error instanceof LostExportError)) throw error
    }
    return true
  })
}

async function build(
  database: Database,
  query: Database['query'],
  attempt: Attempt,
  signal: AbortSignal,
): Promise<void> {
  const document = await exportDocument(query, attempt.userId)
  if (document === null) return
  let size = 0
  async function* measured(text: AsyncIterable<string>): AsyncGenerator<Buffer> {
    for await (const part of text) {
      signal.throwIfAborted()
      const bytes = Buffer.from(part)
      size += bytes.length
      yield bytes
    }
  }
  // In large steps: each waits for its turn of the event loop, and the reading connection must not idle.
  const gzip = createGzip({ chunkSize: pieceBytes })
  await pipeline(measured(document), gzip, async (compressed: AsyncIterable<Buffer>) => {
    let number = 0
    for await (const data of inPieces(compressed)) await write(savePiece, [number++, data])
  })
  await write(finish, [size])

  async function write(statement: typeof savePiece, values: readonly unknown[]): Promise<void> {
    const rows = await database.query(statement, [attempt.id, attempt.attempts, ...values])
    if (rows.length === 0) throw new LostExportError()
  }
}

/** The same bytes in pieces of a megabyte, the last one shorter. */
async function* inPieces(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let held: Buffer[] = []
  let size = 0
  for await (const part of stream) {
    held.push(part)
    size += part.length
    if (size < pieceBytes) continue
    yield Buffer.concat(held)
    held = []
    size = 0
  }
  yield Buffer.concat(held)
}

/** Waits for whoever begins anew at this moment, and then adds nothing. */
const savePiece = {
  name: 'exporter_save_piece',
  text: `WITH mine AS (SELECT id FROM data_exports WHERE ${ofAttempt} FOR SHARE)
    INSERT INTO data_export_chunks (export_id, number, data) SELECT id, $3, $4 FROM mine RETURNING number`,
}

/** It is there, and takes the place of the one before. */
const finish = {
  name: 'exporter_finish',
  text: `WITH finished AS (
      UPDATE data_exports SET status = 'READY', size = $3, ready_at = now(),
        expires_at = now() + interval '${keptDays} days'
      WHERE ${ofAttempt} RETURNING id, user_id
    ), replaced AS (
      UPDATE data_exports e SET expires_at = now() FROM finished
      WHERE e.user_id = finished.user_id AND e.id <> finished.id AND e.expires_at > now()
    )
    SELECT id FROM finished`,
}

const giveUp = {
  name: 'exporter_give_up',
  text: `UPDATE data_exports SET status = 'FAILED', expires_at = now() + interval '${keptDays} days'
    WHERE ${ofAttempt}`,
}

/** What an earlier attempt left behind. */
async function deletePieces(database: Database, { id }: Attempt): Promise<void> {
  while ((await database.query(deleteSomePieces, [id])).length > 0);
}

const deleteSomePieces = {
  name: 'exporter_delete_pieces',
  text: `DELETE FROM data_export_chunks WHERE export_id = $1
    AND number IN (SELECT number FROM data_export_chunks WHERE export_id = $1 LIMIT 20) RETURNING 1`,
}

const deleteExpiredPieces = {
  name: 'exporter_delete_expired_pieces',
  text: `DELETE FROM data_export_chunks WHERE (export_id, number) IN (
      SELECT c.export_id, c.number FROM data_exports e JOIN data_export_chunks c ON c.export_id = e.id
      WHERE e.expires_at <= now() LIMIT 20
    ) RETURNING 1`,
}

/** A row is what the limit of a day is counted by, so it outlives its document that long. */
const deleteExpiredRows = {
  name: 'exporter_delete_expired_rows',
  text: `DELETE FROM data_exports WHERE id IN (
      SELECT id FROM data_exports WHERE expires_at <= now() AND requested_at <= now() - interval '1 day' LIMIT 100
    ) RETURNING 1`,
}

/** @returns whether there may be more */
async function deleteExpired(database: Database): Promise<boolean> {
  if ((await database.query(deleteExpiredPieces, [])).length > 0) return true
  return (await database.query(deleteExpiredRows, [])).length > 0
}
