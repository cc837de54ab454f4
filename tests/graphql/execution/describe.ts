/** What a value is, to the last undefined property, as text: `JSON.stringify` leaves out what resolvers can tell apart. */
export function describeValue(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'function') return `function ${value.name}`
  if (typeof value !== 'object' || value === null) return String(value)
  if (value instanceof Date) return `Date(${value.getTime()})`
  if (value instanceof Error) return `${value.name}(${value.message})`
  if (Array.isArray(value)) return `[${value.map(describeValue).join(', ')}]`
  if ('describeSource' in value) return String(value.describeSource)
  const entries = Reflect.ownKeys(value).map(
    (key) => `${String(key)}: ${describeValue(Reflect.get(value, key))}`,
  )
  return `${Object.getPrototypeOf(value) === null ? 'bare ' : ''}{${entries.join(', ')}}`
}
