import { isDeadlock } from './violations.ts'

/**
 * What Postgres, its driver and Prisma say when there is no database to talk to right now, or no getting through, and
 * what a process says that is about to end.
 */
const codes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  // Connection exceptions, shutting down, starting up, too many connections, a transaction that idled.
  '08000',
  '08001',
  '08003',
  '08006',
  '25P03',
  '53300',
  // A row that was locked for too long.
  '55P03',
  '57P01',
  '57P02',
  '57P03',
  'P1001',
  'P1002',
  'P1008',
  'P1017',
  'P2024',
  // No connection became free for a transaction.
  'P2028',
])
/** Prisma tells the code of a statement of ours in words alone. */
const codeInWords = /Code: `(\w{5})`/
const words =
  /Connection terminated|timeout exceeded when trying to connect|Query read timeout|not (?:currently|yet) accepting connections|Can't reach database server|Client has encountered a connection error|Cannot use a pool after calling end/

/** Whether an operation failed for want of a database, so that trying again later is all there is to do. */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code, cause } = error as { code?: unknown; cause?: unknown }
  return (
    (typeof code === 'string' && codes.has(code)) ||
    codes.has(codeInWords.exec(error.message)?.[1] ?? '') ||
    isDeadlock(error) ||
    words.test(error.message) ||
    isDatabaseUnavailable(cause)
  )
}
