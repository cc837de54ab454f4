import { constants } from 'node:os'
import { ConfigError } from '../config.ts'
import { StartupError } from '../db/startup-error.ts'

/** The person at the terminal ended a command before it was done. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
  readonly signal: NodeJS.Signals
  constructor(signal: NodeJS.Signals) {
    super(`Interrupted by ${signal}`)
    this.signal = signal
  }
}

/**
 * Ends the process after a failure, having said what it was: in its words alone where a person can mend it, with the
 * stack where that takes a developer. An interrupted command says nothing and counts as shells count: 128 and the
 * signal's number.
 */
export function fail(error: unknown): void {
  if (error instanceof Interrupted) process.exit(128 + constants.signals[error.signal])
  const expected = error instanceof ConfigError || error instanceof StartupError
  console.error(expected ? error.message : error)
  process.exitCode = 1
  exitSoon()
}

/** How long what was left open may keep an ended process, in milliseconds. */
const lingerMs = 1_000

/** The process ends by itself when nothing is left to do; and now also where something was left open. */
export function exitSoon(): void {
  setTimeout(() => process.exit(), lingerMs).unref()
}
