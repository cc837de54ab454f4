import fc from 'fast-check'
import type { GraphQLSchema } from 'graphql'
import { expect } from 'vitest'
import { arbitraryDocumentCase, type Samples } from './arbitrary-documents.ts'
import { createComparison } from './comparison.ts'

/** Documents for each schema, with some eight runs on average that are compared twice. `DIFFERENTIAL_RUNS` soaks longer. */
const numRuns = Number(process.env['DIFFERENTIAL_RUNS'] ?? 1500)

/** Far more than that takes: making a failing case small takes minutes. */
export const soakTimeout = 24 * 3_600_000

/** Compares the executor with graphql-js over random documents. A failure prints its seed. */
export async function compareRandomDocuments(schema: GraphQLSchema, samples: Samples): Promise<void> {
  const comparison = createComparison(schema, samples)
  try {
    await fc.assert(fc.asyncProperty(arbitraryDocumentCase(schema, samples), comparison.compare), { numRuns })
    expect(comparison.compared).toBeGreaterThan(8 * numRuns)
  } finally {
    comparison.dispose()
  }
}
