/** A map of bounded size, which drops what was not asked for the longest. */
export interface Lru<Value> {
  get(key: string): Value | undefined
  set(key: string, value: Value): void
}

export function createLru<Value>(size: number): Lru<Value> {
  const values = new Map<string, Value>()
  return {
    get(key) {
      const value = values.get(key)
      if (value !== undefined) {
        values.delete(key)
        values.set(key, value)
      }
      return value
    },
    set(key, value) {
      values.delete(key)
      values.set(key, value)
      if (values.size <= size) return
      for (const oldest of values.keys()) {
        values.delete(oldest)
        break
      }
    },
  }
}
