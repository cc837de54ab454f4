import { availableParallelism } from 'node:os'
import argon2 from 'argon2'
import { createBoundedGate } from '../../core/gate.ts'

/** Hashes and checks passwords with argon2id, a bounded number at a time, with a bounded number waiting. */
export interface Passwords {
  /**
   * Says that too many are waiting, before anything else is done in vain.
   * @throws RateLimitedError
   */
  check(): Promise<void>
  /** @throws RateLimitedError when too many are waiting */
  hash(password: string): Promise<string>
  /**
   * Whether the password is the one behind the hash. Null stands for an unknown account and takes as
   * long as a wrong password does.
   * @throws RateLimitedError when too many are waiting
   */
  verify(hash: string | null, password: string): Promise<boolean>
}

/** @property memoryCost in KiB @property timeCost how often that memory is gone over */
export interface PasswordCost {
  readonly memoryCost: number
  readonly timeCost: number
}

/** OWASP's minimum for argon2id: 19 MiB, two passes, one lane; 20 to 35 ms here. */
const passwordCost: PasswordCost = { memoryCost: 19_456, timeCost: 2 }

/** Of passwords that wait to be hashed or checked: some seconds' worth. */
const longestLine = 100

/** Hashing takes a thread of libuv's four; one is left to files and names. */
const mostAtATime = 3

export async function createPasswords(
  options: { concurrency?: number; cost?: PasswordCost } = {},
): Promise<Passwords> {
  const cost = options.cost ?? passwordCost
  const parameters = { type: argon2.argon2id, parallelism: 1, ...cost } as const
  // Hashing fills a core. One is left to everything else, so that a flood of logins delays logins only.
  const spare = Math.max(1, availableParallelism() - 1)
  const gate = createBoundedGate(options.concurrency ?? Math.min(spare, mostAtATime), longestLine)
  const nobody = await argon2.hash('a password that no account has', parameters)
  return {
    check: gate.check,
    hash: (password) => gate.run(() => argon2.hash(password, parameters)),
    verify: (hash, password) =>
      gate.run(async () => {
        // An account that is being erased has an empty one.
        const matches = await argon2.verify(hash || nobody, password)
        return matches && Boolean(hash)
      }),
  }
}
