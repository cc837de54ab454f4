import type { Logger } from './logger.ts'

/** Between two lines of the same words about a trouble that lasts, in milliseconds. */
const everyMs = 10_000

/**
 * A logger that does not repeat itself while a trouble lasts: without a database everything fails, again and again,
 * and what else there is to read would drown.
 * @param lasts whether an error is one that comes again until somebody mends it
 */
export function spareWords(logger: Logger, lasts: (error: unknown) => boolean): Logger {
  const said = new Map<string, { at: number; repeated: number }>()
  const sparing = (level: 'warn' | 'error') => (fields: unknown, message?: string) => {
    const { err } = Object(fields) as { err?: unknown }
    if (message === undefined || !lasts(err)) return logger[level](fields, message)
    const now = performance.now()
    const last = said.get(message)
    if (last !== undefined && now - last.at < everyMs) {
      last.repeated++
      return
    }
    said.set(message, { at: now, repeated: 0 })
    logger[level](last?.repeated ? { ...Object(fields), repeated: last.repeated } : fields, message)
  }
  return Object.assign(Object.create(logger) as Logger, { warn: sparing('warn'), error: sparing('error') })
}
