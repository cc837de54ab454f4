import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatDateTime, parseDateTime } from '../../src/core/date-time.ts'

const read = (text: string) => parseDateTime(text)?.toISOString() ?? null

test.each([
  ['2026-01-31T09:30:00Z', '2026-01-31T09:30:00.000Z'],
  ['2026-01-31T09:30:00.000Z', '2026-01-31T09:30:00.000Z'],
  ['2026-01-31t09:30:00z', '2026-01-31T09:30:00.000Z'],
  ['2026-01-31T09:30:00+01:00', '2026-01-31T08:30:00.000Z'],
  ['2026-01-31T09:30:00-00:00', '2026-01-31T09:30:00.000Z'],
  ['2026-01-31T00:30:00+23:59', '2026-01-30T00:31:00.000Z'],
  ['2026-01-31T23:30:00-23:59', '2026-02-01T23:29:00.000Z'],
  // Fractions of any length are cut, also before 1970.
  ['2026-01-31T09:30:00.5Z', '2026-01-31T09:30:00.500Z'],
  ['2026-01-31T09:30:00.9999999999999999999Z', '2026-01-31T09:30:00.999Z'],
  ['1969-12-31T23:59:59.9999Z', '1969-12-31T23:59:59.999Z'],
  [`2026-01-31T09:30:00.${'1'.repeat(1_000)}Z`, '2026-01-31T09:30:00.111Z'],
  // Years as they are written, leap years among them.
  ['0000-01-01T00:00:00Z', '0000-01-01T00:00:00.000Z'],
  ['0000-02-29T12:00:00Z', '0000-02-29T12:00:00.000Z'],
  ['0001-01-01T00:00:00+00:01', '0000-12-31T23:59:00.000Z'],
  ['0099-12-31T00:00:00Z', '0099-12-31T00:00:00.000Z'],
  ['2000-02-29T00:00:00Z', '2000-02-29T00:00:00.000Z'],
  ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
  ['9999-12-31T23:59:59.999+23:59', '9999-12-31T00:00:59.999Z'],
  // Leap seconds, whole.
  ['2016-12-31T23:59:60Z', '2017-01-01T00:00:00.000Z'],
  ['2016-12-31T23:59:60.999Z', '2017-01-01T00:00:00.000Z'],
  ['1990-12-31T15:59:60-08:00', '1991-01-01T00:00:00.000Z'],
  ['2017-01-01T00:59:60+01:00', '2017-01-01T00:00:00.000Z'],
  ['1972-06-30T23:59:60Z', '1972-07-01T00:00:00.000Z'],
])('%s is %s', (text, expected) => {
  expect(read(text)).toBe(expected)
})

test.each([
  // Hours, minutes and seconds end before these.
  '2026-01-31T24:00:00Z',
  '2026-01-31T23:60:00Z',
  '2026-01-31T23:59:61Z',
  // No leap seconds: not at the end of a month in UTC.
  '2016-12-30T23:59:60Z',
  '2016-12-31T23:58:60Z',
  '2016-12-31T12:59:60Z',
  '2016-12-31T23:59:60+01:00',
  // No such days.
  '2026-02-29T00:00:00Z',
  '1900-02-29T00:00:00Z',
  '2026-02-30T00:00:00Z',
  '2026-04-31T00:00:00Z',
  '2026-00-10T00:00:00Z',
  '2026-13-10T00:00:00Z',
  '2026-01-00T00:00:00Z',
  '2026-01-32T00:00:00Z',
  // Other years in UTC.
  '9999-12-31T23:59:59.999-23:59',
  '9999-12-31T23:59:60Z',
  '0000-01-01T00:00:00+00:01',
  // Offsets end before these.
  '2026-01-31T09:30:00+24:00',
  '2026-01-31T09:30:00+00:60',
  // Other formats.
  '',
  '2026-01-31',
  '2026-01-31T09:30Z',
  '2026-01-31T09:30:00',
  '2026-01-31 09:30:00Z',
  '2026-01-31T09:30:00.Z',
  '2026-01-31T09:30:00,5Z',
  '2026-01-31T09:30:00+0100',
  '2026-01-31T09:30:00+01',
  '2026-01-31T9:30:00Z',
  '+002026-01-31T09:30:00Z',
  '-0001-01-31T09:30:00Z',
  '2026-W05-6T09:30:00Z',
  ' 2026-01-31T09:30:00Z',
  '2026-01-31T09:30:00Z\n',
  '２０２６-01-31T09:30:00Z',
  '1769851800000',
  'now',
])('%j is refused', (text) => {
  expect(read(text)).toBeNull()
})

/** The parts of a text that may be a time of RFC 3339, each of them in the range of its digits or a little beyond. */
const parts = fc.record({
  year: fc.oneof(fc.integer({ min: 0, max: 9999 }), fc.constantFrom(0, 1, 4, 99, 100, 400, 1900, 2000, 9999)),
  month: fc.integer({ min: 0, max: 13 }),
  day: fc.oneof(fc.integer({ min: 0, max: 32 }), fc.integer({ min: 28, max: 31 })),
  hour: fc.oneof(fc.integer({ min: 0, max: 25 }), fc.constantFrom(0, 23)),
  minute: fc.oneof(fc.integer({ min: 0, max: 61 }), fc.constantFrom(0, 59)),
  second: fc.oneof(fc.integer({ min: 0, max: 61 }), fc.constant(60)),
  fraction: fc.option(fc.stringMatching(/^\d{1,12}$/), { nil: '' }),
  sign: fc.constantFrom('+', '-', 'Z', 'z'),
  offsetHour: fc.integer({ min: 0, max: 25 }),
  offsetMinute: fc.integer({ min: 0, max: 61 }),
  separator: fc.constantFrom('T', 't'),
})

