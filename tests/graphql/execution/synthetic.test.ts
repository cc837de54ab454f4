import { test } from 'vitest'
import { compareRandomDocuments, soakTimeout } from './soak.ts'
import { createSyntheticSchema, syntheticSamples } from './synthetic-schema.ts'

test(
  'plans answer random documents of a schema with every feature like graphql-js',
  () => compareRandomDocuments(createSyntheticSchema(), syntheticSamples),
  soakTimeout,
)
