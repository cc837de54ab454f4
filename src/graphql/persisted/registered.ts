import { createLru, type Lru } from '../../core/lru.ts'

/**
 * Bounds on what clients register. A document that was dropped, or not kept, costs its client one more request, so they
 * need not be generous. Documents of whoever is logged in and of strangers are kept apart, so that strangers, who have
 * few to send (logging in, registering), push nobody else's out; and one network of them pushes out few of theirs.
 */
export const registeredLimits = {
  /**
   * How many documents of users there are, what their texts may have together and each, in bytes of UTF-8, and how many
   * one user may register at once.
   */
  users: { documents: 1_000, bytes: 8_000_000, textBytes: 96_000, burst: 100 },
  /** Likewise of strangers, and of one network of them. */
  strangers: { documents: 500, bytes: 2_000_000, textBytes: 10_000, burst: 10 },
  /** How soon each may register one more. */
  intervalMs: 60_000,
} as const

/** Bounds on what a process puts into Redis, whoever registers it; processes know nothing of each other's. */
export const sharedLimits = {
  /** Of one text, in bytes of UTF-8. */
  textBytes: 16_000,
  /** How long Redis keeps it, in seconds. */
  seconds: 86_400,
  users: { burst: 1_000, intervalMs: 10_000 },
  strangers: { burst: 200, intervalMs: 60_000 },
} as const

/** So many who register are remembered; who is forgotten begins anew. */
const registrars = 10_000

/** Who registers, or asks. */
export interface Registrar {
  readonly kind: 'users' | 'strangers'
  /** Which of them. */
  readonly key: string
}

/** What clients have registered, in this process. */
export interface Registered {
  get(hash: string): string | undefined
  /**
   * Keeps a text, unless that is beyond what they may register now, or too large; it counts.
   * @returns whether it is kept
   */
  keep(hash: string, text: string, registrar: Registrar): boolean
  /** Whether a text that is kept may go to Redis, too; it counts. */
  admitToShared(text: string, registrar: Registrar): boolean
}

/** @param now in milliseconds, from anywhere */
export function createRegistered(now: () => number = () => performance.now()): Registered {
  const create = ({ documents, bytes }: { documents: number; bytes: number }) =>
    createLru<string>({ entries: documents, weight: bytes, weigh: (text) => Buffer.byteLength(text) })
  const texts = { users: create(registeredLimits.users), strangers: create(registeredLimits.strangers) }
  /** When what each has used up will be whole again. */
  const wholeAt = createLru<number>(registrars)
  const sharedWholeAt = createLru<number>(2)

  function take(
    from: Lru<number>,
    whose: string,
    { burst, intervalMs }: Record<'burst' | 'intervalMs', number>,
  ) {
    const time = now()
    const whole = Math.max(time, from.get(whose) ?? 0)
    if (whole - time > (burst - 1) * intervalMs) return false
    from.set(whose, whole + intervalMs)
    return true
  }

  return {
    get: (hash) => texts.users.get(hash) ?? texts.strangers.get(hash),
    keep(hash, text, { kind, key }) {
      const { burst, textBytes } = registeredLimits[kind]
      if (Buffer.byteLength(text) > textBytes) return false
      if (!take(wholeAt, `${kind} ${key}`, { burst, intervalMs: registeredLimits.intervalMs })) return false
      texts[kind].set(hash, text)
      return true
    },
    admitToShared: (text, { kind }) =>
      Buffer.byteLength(text) <= sharedLimits.textBytes && take(sharedWholeAt, kind, sharedLimits[kind]),
  }
}
