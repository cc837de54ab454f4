import { createLru } from '../core/lru.ts'
import type { LogEvent } from './event.ts'

/** How many chats are watched; of others the next message is the first. */
const chatsAtMost = 10_000

/**
 * Watches the log as it is handed over: the messages of a chat have dense numbers, so one that does not follow upon
 * the one before is an entry that was skipped, repeated or out of order. There is no way known how that could happen;
 * this is to know if there is.
 */
export function createGapDetector(onGap: (found: { event: LogEvent; expected: number }) => void): {
  look(events: readonly LogEvent[]): void
  forgetAll(): void
} {
  let newest = createLru<number>(chatsAtMost)
  return {
    look(events) {
      for (const event of events) {
        const { kind, chatId, sequence } = event
        if (kind !== 'MESSAGE_ADDED' || chatId === null || sequence === null) continue
        const last = newest.get(chatId)
        if (last !== undefined && sequence !== last + 1) onGap({ event, expected: last + 1 })
        newest.set(chatId, sequence)
      }
    },
    forgetAll() {
      newest = createLru(chatsAtMost)
    },
  }
}
