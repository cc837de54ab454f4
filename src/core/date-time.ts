const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))$/

const minuteMs = 60_000
/** The first and the last moment that a year of four digits can tell, in UTC. */
const earliest = Date.parse('0000-01-01T00:00:00.000Z')
const latest = Date.parse('9999-12-31T23:59:59.999Z')

/**
 * A moment from RFC 3339, cut to milliseconds. `Date.parse` takes other formats, the 30th of February, and hour 24.
 * @returns null for anything else, and for moments that have no RFC 3339 form in UTC
 */
export function parseDateTime(text: string): Date | null {
  const match = rfc3339.exec(text)
  if (match === null) return null
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number)
  const [, , , , , , , fraction = '', sign, offsetHours = '0', offsetMinutes = '0'] = match
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return null
  if (hour > 23 || minute > 59 || second > 60 || Number(offsetHours) > 23 || Number(offsetMinutes) > 59)
    return null
  const offsetMs = (Number(offsetHours) * 60 + Number(offsetMinutes)) * minuteMs * (sign === '-' ? -1 : 1)
  const whole = startOfDay(year, month, day) + (hour * 60 + minute) * minuteMs + second * 1000 - offsetMs
  const isLeapSecond = second === 60
  if (isLeapSecond && !isStartOfMonth(whole)) return null
  // All of a leap second is one moment, or it would overtake the second that follows.
  const time = isLeapSecond ? whole : whole + Number(fraction.slice(0, 3).padEnd(3, '0'))
  return time < earliest || time > latest ? null : new Date(time)
}

/**
 * RFC 3339 in UTC with milliseconds. A page of messages has a hundred of them, and `toISOString` takes twice as long: the
 * start of a day is remembered, since what is shown together is mostly of one day.
 * @throws RangeError for a moment that has no such form
 */
export function formatDateTime(date: Date): string {
  const time = date.getTime()
  if (!(time >= earliest && time <= latest))
    throw new RangeError(`RFC 3339 has no form for the time ${time}.`)
  const day = Math.floor(time / dayMs)
  if (day !== lastDay.number) Object.assign(lastDay, { number: day, text: date.toISOString().slice(0, 11) })
  const ms = time - day * dayMs
  const second = Math.floor(ms / 1000)
  const minute = Math.floor(second / 60)
  const hour = Math.floor(minute / 60)
  return `${lastDay.text}${twoDigits[hour]}:${twoDigits[minute % 60]}:${twoDigits[second % 60]}.${threeDigits[ms % 1000]}Z`
}

const dayMs = 86_400_000
/** The last day that was written, as `2026-01-31T`. */
const lastDay = { number: Number.NaN, text: '' }
const padded = (count: number, digits: number) =>
  Array.from({ length: count }, (_, value) => String(value).padStart(digits, '0'))
const twoDigits = padded(60, 2)
const threeDigits = padded(1000, 3)

/** Not by `Date.UTC`, which takes the years before 100 for those of the 20th century. */
function startOfDay(year: number, month: number, day: number): number {
  return new Date(0).setUTCFullYear(year, month - 1, day)
}

function daysIn(year: number, month: number): number {
  return new Date(startOfDay(year, month + 1, 0)).getUTCDate()
}

/** Where a leap second ends: it is inserted in UTC, after the last second of a month. */
function isStartOfMonth(time: number): boolean {
  const date = new Date(time)
  return date.getUTCDate() === 1 && date.getUTCHours() === 0 && date.getUTCMinutes() === 0
}
