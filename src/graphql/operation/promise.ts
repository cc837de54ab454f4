/**
 * Anything with a `then`, as graphql-js has it. The type comes first, because asking strings and numbers for properties
 * takes longer.
 */
export function isPromise(value: unknown): value is Promise<unknown> {
  return isObjectLike(value) && typeof value['then'] === 'function'
}

export function isObjectLike(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' ? value !== null : typeof value === 'function'
}
