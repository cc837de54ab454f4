import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { toGlobalId } from '../../src/core/ids.ts'
import type { LogEvent } from '../../src/events/event.ts'
import type { Register } from './notes.ts'
import type { Heard } from './readers.ts'
import { type Report, runStorm } from './storm.ts'
import { faultsOf, isProof, renderTable } from './table.ts'
import { expectedOf, judge } from './verdict.ts'
import { checkLog, checkWrites } from './witness.ts'

// A short run of `npm run chaos`.

let report: Report
const lines: string[] = []

beforeAll(async () => {
  report = await runStorm({
    events: 1_000,
    seconds: 120,
    seed: 5,
    processes: 2,
    workers: null,
    main: join(inject('builtDir'), 'main.js'),
    people: 12,
    directChats: 4,
    groups: 9,
    readers: 10,
    writers: 6,
    requestsPerSecond: 60,
    accessTokenSeconds: 10,
    killEveryMs: 1_500,
    cutEveryMs: 150,
    stewardEveryMs: 150,
    outages: ['immediate'],
    keep: false,
    say: (line) => lines.push(line),
  })
  // Later than it gives up by itself, and has cleaned up.
}, 300_000)

afterAll(() => {
  if (report !== undefined && !isProof(report)) console.log(`${lines.join('\n')}\n${renderTable(report)}`)
})

test('through kills, cuts and restarts each reader gets every event once, in order, and nothing foreign', () => {
  expect(faultsOf(report)).toEqual(
    Object.fromEntries(Object.keys(faultsOf(report)).map((name) => [name, []])),
  )
  expect(report.omissions).toEqual([])
})

describe('tampered with, the same run is found out:', () => {
  /** The busiest reader of everything, and the last message in it that it had to get. */
  function pick() {
    const { recordings, truth, model } = report.evidence
    const recording = recordings
      .filter(({ chatId }) => chatId === null)
      .reduce((a, b) => (a.heard.length > b.heard.length ? a : b))
    const heard = recording.heard.filter(({ type }) => type !== 'CaughtUp')
    const due = new Set(expectedOf(recording, truth, model).map(({ position }) => position))
    const at = heard.findLastIndex(({ type, position }) => type === 'MessageAdded' && due.has(position))
    expect(at).toBeGreaterThan(0)
    const verdictOn = (tampered: Heard[]) => judge({ ...recording, heard: tampered }, truth, model)
    return { heard, at, last: heard[at] as Heard, userId: recording.userId, verdictOn }
  }
  const clean = { lost: [], repeated: [], outOfOrder: [], unauthorised: [], altered: [] }
  const one = [expect.any(String)]

  test('an event left out', () => {
    const { heard, at, verdictOn } = pick()
    expect(verdictOn(heard)).toEqual(clean)
    expect(verdictOn(heard.toSpliced(at, 1))).toEqual({ ...clean, lost: one })
  })

  test('an event twice', () => {
    const { heard, at, last, verdictOn } = pick()
    expect(verdictOn(heard.toSpliced(at, 0, last))).toEqual({ ...clean, repeated: one })
  })

  test('two events in the wrong order', () => {
    const { heard, at, last, verdictOn } = pick()
    const before = heard[at - 1] as Heard
    expect(verdictOn(heard.toSpliced(at - 1, 2, last, before))).toEqual({ ...clean, outOfOrder: one })
  })

  test("somebody else's event", () => {
    const { heard, last, userId, verdictOn } = pick()
    const { truth, model } = report.evidence
    const foreign = truth.log.findLast(
      (event) => event.kind === 'MESSAGE_ADDED' && !model.may(userId, event),
    ) as LogEvent
    const { position, chatId, subjectId } = foreign
    const chat = toGlobalId('Chat', chatId ?? '')
    const stolen = { ...last, position, chat, subject: toGlobalId('Message', subjectId ?? '') }
    const tampered = [...heard, stolen].sort((a, b) => a.position - b.position)
    expect(verdictOn(tampered)).toEqual({ ...clean, unauthorised: one })
  })

  test('an event of a session that had ended', () => {
    const { heard, at, last, verdictOn } = pick()
    const [ended] = [...report.evidence.model.sessionEnds].filter(([, position]) => position < last.position)
    const late = { ...last, sessionId: ended?.[0] ?? 'none', asked: null }
    expect(verdictOn(heard.toSpliced(at, 1, late))).toEqual({ ...clean, unauthorised: one })
  })

  test('a message that was acknowledged and is not there, and one that is there twice', () => {
    const { notes, truth, overChats } = report.evidence
    const [key, { value }] = [...notes].find(
      ([name, { certain, chatId }]) => name.startsWith('message') && certain && !overChats.has(chatId ?? ''),
    ) as [string, Register]
    const values = new Map(truth.values)
    values.delete(key)
    expect(checkWrites(notes, { ...truth, values }, overChats)).toEqual({ missing: one, doubled: [] })
    const added = truth.log.find(({ kind, subjectId }) => kind === 'MESSAGE_ADDED' && subjectId === value)
    const log = [...truth.log, added as LogEvent]
    expect(checkWrites(notes, { ...truth, log }, overChats)).toEqual({ missing: [], doubled: one })
    const without = truth.log.filter((event) => event !== added)
    expect(checkWrites(notes, { ...truth, log: without }, overChats)).toEqual({ missing: one, doubled: [] })
  })

  test('an entry that the log has lost', () => {
    const { truth, overChats } = report.evidence
    const entry = truth.log.find(({ kind }) => kind === 'MEMBER_ADDED')
    const dropped = new Set([...truth.dropped, entry?.position ?? 0])
    expect(checkLog({ ...truth, dropped }, overChats)).toEqual({ lost: one, outOfOrder: [] })
  })
})
