/**
 * Short words from each process to all of them, itself included. What is said while a process does not hear is
 * lost to it, so nothing goes this way that cannot be lost or looked up.
 */
export interface Signals {
  /**
   * Returns at once. Call it after a commit, never inside a transaction. The same word said several times in a
   * moment may be heard once.
   * @throws RangeError when topic and payload have more than 4,000 bytes as JSON
   */
  publish(topic: string, payload: string): void
  /** @param listener must not throw and must not wait. @returns a function that stops it */
  subscribe(topic: string, listener: (payload: string) => void): () => void
  /** Tells that words may have been missed, each time that the others can be heard (again). @returns as above */
  onResumed(listener: () => void): () => void
  /** Says what is waiting, then stops. */
  dispose(): Promise<void>
}

const maxBytes = 4_000

export type Word = readonly [topic: string, payload: string]

export const bytesOf = (word: Word): number => Buffer.byteLength(JSON.stringify(word))

/** The signals of a single process. */
export function createMemorySignals(): Signals & { resume(): void } {
  const listeners = new Map<string, Set<(payload: string) => void>>()
  const resumed = new Set<() => void>()
  return {
    publish(topic, payload) {
      if (bytesOf([topic, payload]) > maxBytes)
        throw new RangeError(`A signal has at most ${maxBytes} bytes.`)
      for (const listener of listeners.get(topic) ?? []) listener(payload)
    },
    subscribe(topic, listener) {
      const ofTopic = listeners.get(topic) ?? new Set()
      listeners.set(topic, ofTopic.add(listener))
      return () => ofTopic.delete(listener)
    },
    onResumed(listener) {
      resumed.add(listener)
      return () => resumed.delete(listener)
    },
    resume() {
      for (const listener of resumed) listener()
    },
    async dispose() {
      listeners.clear()
      resumed.clear()
    },
  }
}
