import { RequestError } from './errors.ts'

/** The arguments of a Relay connection field, as GraphQL hands them over. */
export interface PageArgs {
  readonly first?: number | null | undefined
  readonly after?: string | null | undefined
  readonly last?: number | null | undefined
  readonly before?: string | null | undefined
}

/** What to read: `limit` rows, from the front or from the back of what lies between the cursors. */
export interface PageRequest {
  readonly limit: number
  readonly backward: boolean
  readonly after: string | null
  readonly before: string | null
}

export interface Edge<Node> {
  cursor: string
  node: Node
}

export interface Connection<Node> {
  edges: Edge<Node>[]
  pageInfo: {
    hasNextPage: boolean
    hasPreviousPage: boolean
    startCursor: string | null
    endCursor: string | null
  }
}

export const maxPageSize = 100

/**
 * Page arguments by the Relay Cursor Connections Specification, made strict: a size outside 1 to 100,
 * or `first` together with `last`, is refused rather than guessed at.
 * @param fallback what to read when neither `first` nor `last` is given
 * @throws RequestError `VALIDATION_FAILED`
 */
export function parsePageArgs(
  args: PageArgs,
  fallback: { first: number } | { last: number } = { first: 20 },
): PageRequest {
  const { first = null, last = null } = args
  if (first !== null && last !== null) {
    throw new RequestError('VALIDATION_FAILED', 'Use `first` or `last`, not both.')
  }
  const given = first ?? last
  if (given !== null && (given < 1 || given > maxPageSize)) {
    const name = first === null ? 'last' : 'first'
    throw new RequestError('VALIDATION_FAILED', `\`${name}\` must be between 1 and ${maxPageSize}.`)
  }
  const backward = given === null ? 'last' in fallback : last !== null
  return {
    limit: given ?? ('last' in fallback ? fallback.last : fallback.first),
    backward,
    after: args.after ?? null,
    before: args.before ?? null,
  }
}

/**
 * A connection from rows read in the paging direction, one row more than the limit where there is one.
 * The edges come out in the list's own order whichever way was paged. A cursor stands for a row that was
 * once shown, so where one bounds the page, the page has a neighbour on that side.
 */
export function toConnection<Row, Node>(
  rows: readonly Row[],
  page: PageRequest,
  toEdge: (row: Row) => Edge<Node>,
): Connection<Node> {
  const more = rows.length > page.limit
  const edges = (more ? rows.slice(0, page.limit) : rows).map(toEdge)
  if (page.backward) edges.reverse()
  return {
    edges,
    pageInfo: {
      hasNextPage: page.before !== null || (!page.backward && more),
      hasPreviousPage: page.after !== null || (page.backward && more),
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  }
}