type Parts = typeof parts extends fc.Arbitrary<infer Value> ? Value : never

const digits = (value: number, length = 2) => String(value).padStart(length, '0')

function write(p: Parts): string {
  const zone = /z/i.test(p.sign) ? p.sign : `${p.sign}${digits(p.offsetHour)}:${digits(p.offsetMinute)}`
  const fraction = p.fraction === '' ? '' : `.${p.fraction}`
  const date = `${digits(p.year, 4)}-${digits(p.month)}-${digits(p.day)}`
  return `${date}${p.separator}${digits(p.hour)}:${digits(p.minute)}:${digits(p.second)}${fraction}${zone}`
}

const isLeapYear = (year: number) => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
const monthLengths = (year: number) => [
  31,
  isLeapYear(year) ? 29 : 28,
  31,
  30,
  31,
  30,
  31,
  31,
  30,
  31,
  30,
  31,
]

/** The rule once more, by counting days on a calendar and without `Date`. @returns milliseconds since year 0, or null */
function reference(p: Parts): bigint | null {
  const length = monthLengths(p.year)[p.month - 1]
  if (length === undefined || p.day < 1 || p.day > length) return null
  if (p.hour > 23 || p.minute > 59 || p.second > 60) return null
  const isUtc = /z/i.test(p.sign)
  if (!isUtc && (p.offsetHour > 23 || p.offsetMinute > 59)) return null
  const offset = isUtc ? 0 : (p.offsetHour * 60 + p.offsetMinute) * (p.sign === '-' ? -1 : 1)
  const minutes = daysBefore(p) * 1440 + p.hour * 60 + p.minute - offset
  const leap = p.second === 60
  if (leap && !endsMonth(minutes)) return null
  const ms = leap ? 60_000 : p.second * 1000 + Number(`0.${p.fraction.slice(0, 3)}0`) * 1000
  const total = BigInt(minutes) * 60_000n + BigInt(Math.round(ms))
  const end = BigInt(daysBefore({ year: 10_000, month: 1, day: 1 })) * 86_400_000n
  return total < 0n || total >= end ? null : total
}

/** Days from the first of year 0, which is a leap year. */
function daysBefore({ year, month, day }: { year: number; month: number; day: number }): number {
  const before = year - 1
  const leapDays =
    year === 0 ? 0 : 1 + Math.floor(before / 4) - Math.floor(before / 100) + Math.floor(before / 400)
  const ofYear = monthLengths(year)
    .slice(0, month - 1)
    .reduce((sum, each) => sum + each, 0)
  return year * 365 + leapDays + ofYear + day - 1
}

/** Whether this is the last minute of a month in UTC. */
function endsMonth(minutes: number): boolean {
  const next = minutes + 1
  if (next % 1440 !== 0) return false
  const day = next / 1440
  const guess = Math.floor(day / 365.2425)
  return [guess - 1, guess, guess + 1]
    .filter((year) => year >= 0)
    .some((year) =>
      monthLengths(year).some((_, month) => daysBefore({ year, month: month + 1, day: 1 }) === day),
    )
}

const sinceYear0 = (date: Date) => BigInt(date.getTime()) - BigInt(Date.parse('0000-01-01T00:00:00Z'))

/** The grammar of RFC 3339, section 5.6, as `formatDateTime` writes it. */
const written = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/

describe('by the rule', () => {
  test('texts are read as it says, and whatever is read is written in UTC and read again', () => {
    fc.assert(
      fc.property(parts, (p) => {
        const date = parseDateTime(write(p))
        expect(date === null ? null : sinceYear0(date)).toBe(reference(p))
        if (date === null) return
        const text = formatDateTime(date)
        expect(text).toMatch(written)
        expect(parseDateTime(text)).toEqual(date)
      }),
      { numRuns: 20_000 },
    )
  })

  test('leap seconds are read at the end of each month in UTC, whatever the offset', () => {
    const months = fc.record({
      year: fc.integer({ min: 1, max: 9998 }),
      month: fc.integer({ min: 0, max: 11 }),
      offset: fc.integer({ min: -1439, max: 1439 }),
      fraction: fc.stringMatching(/^(\.\d{1,6})?$/),
    })
    fc.assert(
      fc.property(months, ({ year, month, offset, fraction }) => {
        const end = new Date(0)
        end.setUTCFullYear(year, month + 1, 1)
        const local = new Date(end.getTime() - 60_000 + offset * 60_000).toISOString().slice(0, 17)
        const minutes = Math.abs(offset)
        const zone = `${offset < 0 ? '-' : '+'}${digits(Math.floor(minutes / 60))}:${digits(minutes % 60)}`
        expect(parseDateTime(`${local}60${fraction}${zone}`)).toEqual(end)
      }),
    )
  })

  test('parseDateTime never throws and refuses invalid text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[\d:.TZtz+-]{1,40}$/)), (text) => {
        const date = parseDateTime(text)
        if (date !== null) expect(formatDateTime(date)).toMatch(written)
      }),
    )
  })
})

test('formatDateTime throws outside the years 0000 to 9999', () => {
  fc.assert(
    fc.property(fc.date({ noInvalidDate: false }), (date) => {
      const year = date.getUTCFullYear()
      if (year >= 0 && year <= 9999) expect(formatDateTime(date)).toMatch(written)
      else expect(() => formatDateTime(date)).toThrow(RangeError)
    }),
  )
  for (const time of [NaN, -62_167_219_200_001, 253_402_300_800_000]) {
    expect(() => formatDateTime(new Date(time))).toThrow('RFC 3339')
  }
})
