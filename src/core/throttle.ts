/**
 * Lets through the first value of a key at once, and of those that follow within the interval the last one, when
 * it is over.
 */
export interface Throttle<Value> {
  put(key: string, value: Value): void
  /** Forgets what waits. */
  dispose(): void
}

export function createThrottle<Value>(
  intervalMs: number,
  emit: (key: string, value: Value) => void,
): Throttle<Value> {
  /** Keys that had a value within the interval, with what waits for its end. */
  const held = new Map<string, { timer: NodeJS.Timeout; next: { value: Value } | null }>()

  function letThrough(key: string, value: Value): void {
    const timer = setTimeout(() => {
      const next = held.get(key)?.next ?? null
      held.delete(key)
      if (next !== null) letThrough(key, next.value)
    }, intervalMs)
    timer.unref()
    held.set(key, { timer, next: null })
    emit(key, value)
  }

  return {
    put(key, value) {
      const recent = held.get(key)
      if (recent === undefined) letThrough(key, value)
      else recent.next = { value }
    },
    dispose() {
      for (const { timer } of held.values()) clearTimeout(timer)
      held.clear()
    },
  }
}
