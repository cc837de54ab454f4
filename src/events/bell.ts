import type { Signals } from './signals.ts'

/**
 * Says "look at the log" to every process. It carries no news itself, so a ring that is lost costs a
 * moment and never an event: each tailer also looks by itself.
 */
export interface Bell {
  /** Call after the commit, never inside the transaction. Returns at once; rings are coalesced. */
  ring(): void
  /** @returns a function that stops listening */
  onRing(listener: () => void): () => void
}

const topic = 'bell'

export function createBell(signals: Signals): Bell {
  return {
    ring: () => signals.publish(topic, ''),
    onRing(listener) {
      const stop = signals.subscribe(topic, listener)
      // What was rung while nobody listened.
      const stopResumed = signals.onResumed(listener)
      return () => {
        stop()
        stopResumed()
      }
    },
  }
}
