import { createHash } from 'node:crypto'
import { RequestError } from '../core/errors.ts'
import type { LogState } from './log-state.ts'

/**
 * Places in the log, as clients hold them. A cursor names the log and the epoch that it came from: one of another
 * database, or from what this one had after the copy that was restored, is refused instead of skipping in silence
 * what its number does not cover here.
 */
export interface LogCursors {
  encode(position: number): string
  /** @throws RequestError `CURSOR_EXPIRED` where it is none at all */
  parse(cursor: string): { position: number; origin: string }
  /** What a cursor of this position has for its origin here. */
  originOf(position: number): string
}

/** @param epochAt the id of the epoch that a position lies in; empty before the first */
export function createLogCursors(
  { identity, timeline }: Pick<LogState, 'identity' | 'timeline'>,
  epochAt: (position: number) => string,
): LogCursors {
  const origins = new Map<string, string>()
  const [cluster, database] = identity.split(':')
  // Cursors that were given out before there were epochs are good for as long as the log goes back.
  const beforeEpochs = `${cluster}:${database}:${Number.parseInt(timeline, 16)}`

  function originOf(position: number): string {
    const epoch = epochAt(position)
    const known = origins.get(epoch)
    if (known !== undefined) return known
    const named = epoch === '' ? beforeEpochs : `${identity}:${epoch}`
    const origin = createHash('sha256').update(named).digest('base64url').slice(0, 8)
    origins.set(epoch, origin)
    return origin
  }

  return {
    encode: (position) => Buffer.from(`e|${originOf(position)}|${position}`).toString('base64url'),
    parse(cursor) {
      const [tag, origin, position, ...rest] = Buffer.from(cursor, 'base64url').toString('utf8').split('|')
      const known = tag === 'e' && origin !== undefined && rest.length === 0
      if (!known || position === undefined || !/^\d{1,15}$/.test(position)) throw cursorExpired()
      return { position: Number(position), origin }
    },
    originOf,
  }
}

/** What a client gets that asks for what the log does not have, and what there is to do. */
export function cursorExpired(): RequestError {
  return new RequestError(
    'CURSOR_EXPIRED',
    'The log cannot be read from this cursor. Fetch the current state, then continue from `viewer.eventCursor`.',
  )
}
