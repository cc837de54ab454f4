import { type LogEvent, messageKinds } from '../../src/events/event.ts'
import { clientEventKinds } from '../../src/features/realtime/delivery.ts'

/** One stay in a chat. */
interface Stay {
  /** The entry that tells of the join, which is for them, too. */
  readonly from: number
  /** The entry that tells of the end, which is not; infinite where it stands. */
  to: number
  /** When the change that ended it began, in milliseconds since 1970: before that nothing of it was to be seen. */
  endedAt: number
  /** Nothing about messages up to this sequence. */
  readonly hiddenThrough: number
}

export interface Model {
  /** Whether an entry is for this user at all. */
  may(userId: string, event: LogEvent): boolean
  /**
   * Until when a reader of this user had to have got beyond an entry to have a right to it: infinite where the
   * right stands. In milliseconds since 1970.
   */
  until(userId: string, event: LogEvent): number
  /** Where each session ended in the log. */
  readonly sessionEnds: ReadonlyMap<string, number>
}

const forClients: ReadonlySet<string> = new Set(clientEventKinds)
const aboutMessages: ReadonlySet<string> = new Set(messageKinds)
/** Entries that show somebody's place in the chat, and are left out once there is none. */
const aboutMember: Partial<Record<LogEvent['kind'], 'actorId' | 'subjectId'>> = {
  CHAT_READ: 'actorId',
  MEMBER_ADDED: 'subjectId',
  MEMBER_ROLE_CHANGED: 'subjectId',
}

/**
 * Who may see which entry, by the log and nothing else: the rules of docs/realtime.md once more, from the other end.
 * @param founders who was in each chat when it was made
 */
export function createModel(
  log: readonly LogEvent[],
  founders: ReadonlyMap<string, readonly string[]>,
): Model {
  /** By user and chat. */
  const stays = new Map<string, Map<string, Stay[]>>()
  const sessionEnds = new Map<string, number>()

  function begin(chatId: string, userId: string, from: number, hiddenThrough: number): void {
    const ofUser = stays.get(userId) ?? new Map<string, Stay[]>()
    const stay = { from, to: Number.POSITIVE_INFINITY, endedAt: Number.POSITIVE_INFINITY, hiddenThrough }
    stays.set(userId, ofUser.set(chatId, [...(ofUser.get(chatId) ?? []), stay]))
  }

  function end(chatId: string, userId: string, { position, occurredAt }: LogEvent): void {
    const last = stays.get(userId)?.get(chatId)?.at(-1)
    // A removal tells the others first, and then whoever was removed.
    if (last === undefined || last.to !== Number.POSITIVE_INFINITY) return
    Object.assign(last, { to: position, endedAt: occurredAt.getTime() })
  }

  for (const event of log) {
    const { kind, position, chatId, userId, subjectId, sequence } = event
    if (kind === 'CHAT_CREATED' && chatId !== null) {
      for (const founder of founders.get(chatId) ?? []) begin(chatId, founder, position, 0)
    } else if (kind === 'MEMBER_ADDED' && chatId !== null && subjectId !== null) {
      begin(chatId, subjectId, position, sequence ?? 0)
    } else if (kind === 'MEMBER_REMOVED' && chatId !== null && subjectId !== null) {
      end(chatId, subjectId, event)
    } else if (kind === 'CHAT_DELETED' && userId !== null && subjectId !== null) {
      end(subjectId, userId, event)
    } else if (kind === 'SESSION_REVOKED' && subjectId !== null && !sessionEnds.has(subjectId)) {
      sessionEnds.set(subjectId, position)
    }
  }

  const stayAt = (chatId: string, userId: string, position: number) =>
    stays
      .get(userId)
      ?.get(chatId)
      ?.find(({ from, to }) => from <= position && position < to)

  const visibleStay = (userId: string, event: LogEvent): Stay | undefined => {
    const stay = event.chatId === null ? undefined : stayAt(event.chatId, userId, event.position)
    if (stay === undefined) return undefined
    return aboutMessages.has(event.kind) && (event.sequence ?? 0) <= stay.hiddenThrough ? undefined : stay
  }

  const chatsOf = (userId: string) => [...(stays.get(userId)?.keys() ?? [])]

  const haveShared = (a: string, b: string) =>
    a === b || chatsOf(a).some((chatId) => stays.get(b)?.has(chatId))

  return {
    sessionEnds,
    may(userId, event) {
      if (!forClients.has(event.kind)) return false
      if (event.userId !== null) return event.userId === userId
      // Who shares a chat with whom is asked when it is handed over, which may be before or after they part.
      if (event.peersOf !== null) return haveShared(userId, event.peersOf)
      return visibleStay(userId, event) !== undefined
    },
    until(userId, event) {
      const { chatId, peersOf, position } = event
      if (peersOf !== null && peersOf !== userId) {
        const stand = chatsOf(userId).some((each) =>
          [userId, peersOf].every((id) => stayAt(each, id, position)?.to === Number.POSITIVE_INFINITY),
        )
        return stand ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY
      }
      if (chatId === null) return Number.POSITIVE_INFINITY
      const member = aboutMember[event.kind]
      const other = member === undefined ? null : event[member]
      const ends = [userId, other].map((id) =>
        id === null
          ? Number.POSITIVE_INFINITY
          : (stayAt(chatId, id, position)?.endedAt ?? Number.NEGATIVE_INFINITY),
      )
      return Math.min(...ends)
    },
  }
}
