import { createServer, get, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { toGlobalId, uuidv7 } from '../../src/core/ids.ts'
import { createExportSender } from '../../src/http/exports.ts'
import { addressOf, run } from '../cli/cli.ts'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { createGroupChat, sendMessage } from '../testkit/chats.ts'
import type { Data, TestClient } from '../testkit/client.ts'
import { createTestDatabase, type TestDatabase } from '../testkit/database.ts'
import { RequestDataExport } from '../testkit/operations.ts'

// Some of these start whole processes, and hold up what would be quick.
vi.setConfig({ testTimeout: 60_000 })
const patience = { timeout: 30_000, interval: 20 }

const secret = 'a secret that several processes of these tests share'

let database: TestDatabase
let client: pg.Client
let apps: TestApp[]
beforeEach(async () => {
  database = await createTestDatabase()
  client = new pg.Client(database.url)
  await client.connect()
  apps = []
  // Whoever is about to store a piece waits for a lock that a test holds, if it does, and waits as long as it takes.
  await client.query(`CREATE FUNCTION wait_for_test() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      PERFORM set_config('lock_timeout', '0', true);
      PERFORM pg_advisory_xact_lock_shared(1, (SELECT count(*)::int FROM data_export_chunks));
      RETURN NULL;
    END $$`)
  await client.query(`CREATE TRIGGER wait_for_test BEFORE INSERT ON data_export_chunks
    FOR EACH STATEMENT EXECUTE FUNCTION wait_for_test()`)
})
afterEach(async () => {
  for (const app of apps) await app.dispose()
  await client.end()
  await database.dispose()
})

async function start(): Promise<TestApp> {
  const app = await startTestApp({ database, jwtSecrets: [secret] })
  apps.push(app)
  return app
}

/** Stops an export when this many pieces are stored: for some seconds, since its reading connection must not idle. */
async function holdAt(pieces: number): Promise<{ reached(): Promise<void>; release(): Promise<unknown> }> {
  await client.query('SELECT pg_advisory_lock(1, $1)', [pieces])
  return {
    reached: () =>
      vi.waitFor(async () => {
        const { rowCount } = await client.query(
          `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND classid = 1 AND NOT granted`,
        )
        expect(rowCount).toBe(1)
      }, patience),
    release: () => client.query('SELECT pg_advisory_unlock(1, $1)', [pieces]),
  }
}

const rowId = (globalId: string) => Buffer.from(globalId, 'base64url').toString().split(':')[1]

/** Messages that compress badly, so that an export has several pieces: forty texts in turn, too far apart for gzip. */
async function writeMuch(user: TestUser): Promise<void> {
  const chatId = rowId(await createGroupChat(user))
  await client.query(
    `WITH texts AS (
        SELECT t, string_agg(md5(t || ' ' || i), '') AS text FROM generate_series(0, 39) t, generate_series(1, 80) i GROUP BY t
      )
      INSERT INTO messages (id, chat_id, sequence, author_id, text)
      SELECT gen_random_uuid(), $1, n, $2, text FROM generate_series(1, 3000) n JOIN texts ON t = n % 40`,
    [chatId, rowId(user.id)],
  )
}

async function request(user: TestClient): Promise<Data> {
  return (await user.run(RequestDataExport)).requestDataExport.dataExport
}

const Export = 'query Export($id: ID!) { node(id: $id) { ... on DataExport { status downloadUrl } } }'

function ready(user: TestClient, id: string): Promise<Data> {
  return vi.waitFor(async () => {
    const { node } = await user.run(Export, { id })
    expect(node).toMatchObject({ status: 'READY' })
    return node
  }, patience)
}

function wakeAll(): void {
  for (const { app } of apps) app.services.dataExports.wake()
}

/** What another process would do by itself half a minute later. */
function untilBegunAnew(): Promise<void> {
  return vi.waitFor(async () => {
    wakeAll()
    expect(await exportsInDatabase()).toMatchObject([{ attempts: 2 }])
  }, patience)
}

async function exportsInDatabase(): Promise<Data[]> {
  const { rows } = await client.query(
    `SELECT status, attempts, (SELECT array_agg(number ORDER BY number) FROM data_export_chunks WHERE export_id = e.id) AS pieces
      FROM data_exports e ORDER BY id`,
  )
  return rows
}

/** What is ready is whole, whatever happened on the way. */
async function expectWhole(app: TestApp, path: string): Promise<void> {
  const document = (await (await fetch(app.url + path)).json()) as Data
  expect(document.messages).toHaveLength(3000)
  const texts = new Set(document.messages.map(({ text }: Data) => text.length))
  expect(texts).toEqual(new Set([80 * 32]))
}

/** By the second attempt, without a piece of the first. */
async function expectBuiltAnew(): Promise<void> {
  const [{ pieces, ...row }] = (await exportsInDatabase()) as [Data]
  expect(row).toEqual({ status: 'READY', attempts: 2 })
  expect(pieces).toEqual([...pieces.keys()])
  expect(pieces.length).toBeGreaterThan(2)
}

test('ten requests at once, at two processes, begin one export, and one of them builds it', async () => {
  const [app, other] = [await start(), await start()]
  const [alice, bob] = [await app.register('alice'), await app.register('bob')]
  const elsewhere = other.client(alice.token)
  const held = await holdAt(0)
  const requested = await Promise.all(
    Array.from({ length: 10 }, (_, i) => request(i % 2 === 0 ? alice : elsewhere)),
  )
  expect(new Set(requested.map(({ id }) => id)).size).toBe(1)
  await held.reached()
  // The one that does not build it is not in its way, and passes over it to the next.
  wakeAll()
  await request(bob)
  wakeAll()
  await vi.waitFor(async () => {
    expect((await exportsInDatabase()).map(({ attempts }) => attempts)).toEqual([1, 1])
  }, patience)
  await held.release()
  await ready(alice, requested[0].id)
  await vi.waitFor(async () => {
    expect(await exportsInDatabase()).toEqual([
      { status: 'READY', attempts: 1, pieces: [0] },
      { status: 'READY', attempts: 1, pieces: [0] },
    ])
  }, patience)
})

test('a process that is stopped in the middle leaves the export to another', async () => {
  const app = await start()
  const alice = await app.register('alice')
  await writeMuch(alice)
  const held = await holdAt(1)
  const { id } = await request(alice)
  await held.reached()
  const stopped = app.dispose()
  // The server goes before the work in the background is told to end.
  await vi.waitFor(() => expect(fetch(`${app.url}/health/live`)).rejects.toThrow(), patience)
  await held.release()
  await stopped
  expect(await exportsInDatabase()).toMatchObject([{ status: 'PENDING', attempts: 1 }])
  const next = await start()
  const { downloadUrl } = await ready(next.client(alice.token), id)
  await expectBuiltAnew()
  await expectWhole(next, downloadUrl)
  expect([...app.logs, ...next.logs]).toEqual([])
})

test('a process that is killed in the middle leaves the export to another', async () => {
  const next = await start()
  const alice = await next.register('alice')
  await writeMuch(alice)
  const held = await holdAt(1)
  const server = run(['serve'], {
    env: { DATABASE_URL: database.url, JWT_SECRET: secret, SEED: 'none', NODE_ENV: 'production' },
  })
  const url = await addressOf(server)
  const answer = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${alice.token}` },
    body: JSON.stringify({ query: RequestDataExport }),
  })
  const { data } = (await answer.json()) as Data
  await held.reached()
  server.child.kill('SIGKILL')
  await server.ended
  await held.release()
  const { id } = data.requestDataExport.dataExport
  await untilBegunAnew()
  const { downloadUrl } = await ready(alice, id)
  await expectBuiltAnew()
  await expectWhole(next, downloadUrl)
})

test('a builder that has lost its export to another adds nothing to it', async () => {
  const [app, other] = [await start(), await start()]
  const alice = await app.register('alice')
  await writeMuch(alice)
  const held = await holdAt(1)
  const { id } = await request(alice)
  await held.reached()
  // Its reading connection breaks, and with it the lock; what it is about to store it does not know of yet.
  await client.query(
    `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = 72707372
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
  )
  await untilBegunAnew()
  await held.release()
  const { downloadUrl } = await ready(alice, id)
  await expectBuiltAnew()
  await expectWhole(other, downloadUrl)
})

