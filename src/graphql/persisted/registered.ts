import { createLru } from '../../core/lru.ts'

/**
 * Bounds on what clients register. A document that was dropped costs its client one more request, so they need not
 * be generous. Documents of whoever is logged in and of strangers are kept apart, so that strangers, who have few to
 * send (logging in, registering), push nobody else's out.
 */
export const registeredLimits = {
  /** Documents of users, and what their texts may have together, in bytes of UTF-8. */
  users: { documents: 1_000, bytes: 8_000_000 },
  /** Likewise of strangers. */
  strangers: { documents: 100, bytes: 400_000 },
  /** How many documents one user, or one network of strangers, may register at once, and how soon one more. */
  burst: 100,
  intervalMs: 60_000,
  /** How long Redis keeps what was registered, in seconds. */
  sharedSeconds: 86_400,
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
  keep(hash: string, text: string, registrar: Registrar): void
  /** Whether they may register one more now; it counts. */
  admit(registrar: Registrar): boolean
}

/** @param now in milliseconds, from anywhere */
export function createRegistered(now: () => number = () => performance.now()): Registered {
  const create = ({ documents, bytes }: { documents: number; bytes: number }) =>
    createLru<string>({ entries: documents, weight: bytes, weigh: (text) => Buffer.byteLength(text) })
  const texts = { users: create(registeredLimits.users), strangers: create(registeredLimits.strangers) }
  /** When what each has used up will be whole again. */
  const wholeAt = createLru<number>(registrars)
  const { burst, intervalMs } = registeredLimits
  return {
    get: (hash) => texts.users.get(hash) ?? texts.strangers.get(hash),
    keep: (hash, text, { kind }) => texts[kind].set(hash, text),
    admit({ kind, key }) {
      const time = now()
      const from = Math.max(time, wholeAt.get(`${kind} ${key}`) ?? 0)
      if (from - time > (burst - 1) * intervalMs) return false
      wholeAt.set(`${kind} ${key}`, from + intervalMs)
      return true
    },
  }
}
