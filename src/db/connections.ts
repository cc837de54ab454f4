import pg from 'pg'

/** How many connections the parts of one process take beside what clients ask for. */
export const poolSizes = {
  /** Live delivery, and the question who is asking. */
  control: 3,
  /** Work that goes on for minutes. */
  background: 3,
} as const

/** At the most, in one process: its pools, and the one that listens. */
export function connectionsOfProcess(poolSize: number): number {
  return poolSize + poolSizes.control + poolSizes.background + 1
}

/** How many connections the server allows this user on this database, those of other programs included. */
export async function countAllowedConnections(databaseUrl: string): Promise<number> {
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 5_000 })
  client.on('error', () => {})
  await client.connect()
  try {
    const { rows } = await client.query<{ allowed: number }>(
      `SELECT least(
          current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
            - coalesce(current_setting('reserved_connections', true)::int, 0),
          nullif(rolconnlimit, -1), nullif(datconnlimit, -1)) AS allowed
        FROM pg_roles, pg_database WHERE rolname = current_user AND datname = current_database()`,
    )
    return rows[0]?.allowed ?? Number.POSITIVE_INFINITY
  } finally {
    await client.end().catch(() => {})
  }
}
