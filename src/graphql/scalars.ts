import { GraphQLError } from 'graphql'
import { builder } from './builder.ts'

const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/

/** `Date` takes the 30th of February for the 2nd of March. */
function isDateTime(text: string): boolean {
  const [, year, month, day] = (rfc3339.exec(text) ?? []).map(Number)
  if (year === undefined || month === undefined || day === undefined) return false
  return day <= new Date(Date.UTC(year, month, 0)).getUTCDate() && !Number.isNaN(Date.parse(text))
}

builder.scalarType('DateTime', {
  description:
    'A moment, as RFC 3339 in UTC with milliseconds: `2026-01-31T09:30:00.000Z`. For showing; the order of messages is their `sequence`, the order of lists their cursors.',
  specifiedByURL: 'https://scalars.graphql.org/andimarek/date-time.html',
  serialize: (value) => value.toISOString(),
  parseValue: (value) => {
    if (typeof value !== 'string' || !isDateTime(value)) {
      throw new GraphQLError('A DateTime is text such as 2026-01-31T09:30:00.000Z.')
    }
    return new Date(value)
  },
})
