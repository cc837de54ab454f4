/** What an answer may be, the one that everybody understands first. */
const answerTypes = [
  'application/json',
  'application/graphql-response+json',
  'text/event-stream',
  'multipart/mixed',
] as const

/** The media types of an `Accept` header, in lower case; refused are those with a weight of 0. */
function rangesOf(header: string): { taken: string[]; refused: string[] } {
  const taken: string[] = []
  const refused: string[] = []
  for (const range of header.toLowerCase().split(',')) {
    const [name = '', ...parameters] = range.split(';').map((part) => part.trim())
    const isRefused = parameters.some((each) => /^q=0(\.0*)?$/.test(each))
    if (name !== '') (isRefused ? refused : taken).push(name)
  }
  return { taken, refused }
}

/**
 * Whether an `Accept` header takes a media type: the range that says the most of it decides, unless its weight is 0.
 * Without one, or with an empty one, everything is taken.
 * @param type such as `text/event-stream`
 */
export function accepts(header: string | undefined, type: string): boolean {
  const { taken, refused } = rangesOf(header ?? '')
  if (taken.length + refused.length === 0) return true
  for (const range of [type, type.replace(/\/.*/, '/*'), '*/*']) {
    if (refused.includes(range)) return false
    if (taken.includes(range)) return true
  }
  return false
}

/** Whether there is anything that an answer may be. */
export function acceptsAnswers(header: string | undefined): boolean {
  return answerTypes.some((type) => accepts(header, type))
}

/** The same header for whoever does not look at weights. */
export function withoutRefusals(header: string): string {
  const { taken, refused } = rangesOf(header)
  if (refused.length === 0) return header
  // In the order of the client, and then what its wildcards stand for.
  const known: readonly string[] = answerTypes
  return [
    ...taken.filter((type) => known.includes(type)),
    ...known.filter((type) => accepts(header, type)),
  ].join(', ')
}

/** Whether it names the type, and not only by a wildcard. */
export function names(header: string | undefined, type: string): boolean {
  return rangesOf(header ?? '').taken.includes(type)
}
