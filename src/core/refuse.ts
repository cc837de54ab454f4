import { setTimeout as delay } from 'node:timers/promises'
import { RateLimitedError } from './errors.ts'

/**
 * For how long a refusal is held back, in milliseconds. Whoever asks again as soon as they are answered is
 * slowed down by it, and the server spends no time on them.
 */
const heldBackMs = 500

/**
 * @param retryAfterMs from now
 * @throws RateLimitedError, a moment later
 */
export async function refuse(retryAfterMs: number): Promise<never> {
  await delay(heldBackMs)
  throw new RateLimitedError(Math.max(0, Math.ceil(retryAfterMs) - heldBackMs))
}