test('an account that is erased in the middle takes its export along, quietly', async () => {
  const app = await start()
  const [alice, bob] = [await app.register('alice'), await app.register('bob')]
  await writeMuch(alice)
  const held = await holdAt(1)
  await request(alice)
  await held.reached()
  await client.query('DELETE FROM chat_members WHERE user_id = $1', [rowId(alice.id)])
  await client.query('DELETE FROM users WHERE id = $1', [rowId(alice.id)])
  await held.release()
  // The next in line has its turn.
  await ready(bob, (await request(bob)).id)
  expect(await exportsInDatabase()).toHaveLength(1)
  expect((await client.query('SELECT 1 FROM data_export_chunks')).rowCount).toBe(1)
  expect(app.logs).toEqual([])
})

test('a document is of one moment, whatever is written while it is built', async () => {
  const app = await start()
  const alice = await app.register('alice')
  await writeMuch(alice)
  const held = await holdAt(1)
  const { id } = await request(alice)
  await held.reached()
  await sendMessage(alice, await createGroupChat(alice, [], 'Made meanwhile'), 'written meanwhile')
  await client.query('UPDATE messages SET text = NULL, deleted_at = now()')
  await held.release()
  const { downloadUrl } = await ready(alice, id)
  await expectWhole(app, downloadUrl)
  const text = await (await fetch(app.url + downloadUrl)).text()
  expect(text).not.toMatch(/meanwhile/)
})

