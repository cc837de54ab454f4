import type { Config } from '../config.ts'
import { warnOnTerminal, withDatabase } from './database.ts'

/** Brings the database to this version, and says which one it was. */
export async function migrateDatabase(config: Config): Promise<void> {
  await withDatabase(config, { onWarning: warnOnTerminal }, async ({ place }) => {
    console.log(`Up to date: ${place}`)
  })
}
