import { inTime } from '../core/in-time.ts'
import type { Database } from '../db/client.ts'

/** Live delivery looks at the log twice a second; after this long without a look it has stopped. */
const stalledAfterMs = 5_000
/** How long the database may take, in milliseconds. */
const patienceMs = 2_000

/** Whether requests are answered and events delivered now. @returns null, or what is missing */
export async function findUnreadiness(
  database: Database,
  feed: { readonly lag: number },
): Promise<string | null> {
  try {
    await inTime(database.query({ name: 'health', text: 'SELECT 1' }, []), patienceMs, 'The database')
  } catch {
    return 'the database does not answer'
  }
  return feed.lag > stalledAfterMs ? 'live delivery stands still' : null
}
