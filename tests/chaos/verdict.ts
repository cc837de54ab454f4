import { toGlobalId } from '../../src/core/ids.ts'
import { type LogEvent, messageKinds } from '../../src/events/event.ts'
import type { Model } from './model.ts'
import type { Heard, Recording } from './readers.ts'

/** What was wrong with what the readers got, each in words. */
export interface Verdict {
  readonly lost: string[]
  readonly repeated: string[]
  readonly outOfOrder: string[]
  readonly unauthorised: string[]
  /** Not what the log says at this position. */
  readonly altered: string[]
}

/** How long a request may have been on its way in that was answered after its session's end, in milliseconds. */
const requestGraceMs = 1_000

/**
 * Holds what a reader got against the log.
 * @param dropped positions that the log does not have any more
 */
export function judge(
  recording: Recording,
  { log, dropped }: { log: readonly LogEvent[]; dropped: ReadonlySet<number> },
  model: Model,
): Verdict {
  const verdict: Verdict = { lost: [], repeated: [], outOfOrder: [], unauthorised: [], altered: [] }
  const byPosition = new Map(log.map((event) => [event.position, event]))
  const seen = new Set<number>()
  let last = recording.start
  for (const heard of recording.heard) {
    const { position } = heard
    const told = `${recording.name}: ${heard.type} at ${position}`
    if (heard.type === 'CaughtUp') {
      // Whatever lies up to there has been handed over.
      if (position < last) verdict.outOfOrder.push(`${told} after ${last}`)
      last = Math.max(last, position)
      continue
    }
    if (seen.has(position)) verdict.repeated.push(told)
    else if (position <= last) verdict.outOfOrder.push(`${told} after ${last}`)
    seen.add(position)
    last = Math.max(last, position)
    const event = byPosition.get(position)
    if (event === undefined || !agrees(heard, event)) verdict.altered.push(told)
    if (event !== undefined && !isFor(recording, event, model)) verdict.unauthorised.push(told)
    else if (isAfterSession(heard, recording, model)) verdict.unauthorised.push(`${told} after its session`)
  }
  const expected = expectedOf(recording, { log, dropped }, model)
  for (const { kind, position } of expected) {
    if (!seen.has(position)) verdict.lost.push(`${recording.name}: ${kind} at ${position}`)
  }
  return verdict
}

/** What a reader must have got by the end. */
export function expectedOf(
  recording: Recording,
  { log, dropped }: { log: readonly LogEvent[]; dropped: ReadonlySet<number> },
  model: Model,
): LogEvent[] {
  const progress = progressOf(recording)
  return log.filter((event) => {
    const { position } = event
    if (position <= recording.start || dropped.has(position) || !isFor(recording, event, model)) return false
    const until = model.until(recording.userId, event)
    // Where the right has ended: whoever had got further before was to have had it.
    return until === Number.POSITIVE_INFINITY || progress(until) >= position
  })
}

function isFor({ userId, chatId }: Recording, event: LogEvent, model: Model): boolean {
  if (chatId !== null && (event.kind !== 'MESSAGE_ADDED' || event.chatId !== chatId)) return false
  return model.may(userId, event)
}

/** How far a reader had come before a time. */
function progressOf({ heard, marks }: Recording): (before: number) => number {
  const steps = [...heard, ...marks].sort((a, b) => a.at - b.at || a.position - b.position)
  const positions: number[] = []
  for (const { position } of steps) positions.push(Math.max(position, positions.at(-1) ?? 0))
  return (before) => {
    let low = 0
    let high = steps.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((steps[middle]?.at ?? 0) < before) low = middle + 1
      else high = middle
    }
    return positions[low - 1] ?? 0
  }
}

/** A stream hears nothing from the end of its session on; a request that was on its way then may be answered. */
function isAfterSession(
  { position, sessionId, asked }: Heard,
  { revoked }: Recording,
  model: Model,
): boolean {
  if (position <= (model.sessionEnds.get(sessionId) ?? Number.POSITIVE_INFINITY)) return false
  return asked === null || asked > (revoked.get(sessionId) ?? Number.POSITIVE_INFINITY) + requestGraceMs
}

const aboutMessages: ReadonlySet<string> = new Set(messageKinds)

function agrees({ type, chat, subject }: Heard, event: LogEvent): boolean {
  const { kind, chatId, actorId, subjectId } = event
  if (type.toUpperCase() !== kind.replaceAll('_', '')) return false
  // Of a blocked chat the reader's own devices alone hear how far they have read.
  const isPrivate = kind === 'CHAT_DELETED' || (kind === 'CHAT_READ' && chatId === null)
  const about = isPrivate ? subjectId : chatId
  if (chat !== (about === null ? null : toGlobalId('Chat', about))) return false
  if (aboutMessages.has(kind)) return subject === toGlobalId('Message', subjectId ?? '')
  const user = kind === 'CHAT_READ' ? actorId : subjectId
  const shown = ['CHAT_READ', 'USER_UPDATED', 'MEMBER_ADDED', 'MEMBER_ROLE_CHANGED'].includes(kind)
  return subject === (shown ? toGlobalId('User', user ?? '') : null)
}

export function addVerdicts(verdicts: readonly Verdict[]): Verdict {
  return {
    lost: verdicts.flatMap(({ lost }) => lost),
    repeated: verdicts.flatMap(({ repeated }) => repeated),
    outOfOrder: verdicts.flatMap(({ outOfOrder }) => outOfOrder),
    unauthorised: verdicts.flatMap(({ unauthorised }) => unauthorised),
    altered: verdicts.flatMap(({ altered }) => altered),
  }
}
