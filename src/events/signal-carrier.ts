import { setTimeout as delay } from 'node:timers/promises'
import { uuidv7 } from '../core/ids.ts'
import type { Logger } from '../core/logger.ts'
import { createLru } from '../core/lru.ts'
import { bytesOf, createMemorySignals, type Signals, type Word } from './signals.ts'

/** Takes packets of words from a process to all, its own among them or not. */
export interface Carrier {
  /** Takes them in their order. Called anew only when it is through; rejects where some may not have gone. */
  send(packets: readonly string[]): Promise<void>
  dispose(): Promise<void>
}

/** Where a carrier hands over what it hears. */
export interface Receiver {
  /** The same packet may come twice, and packets of strangers may come. */
  hear(packet: string): void
  /** The others can be heard (again), and some packets may have been missed. */
  resume(): void
}

/** Between two sendings: the first word goes at once, those that follow it closely go together. */
const pauseMs = 10
const retryMs = 500
/** Words that may wait where they cannot be sent; the oldest are dropped. */
const maxWaiting = 1_000
/** Postgres takes less than 8,000 in one notification; the rest is what stands around the words. */
const maxWordsBytes = 7_800
/** Packets kept in mind, for one that comes by another way a second time. */
const maxHeard = 10_000

interface Packet {
  readonly from: string
  /** Of this sender, in ascending order. */
  readonly number: number
  readonly words: readonly Word[]
}

/** Signals between processes. Its own process is told directly, the others in packets, by one sending at a time. */
export function createCarriedSignals(options: {
  logger: Logger
  carry: (receiver: Receiver) => Carrier
}): Signals {
  const { logger } = options
  const local = createMemorySignals()
  // So that a process does not hear itself a second time.
  const self = uuidv7()
  const heard = createLru<true>(maxHeard)
  const waiting = new Map<string, Word>()
  let packed = 0
  let sending: Promise<void> | null = null
  let closed = false

  const carrier = options.carry({
    hear(text) {
      const packet = parse(text)
      if (packet === null) return logger.debug('a signal of somebody else was heard')
      const id = `${packet.from}:${packet.number}`
      if (packet.from === self || heard.get(id)) return
      heard.set(id, true)
      for (const [topic, payload] of packet.words) local.publish(topic, payload)
    },
    resume: local.resume,
  })

  function enqueue(word: Word): void {
    const key = word.join('\0')
    // Of a start, a stop and a start again the last one counts, and comes last.
    waiting.delete(key)
    waiting.set(key, word)
    if (waiting.size <= maxWaiting) return
    for (const oldest of waiting.keys()) {
      waiting.delete(oldest)
      break
    }
  }

  const send = async (): Promise<void> => {
    while (waiting.size > 0) {
      const words = [...waiting.values()]
      waiting.clear()
      try {
        await carrier.send(pack(words))
        await delay(pauseMs)
      } catch (error) {
        logger.warn({ err: error }, 'the other processes cannot be told; they look by themselves')
        if (closed) break
        const newer = [...waiting.values()]
        waiting.clear()
        for (const word of [...words, ...newer]) enqueue(word)
        await delay(retryMs)
      }
    }
    sending = null
  }

  /** As few packets as the words fit into. */
  function pack(words: readonly Word[]): string[] {
    const packets: string[] = []
    let batch: Word[] = []
    let bytes = 0
    const close = () => {
      packets.push(JSON.stringify({ from: self, number: ++packed, words: batch } satisfies Packet))
      batch = []
      bytes = 0
    }
    for (const word of words) {
      const size = bytesOf(word) + 1
      if (batch.length > 0 && bytes + size > maxWordsBytes) close()
      batch.push(word)
      bytes += size
    }
    close()
    return packets
  }

  return {
    publish(topic, payload) {
      local.publish(topic, payload)
      if (closed) return
      enqueue([topic, payload])
      sending ??= send()
    },
    subscribe: local.subscribe,
    onResumed: local.onResumed,
    async dispose() {
      closed = true
      await sending
      await carrier.dispose()
      await local.dispose()
    },
  }
}

/** @returns null for what no Parley has sent */
function parse(text: string): Packet | null {
  try {
    const packet = JSON.parse(text) as Partial<Packet> | null
    return Array.isArray(packet?.words) ? (packet as Packet) : null
  } catch {
    return null
  }
}
