import { pino } from 'pino'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { spareWords } from '../../src/core/sparing-logger.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

test('what lasts is said once in ten seconds, with how often it came; anything else each time', () => {
  const lines: Record<string, unknown>[] = []
  const logger = spareWords(
    pino({ base: null, timestamp: false }, { write: (line: string) => lines.push(JSON.parse(line)) }),
    (error) => error === 'away',
  )
  const speak = () => {
    for (let i = 0; i < 3; i++) {
      logger.error({ err: 'away' }, 'failed')
      logger.warn({ err: 'broken' }, 'failed otherwise')
    }
    logger.warn({ err: 'away' }, 'failed elsewhere')
  }
  speak()
  const others = Array(3).fill('failed otherwise')
  expect(lines.map(({ msg }) => msg)).toEqual([
    'failed',
    'failed otherwise',
    ...others.slice(1),
    'failed elsewhere',
  ])
  lines.length = 0
  vi.advanceTimersByTime(9_999)
  speak()
  expect(lines.map(({ msg }) => msg)).toEqual(others)
  lines.length = 0
  vi.advanceTimersByTime(1)
  speak()
  expect(lines[0]).toMatchObject({ msg: 'failed', level: 50, err: 'away', repeated: 5 })
  expect(lines.at(-1)).toMatchObject({ msg: 'failed elsewhere', level: 40, repeated: 1 })
})
