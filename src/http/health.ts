import type { Database } from '../db/client.ts'

/** Whether requests can be answered now. @returns null, or what is missing */
export async function findUnreadiness(database: Database): Promise<string | null> {
  try {
    await database.query({ name: 'health', text: 'SELECT 1' }, [])
    return null
  } catch {
    return 'the database does not answer'
  }
}