describe('a client that takes its download slowly, or not at all', () => {
  const pieces = 48
  let server: Server
  /** What became of the last request: whether there was such an export. */
  let served: Promise<string>
  let reads: number
  let path: string

  async function serve(idleMs: number): Promise<string> {
    const app = await start()
    const alice = await app.register('alice')
    const id = uuidv7()
    await client.query(
      `INSERT INTO data_exports (id, user_id, status, ready_at, expires_at, size)
        VALUES ($1, $2, 'READY', now(), now() + interval '1 day', 1)`,
      [id, rowId(alice.id)],
    )
    await client.query(
      `INSERT INTO data_export_chunks SELECT $1, n, decode(repeat('5a', 1048576), 'hex') FROM generate_series(0, $2) n`,
      [id, pieces - 1],
    )
    const { node } = await alice.run(Export, { id: toGlobalId('DataExport', id) })
    path = node.downloadUrl
    reads = 0
    app.app.database.onStatement = (sql) => {
      if (sql.startsWith('SELECT c.data FROM data_export_chunks')) reads++
    }
    const { store, dataExports } = app.app.services
    const send = createExportSender({
      store,
      links: dataExports.links,
      onSessionRevoked: app.app.services.feed.onSessionRevoked,
      idleMs,
    })
    server = createServer((request, response) => {
      served = send(request, response, request.url?.replace('/exports/', '') ?? '')
    }).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }
  afterEach(() => {
    server.closeAllConnections()
    server.close()
  })

  const begin = (url: string): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      get(url + path, { headers: { 'accept-encoding': 'gzip' } }, resolve).once('error', reject)
    })

  test('gets it whole in the end', async () => {
    const response = await begin(await serve(60_000))
    let size = 0
    for await (const part of response) {
      size += part.length
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(size).toBe(pieces * 1_048_576)
    expect(await served).toBe('sent')
    expect(reads).toBe(pieces)
  })

  test('and goes away, costs nothing any more', async () => {
    const response = await begin(await serve(60_000))
    response.on('error', () => {})
    await new Promise((resolve) => response.once('data', resolve))
    response.destroy()
    expect(await served).toBe('sent')
    expect(reads).toBeLessThan(pieces / 2)
  })

  test('and stops reading without going away, is let go', async () => {
    const response = await begin(await serve(1_000))
    expect(await served).toBe('sent')
    expect(reads).toBeLessThan(pieces / 2)
    await expect(
      (async () => {
        for await (const _ of response);
      })(),
    ).rejects.toThrow('aborted')
  })

  test('sees that it is cut short when the export is deleted on the way', async () => {
    const response = await begin(await serve(60_000))
    await client.query('DELETE FROM data_exports')
    await expect(
      (async () => {
        for await (const _ of response);
      })(),
    ).rejects.toThrow('aborted')
    expect(await served).toBe('sent')
    expect(reads).toBeLessThan(pieces)
  })
})
