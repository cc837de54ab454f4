import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config.ts'
import { StartupError } from '../db/startup-error.ts'

/**
 * The signing secrets: the configured ones, or one made up once and kept in the data folder. A key that cannot be
 * read, or is not one, is found here and not at the first login.
 * @throws StartupError with one line
 */
export function loadJwtSecrets(config: Config): readonly string[] {
  if (config.jwtSecrets !== null) return config.jwtSecrets
  const repair = `delete the file jwt-secret in ${config.dataDir} for a new one, and everyone logs in anew`
  let secret: string
  try {
    secret = readOrMake(config.dataDir)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new StartupError(`The signing secret cannot be read (${reason}): ${repair}`, { cause: error })
  }
  if (Buffer.byteLength(secret) >= 32) return [secret]
  throw new StartupError(`The signing secret is damaged: ${repair}`)
}

function readOrMake(dataDir: string): string {
  const file = join(dataDir, 'jwt-secret')
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  try {
    writeFileSync(file, randomBytes(48).toString('base64url'), { flag: 'wx', mode: 0o600 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return readFileSync(file, 'utf8').trim()
}
