import type { EventKind } from '../db/generated/prisma/client.ts'

export type { EventKind }

/** One entry of the durable log: ids and small facts, never text. */
export interface LogEvent {
  /** The place in the log; ascending, with holes where a transaction was rolled back. */
  readonly position: number
  readonly kind: EventKind
  /** Members of this chat may see it … */
  readonly chatId: string | null
  /** … or this user alone … */
  readonly userId: string | null
  /** … or this user and whoever shares a chat with them. */
  readonly peersOf: string | null
  readonly actorId: string | null
  readonly subjectId: string | null
  readonly sequence: number | null
  readonly detail: string | null
  readonly occurredAt: Date
}

/** Entries about one message: `sequence` is its number in the chat. */
export const messageKinds = [
  'MESSAGE_ADDED',
  'MESSAGE_EDITED',
  'MESSAGE_DELETED',
  'REACTION_ADDED',
  'REACTION_REMOVED',
] as const satisfies readonly EventKind[]

/** A log row as `pg` hands it over: eight-byte integers come as text. */
export interface EventRow {
  readonly position: string
  readonly kind: EventKind
  readonly chat_id: string | null
  readonly user_id: string | null
  readonly peers_of: string | null
  readonly actor_id: string | null
  readonly subject_id: string | null
  readonly sequence: number | null
  readonly detail: string | null
  readonly created_at: Date
}

export const eventColumns =
  'e.position, e.kind, e.chat_id, e.user_id, e.peers_of, e.actor_id, e.subject_id, e.sequence, e.detail, e.created_at'

export function toLogEvent(row: EventRow): LogEvent {
  return {
    position: Number(row.position),
    kind: row.kind,
    chatId: row.chat_id,
    userId: row.user_id,
    peersOf: row.peers_of,
    actorId: row.actor_id,
    subjectId: row.subject_id,
    sequence: row.sequence,
    detail: row.detail,
    occurredAt: row.created_at,
  }
}
