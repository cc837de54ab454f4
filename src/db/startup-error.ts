/**
 * The server cannot start, for a reason that whoever runs it can mend. The message is one line, says what to do
 * where that is known, holds no secret, and is printed without a stack trace.
 */
export class StartupError extends Error {
  override name = 'StartupError'
}
