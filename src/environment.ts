import { existsSync, readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'

/** The process's environment, completed in development by a `.env` file in the working folder. */
export function readEnvironment(): Record<string, string | undefined> {
  const env = process.env
  if (env['NODE_ENV'] === 'production' || !existsSync('.env')) return env
  return { ...parseEnv(readFileSync('.env', 'utf8')), ...env }
}
