import { type Logger as PinoLogger, pino } from 'pino'

export type Logger = PinoLogger
export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent'

/**
 * What the log keeps of an error. A database driver's error carries its connection, the values of the row
 * and the statement; none of that belongs into a log.
 */
function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return { message: String(error) }
  const { code, constraint } = error as { code?: unknown; constraint?: unknown }
  return {
    type: error.name,
    message: error.message,
    stack: error.stack,
    ...(typeof code === 'string' && { code }),
    ...(typeof constraint === 'string' && { constraint }),
    ...(error.cause !== undefined && { cause: serializeError(error.cause) }),
  }
}

/** JSON lines, or readable ones in a terminal. Secrets that a careless caller passes are cut out. */
export function createLogger(options: { level: LogLevel; pretty: boolean }): Logger {
  return pino({
    level: options.level,
    serializers: { err: serializeError },
    redact: ['password', '*.password', 'authorization', '*.authorization', 'refreshToken', '*.refreshToken'],
    ...(options.pretty && {
      transport: { target: 'pino-pretty', options: { ignore: 'pid,hostname', translateTime: 'HH:MM:ss.l' } },
    }),
  })
}
