import pg from 'pg'
import { vi } from 'vitest'
import type { TestApp, TestUser } from '../testkit/app.ts'
import type { Data, TestClient } from '../testkit/client.ts'
import { BlockUser, CreateDirectChat, UnblockUser } from '../testkit/operations.ts'

/** What both sides of a block are told, to the letter. */
export const refusal = {
  __typename: 'ForbiddenError',
  code: 'FORBIDDEN',
  reason: 'You and this person cannot exchange messages.',
}

export async function block(blocker: TestClient, userId: string): Promise<Data> {
  return (await blocker.run(BlockUser, { input: { userId } })).blockUser
}

export async function unblock(blocker: TestClient, userId: string): Promise<Data> {
  return (await blocker.run(UnblockUser, { input: { userId } })).unblockUser
}

export async function direct(viewer: TestClient, userId: string): Promise<Data> {
  return (await viewer.run(CreateDirectChat, { input: { userId } })).createDirectChat
}

export async function registerPair(app: TestApp): Promise<[alice: TestUser, bob: TestUser]> {
  return [await app.register('alice'), await app.register('bob')]
}

export const rowId = (globalId: string) => Buffer.from(globalId, 'base64url').toString().split(':')[1] ?? ''

/** A transaction beside the server that stands in its way. */
export interface Obstacle {
  query(text: string, values?: unknown[]): Promise<pg.QueryResult>
  /** Resolves once this many of the server's connections wait for a lock. */
  untilWaiting(count: number): Promise<void>
  /** Commits. */
  end(): Promise<void>
}

export async function createObstacle(app: TestApp): Promise<Obstacle> {
  const [client, observer] = [new pg.Client(app.database.url), new pg.Client(app.database.url)]
  await Promise.all([client.connect(), observer.connect()])
  await client.query('BEGIN')
  return {
    query: (text, values) => client.query(text, values),
    untilWaiting: (count) =>
      vi.waitFor(
        async () => {
          const { rows } = await observer.query(`SELECT count(*)::int AS count FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'`)
          if (rows[0].count !== count) throw new Error(`${rows[0].count} wait, not ${count}.`)
        },
        { timeout: 10_000, interval: 5 },
      ),
    async end() {
      await client.query('COMMIT')
      await Promise.all([client.end(), observer.end()])
    },
  }
}
