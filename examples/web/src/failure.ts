import type { FailureFragment } from './gql/graphql.ts'

/** What to tell a person: the first problem of the input where there is one. */
export function reasonOf(failure: FailureFragment): string {
  return issuesOf(failure)[0]?.message ?? failure.reason
}

/** The problems of the input, each with its place; none for failures of another kind. */
export function issuesOf(failure: FailureFragment) {
  return failure.__typename === 'ValidationError' ? failure.issues : []
}
