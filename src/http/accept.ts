/** The media types of an `Accept` header that the client has not refused by a weight of 0, in lower case. */
function rangesOf(header: string): { taken: string[]; refused: string[] } {
  const taken: string[] = []
  const refused: string[] = []
  for (const range of header.toLowerCase().split(',')) {
    const [name = '', ...parameters] = range.split(';').map((part) => part.trim())
    const weight = parameters.find((each) => each.startsWith('q='))?.slice(2)
    const of = weight !== undefined && Number(weight) === 0 ? refused : taken
    of.push(name)
  }
  return { taken, refused }
}

/**
 * Whether an `Accept` header takes a media type: the range that says the most of it decides, unless its weight is 0.
 * Without the header everything is taken.
 * @param type such as `text/event-stream`
 */
export function accepts(header: string | undefined, type: string): boolean {
  if (header === undefined) return true
  const { taken, refused } = rangesOf(header)
  for (const range of [type, type.replace(/\/.*/, '/*'), '*/*']) {
    if (refused.includes(range)) return false
    if (taken.includes(range)) return true
  }
  return false
}

/** An `Accept` header for whoever does not look at weights. */
export function withoutWeights(header: string): string {
  // Without any range it would take everything.
  return rangesOf(header).taken.join(', ') || 'none/none'
}
