/** A map of bounded size, which drops what was not asked for the longest. */
export interface Lru<Value> {
  get(key: string): Value | undefined
  set(key: string, value: Value): void
}

export interface LruBounds<Value> {
  readonly entries: number
  /** What all values may weigh together. @default no bound */
  readonly weight?: number
  /** @default nothing */
  readonly weigh?: (value: Value) => number
}

/** @param bounds how many entries it holds, or that and what they may weigh */
export function createLru<Value>(bounds: number | LruBounds<Value>): Lru<Value> {
  const {
    entries,
    weight = Number.POSITIVE_INFINITY,
    weigh = () => 0,
  }: LruBounds<Value> = typeof bounds === 'number' ? { entries: bounds } : bounds
  const values = new Map<string, Value>()
  let total = 0

  function drop(key: string): void {
    const value = values.get(key)
    if (value === undefined) return
    values.delete(key)
    total -= weigh(value)
  }

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
      drop(key)
      values.set(key, value)
      total += weigh(value)
      for (const oldest of values.keys()) {
        if (values.size <= entries && total <= weight) break
        drop(oldest)
      }
    },
  }
}
