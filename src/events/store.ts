import type { KeyedHash } from '../core/keyed-hash.ts'
import { createTurns, type Turns } from '../core/turns.ts'
import type { Database, Statement, Transaction } from '../db/client.ts'
import type { EventKind } from '../db/generated/prisma/client.ts'
import { isDeadlock } from '../db/violations.ts'
import type { Bell } from './bell.ts'

/** What an action appends: who may see it (one of `chatId`, `userId` and `peersOf`) and what it speaks of. */
export interface NewEvent {
  readonly kind: EventKind
  readonly chatId?: string
  readonly userId?: string
  readonly peersOf?: string
  readonly actorId?: string
  readonly subjectId?: string
  readonly sequence?: number
  readonly detail?: string
}

export interface WriteTransaction {
  readonly prisma: Transaction
  /**
   * Adds to the log, in this transaction: the change and its event are committed together or not at
   * all. Call it after the chat's row is locked, so that the log follows the order of the changes.
   */
  append(event: NewEvent): Promise<void>
}

/** Where actions read and write. */
export interface Store {
  readonly prisma: Database['prisma']
  query: Database['query']
  /** For what must be recognised and not be kept. */
  readonly keyedHash: KeyedHash
  /**
   * One transaction; the bell rings after the commit. Where it meets another in a deadlock it is begun
   * anew, so `work` must do nothing that the transaction does not undo.
   * @param options.timeoutMs how long it may take. @default 5 s
   */
  write<Result>(
    work: (tx: WriteTransaction) => Promise<Result>,
    options?: { timeoutMs?: number },
  ): Promise<Result>
  /** For writes that would wait for each other in the database: only one of them has a connection meanwhile. */
  inTurn: Turns
  /** One statement that writes rows and their events by itself; the bell rings after it. */
  writeStatement<Row extends object>(statement: Statement, values: readonly unknown[]): Promise<Row[]>
}

export function createStore(database: Database, bell: Bell, keyedHash: KeyedHash): Store {
  return {
    keyedHash,
    inTurn: createTurns(),
    prisma: database.prisma,
    query: database.query,
    async write(work, { timeoutMs = 5_000 } = {}) {
      const attempt = () =>
        database.prisma.$transaction(
          (prisma) =>
            work({
              prisma,
              append: async (event) => {
                await prisma.event.create({ data: event, select: { position: true } })
              },
            }),
          { timeout: timeoutMs, maxWait: connectionWaitMs },
        )
      const result = await againAfterDeadlock(attempt)
      bell.ring()
      return result
    },
    async writeStatement<Row extends object>(statement: Statement, values: readonly unknown[]) {
      const rows = await againAfterDeadlock(() => database.query<Row>(statement, values))
      if (rows.length > 0) bell.ring()
      return rows
    },
  }
}

const attempts = 3
/** As long as a statement outside a transaction waits for a connection. */
const connectionWaitMs = 5_000

async function againAfterDeadlock<Result>(attempt: () => Promise<Result>): Promise<Result> {
  for (let left = attempts - 1; ; left--) {
    try {
      return await attempt()
    } catch (error) {
      if (left === 0 || !isDeadlock(error)) throw error
    }
  }
}
