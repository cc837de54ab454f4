/** Watches for a reason to end something, and calls `fail` with it then. @returns a function that stops watching */
export type Lifetime = (fail: (reason: Error) => void) => () => void

/**
 * What waits for one reader, of each key the latest: a reader that does not keep up misses what is out of date,
 * and costs no more memory than there are keys.
 */
export interface Mailbox<Value> extends AsyncIterableIterator<Value> {
  put(key: string, value: Value): void
  /** Whether it has ended: what was taken before and not handed on is not for the reader any more. */
  readonly ended: boolean
  /** Once: the reader gets the reason for the end instead of what waits. */
  endWith(lifetime: Lifetime): void
}

/**
 * @param size how many keys may wait; the one that has waited longest is dropped for another
 * @param onClose called once, when the reader leaves or the mailbox has failed
 */
export function createMailbox<Value>(size: number, onClose: () => void): Mailbox<Value> {
  const waiting = new Map<string, Value>()
  let closed = false
  let failure: Error | null = null
  let wake = () => {}
  let release = () => {}

  function close(): void {
    if (closed) return
    closed = true
    waiting.clear()
    wake()
    release()
    onClose()
  }

  function take(): IteratorResult<Value> | null {
    for (const [key, value] of waiting) {
      waiting.delete(key)
      return { done: false, value }
    }
    if (!closed) return null
    const reason = failure
    failure = null
    if (reason !== null) throw reason
    return { done: true, value: undefined }
  }

  return {
    put(key, value) {
      if (closed) return
      waiting.delete(key)
      waiting.set(key, value)
      if (waiting.size > size) {
        for (const oldest of waiting.keys()) {
          waiting.delete(oldest)
          break
        }
      }
      wake()
    },
    endWith(lifetime) {
      release = lifetime((reason) => {
        if (!closed) failure = reason
        close()
      })
      if (closed) release()
    },
    get ended() {
      return closed
    },
    async next() {
      for (;;) {
        const result = take()
        if (result !== null) return result
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    },
    async return() {
      close()
      return { done: true, value: undefined }
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}
