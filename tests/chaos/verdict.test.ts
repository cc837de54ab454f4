import { expect, test } from 'vitest'
import { toGlobalId } from '../../src/core/ids.ts'
import type { LogEvent } from '../../src/events/event.ts'
import { createModel } from './model.ts'
import type { Heard, Recording } from './readers.ts'
import { judge, type Verdict } from './verdict.ts'

// A small log by hand: what the rules of docs/realtime.md make of it is known beforehand.

const entry = (position: number, kind: LogEvent['kind'], rest: Partial<LogEvent> = {}): LogEvent => ({
  position,
  kind,
  chatId: null,
  userId: null,
  peersOf: null,
  actorId: null,
  subjectId: null,
  sequence: null,
  detail: null,
  // An entry a second.
  occurredAt: new Date(position * 1000),
  ...rest,
})
const said = (position: number, sequence: number, chatId = 'group') =>
  entry(position, 'MESSAGE_ADDED', { chatId, subjectId: `m${position}`, sequence })

const log = [
  entry(1, 'CHAT_CREATED', { chatId: 'group' }),
  entry(2, 'CHAT_CREATED', { chatId: 'other' }),
  said(3, 1),
  said(4, 1, 'other'),
  entry(5, 'MEMBER_ADDED', { chatId: 'group', subjectId: 'carl', sequence: 1 }),
  said(6, 2),
  entry(7, 'MESSAGE_EDITED', { chatId: 'group', subjectId: 'm3', sequence: 1 }),
  entry(8, 'MEMBER_REMOVED', { chatId: 'group', subjectId: 'bob' }),
  entry(9, 'CHAT_DELETED', { userId: 'bob', subjectId: 'group' }),
  said(10, 3),
  entry(11, 'SESSION_REVOKED', { userId: 'carl', subjectId: 'old' }),
  said(12, 4),
]
const founders = new Map([
  ['group', ['alice', 'bob']],
  ['other', ['alice']],
])
const model = createModel(log, founders)

/** Got a moment after it happened. */
function hear(position: number, rest: Partial<Heard> = {}): Heard {
  const { kind, chatId, subjectId, occurredAt } = log.find((each) => each.position === position) as LogEvent
  const about = kind === 'CHAT_DELETED' ? subjectId : chatId
  const isMessage = kind.startsWith('MESSAGE')
  const shown = kind === 'MEMBER_ADDED'
  return {
    position,
    type: kind.toLowerCase().replace(/(?:^|_)(.)/g, (_, letter: string) => letter.toUpperCase()),
    chat: about === null ? null : toGlobalId('Chat', about),
    subject: isMessage || shown ? toGlobalId(isMessage ? 'Message' : 'User', subjectId ?? '') : null,
    at: occurredAt.getTime() + 100,
    sessionId: 'new',
    asked: null,
    ...rest,
  }
}

function recordingOf(userId: string, heard: readonly Heard[], rest: Partial<Recording> = {}): Recording {
  return {
    name: userId,
    userId,
    chatId: null,
    start: 0,
    heard: [...heard],
    marks: [],
    revoked: new Map(),
    ...rest,
  }
}

/** How many faults of each kind. */
function count(recording: Recording, dropped: readonly number[] = []) {
  const verdict = judge(recording, { log, dropped: new Set(dropped) }, model)
  return Object.fromEntries(
    Object.entries(verdict).flatMap(([name, all]) => (all.length > 0 ? [[name, all.length]] : [])),
  ) as Partial<Record<keyof Verdict, number>>
}

const all = (positions: readonly number[]) => positions.map((position) => hear(position))
const ofAlice = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12]
const ofCarl = [5, 6, 8, 10, 12]

test('whoever got everything got it right', () => {
  expect(count(recordingOf('alice', all(ofAlice)))).toEqual({})
  expect(count(recordingOf('carl', all(ofCarl)))).toEqual({})
  expect(count(recordingOf('bob', all([1, 3, 5, 6, 7, 9])))).toEqual({})
  expect(count(recordingOf('alice', all([8, 10, 12]), { start: 7 }))).toEqual({})
  expect(count(recordingOf('alice', all([3, 6, 10, 12]), { chatId: 'group' }))).toEqual({})
})

