/** A map of bounded size, which drops what was not asked for the longest. */
export interface Lru<Value> {
  get(key: string): Value | undefined
  /** Setting a value again weighs it anew. */
  set(key: string, value: Value): void
}

export interface LruBounds<Value> {
  /** @default no bound */
  readonly entries?: number
  /** What all values may weigh together. @default no bound */
  readonly weight?: number
  /** Asked when a value is set. @default nothing */
  readonly weigh?: (value: Value) => number
}

/** @param bounds how many entries it holds, or that and what they may weigh */
export function createLru<Value>(bounds: number | LruBounds<Value>): Lru<Value> {
  const {
    entries = Number.POSITIVE_INFINITY,
    weight = Number.POSITIVE_INFINITY,
    weigh = () => 0,
  }: LruBounds<Value> = typeof bounds === 'number' ? { entries: bounds } : bounds
  const kept = new Map<string, { readonly value: Value; readonly weight: number }>()
  let total = 0

  function drop(key: string): void {
    const entry = kept.get(key)
    if (entry === undefined) return
    kept.delete(key)
    total -= entry.weight
  }

  return {
    get(key) {
      const entry = kept.get(key)
      if (entry === undefined) return undefined
      kept.delete(key)
      kept.set(key, entry)
      return entry.value
    },
    set(key, value) {
      drop(key)
      const entry = { value, weight: weigh(value) }
      kept.set(key, entry)
      total += entry.weight
      for (const oldest of kept.keys()) {
        if (kept.size <= entries && total <= weight) break
        drop(oldest)
      }
    },
  }
}
