import type { Signals } from '../../events/signals.ts'

/** Says whose presence to look at. It carries no news itself, so that who hears it twice or late does no harm. */

const topic = 'presence'
/** Ids in one signal: 3,700 bytes. */
const idsInSignal = 100

export function announce(signals: Signals, userIds: readonly string[]): void {
  for (let i = 0; i < userIds.length; i += idsInSignal) {
    signals.publish(topic, userIds.slice(i, i + idsInSignal).join(' '))
  }
}

/** @returns a function that stops listening */
export function onAnnounced(signals: Signals, listener: (userId: string) => void): () => void {
  return signals.subscribe(topic, (payload) => {
    for (const userId of payload.split(' ')) listener(userId)
  })
}
