/**
 * Whether an `Accept` header takes a media type: the range that says the most of it decides, unless its weight is 0.
 * Without the header everything is taken.
 * @param type such as `text/event-stream`
 */
export function accepts(header: string | undefined, type: string): boolean {
  if (header === undefined) return true
  const weights = new Map(
    header.split(',').map((range) => {
      const [name = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase())
      const weight = parameters.find((each) => each.startsWith('q='))?.slice(2)
      return [name, weight === undefined ? 1 : Number(weight)]
    }),
  )
  const ranges = [type, type.replace(/\/.*/, '/*'), '*/*']
  const decisive = ranges.find((range) => weights.has(range))
  return decisive !== undefined && weights.get(decisive) !== 0
}
