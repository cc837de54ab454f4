import type { Database } from '../db/client.ts'

/** Live delivery looks at the log twice a second; after this long without a look it has stopped. */
const stalledAfterMs = 5_000

/** Whether requests are answered and events delivered now. @returns null, or what is missing */
export async function findUnreadiness(
  database: Database,
  feed: { readonly lag: number },
): Promise<string | null> {
  if (feed.lag > stalledAfterMs) return 'live delivery stands still'
  try {
    await database.query({ name: 'health', text: 'SELECT 1' }, [])
    return null
  } catch {
    return 'the database does not answer'
  }
}
