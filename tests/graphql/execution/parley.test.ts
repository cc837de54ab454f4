import { isAbstractType, lexicographicSortSchema } from 'graphql'
import { test } from 'vitest'
import { createSchema } from '../../../src/graphql/schema.ts'
import type { Samples } from './arbitrary-documents.ts'
import { mockResolvers } from './outcomes.ts'
import { compareRandomDocuments, soakTimeout } from './soak.ts'

const samples: Samples = {
  DateTime: {
    literals: ['"2026-01-31T09:30:00.000Z"'],
    values: ['2026-01-31T09:30:00.000Z', '2025-12-01T00:00:00+02:00'],
    invalid: ['yesterday', 17],
    results: [new Date(0), new Date(1_700_000_000_000), new Date(Number.NaN)],
  },
}

/** Parley's types with other resolvers. Sorting copies them, so that the real ones stay as they are. */
function createMockedSchema() {
  const schema = lexicographicSortSchema(createSchema())
  const abstractTypes = Object.values(schema.getTypeMap()).filter(isAbstractType)
  const resolvedTypes = abstractTypes.map(({ name }) => name).filter((name) => !name.startsWith('Chat'))
  return mockResolvers(schema, {
    resolvedTypes,
    checkedTypes: { User: 'sync', Message: 'async', ChatRead: 'async', ChatRenamed: 'sync' },
  })
}

test(
  "plans answer random documents on Parley's schema like graphql-js",
  () => compareRandomDocuments(createMockedSchema(), samples),
  soakTimeout,
)
