/** The member of a mutation's union that says that it is done; whatever else comes fails the test. */
export function payload<Result extends { __typename: string }, Name extends Result['__typename']>(
  result: Result | undefined | null,
  name: Name,
): Extract<Result, { __typename: Name }> {
  if (result?.__typename !== name) throw new Error(`Refused: ${JSON.stringify(result)}`)
  return result as Extract<Result, { __typename: Name }>
}
