import { setTimeout as delay } from 'node:timers/promises'
import type { App } from '../app.ts'
import type { Logger } from '../core/logger.ts'

/** How long an app may take to let go of everything, in milliseconds. Service managers commonly give ten seconds. */
const appMs = 8_000
/** When the process ends in any case, its database included. */
const processMs = 9_500

/**
 * Lets go of an app. What has not ended in time is named in the log, and left to end with the process.
 */
export async function drain(app: App, logger: Logger): Promise<void> {
  const timer = new AbortController()
  const late = delay(appMs, true, { signal: timer.signal }).catch(() => false)
  if (await Promise.race([app.dispose(), late])) {
    logger.warn({ left: app.undisposed }, 'not everything has ended in time, and is left as it is')
  }
  timer.abort()
}

/** From now on the process has this long, whatever it is that does not end. */
export function endInTime(logger: Logger): void {
  setTimeout(() => {
    logger.warn('the server has not ended in time, and ends at once')
    process.exit(0)
  }, processMs).unref()
}