test('each event that is missing, of each reader, is found', () => {
  for (const [user, positions] of [
    ['alice', ofAlice],
    ['carl', ofCarl],
  ] as const) {
    for (const missing of positions) {
      expect(count(recordingOf(user, all(positions.filter((each) => each !== missing))))).toEqual({ lost: 1 })
    }
  }
})

test('what the log has dropped need not have been got', () => {
  expect(count(recordingOf('carl', all([5, 8, 10, 12])), [6])).toEqual({})
})

test('who is removed may miss what they had not got by then, and nothing before', () => {
  expect(count(recordingOf('bob', all([1, 9])))).toEqual({})
  // They were at 6 before the removal began at 8.
  expect(count(recordingOf('bob', all([1, 3, 6, 9])))).toEqual({ lost: 1 })
  expect(
    count(
      recordingOf(
        'bob',
        all([1, 3, 6, 9]).map((each) => ({ ...each, at: 9_000 })),
      ),
    ),
  ).toEqual({})
  // A page that ended there says as much.
  const paged = recordingOf('bob', all([1, 9]), { marks: [{ position: 6, at: 7_500 }] })
  expect(count(paged)).toEqual({ lost: 3 })
})

test('what is heard of a removal that took somebody else away need not be heard any more', () => {
  const removed = [...log, entry(13, 'MEMBER_REMOVED', { chatId: 'group', subjectId: 'carl' })]
  const withoutCarl = recordingOf(
    'alice',
    all(ofAlice.filter((each) => each !== 5)).map((each) => ({ ...each, at: 20_000 })),
  )
  withoutCarl.heard.push({ ...hear(8), position: 13, at: 20_000 })
  const truth = { log: removed, dropped: new Set<number>() }
  expect(judge(withoutCarl, truth, createModel(removed, founders)).lost).toEqual([])
})

test('twice, out of order, and behind where a backlog ended', () => {
  expect(count(recordingOf('carl', all([5, 6, 6, 8, 10, 12])))).toEqual({ repeated: 1 })
  expect(count(recordingOf('carl', all([5, 8, 6, 10, 12])))).toEqual({ outOfOrder: 1 })
  const caughtUp = { ...hear(10), type: 'CaughtUp', chat: null, subject: null }
  expect(count(recordingOf('carl', [...all([5, 6, 8]), caughtUp, ...all([10, 12])]))).toEqual({
    outOfOrder: 1,
  })
})

test('what was not for them: before a join, behind a removal, of another chat, about hidden messages', () => {
  expect(count(recordingOf('carl', all([3, ...ofCarl])))).toEqual({ unauthorised: 1 })
  expect(count(recordingOf('bob', all([1, 3, 5, 6, 7, 8, 9])))).toEqual({ unauthorised: 1 })
  expect(count(recordingOf('bob', all([1, 3, 5, 6, 7, 9, 10])))).toEqual({ unauthorised: 1 })
  expect(count(recordingOf('carl', all([5, 6, 7, 8, 10, 12])))).toEqual({ unauthorised: 1 })
  expect(count(recordingOf('carl', all([4, ...ofCarl])))).toEqual({ unauthorised: 1 })
  expect(count(recordingOf('alice', all([3, 5, 6, 10, 12]), { chatId: 'group' }))).toEqual({
    unauthorised: 1,
  })
})

test('what came after the end of its session', () => {
  const until10 = all([5, 6, 8, 10])
  const revoked = new Map([['old', 11_500]])
  const late = (asked: number | null) =>
    count(recordingOf('carl', [...until10, hear(12, { sessionId: 'old', asked })], { revoked }))
  expect(late(null)).toEqual({ unauthorised: 1 })
  expect(late(12_501)).toEqual({ unauthorised: 1 })
  // It was on its way.
  expect(late(12_500)).toEqual({})
})

test('something else than the log says', () => {
  expect(count(recordingOf('carl', [...all([5, 6, 8, 10]), hear(12, { type: 'MessageEdited' })]))).toEqual({
    altered: 1,
  })
  expect(count(recordingOf('carl', [...all([5, 6, 8, 10]), hear(12, { subject: 'another' })]))).toEqual({
    altered: 1,
  })
  expect(count(recordingOf('carl', [...all([5, 6, 8, 10]), hear(12, { chat: null })]))).toEqual({
    altered: 1,
  })
  expect(count(recordingOf('carl', [...all(ofCarl), { ...hear(12), position: 99 }]))).toEqual({ altered: 1 })
})
