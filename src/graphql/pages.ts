import { maxPageSize, type PageArgs } from '../core/pages.ts'

/** What a connection costs: a look-up, and its fields once for each item of the page. */
export function pageCost(defaultSize = 20) {
  return ({ first, last }: PageArgs) => ({
    field: 1,
    // A size out of range is refused before anything is read.
    multiplier: Math.min(Math.max(first ?? last ?? defaultSize, 1), maxPageSize),
  })
}
