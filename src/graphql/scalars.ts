import { type ASTNode, GraphQLError, Kind } from 'graphql'
import { formatDateTime, parseDateTime } from '../core/date-time.ts'
import { builder } from './builder.ts'

builder.scalarType('DateTime', {
  description:
    'A point in time in RFC 3339 format. Output is in UTC with milliseconds: `2026-01-31T09:30:00.000Z`. Input accepts any offset; the time must fall in the years 0000 to 9999 UTC. Fractions are truncated to milliseconds. A leap second (`23:59:60Z` at the end of a month) is read as the start of the next minute. Do not sort by it: messages are ordered by `sequence`, lists by their cursors.',
  specifiedByURL: 'https://scalars.graphql.org/andimarek/date-time.html',
  serialize: formatDateTime,
  parseValue: (value) => parse(value),
  // Without it, the error of a literal has no location.
  parseLiteral: (node) => parse(node.kind === Kind.STRING ? node.value : null, node),
})

function parse(value: unknown, node?: ASTNode): Date {
  const date = typeof value === 'string' ? parseDateTime(value) : null
  if (date !== null) return date
  throw new GraphQLError(
    'A DateTime is a string in RFC 3339 format, such as "2026-01-31T09:30:00.000Z", within the years 0000 to 9999 in UTC.',
    { nodes: node ?? null },
  )
}
