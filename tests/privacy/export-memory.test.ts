import { get, type IncomingMessage } from 'node:http'
import pg from 'pg'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { startTestApp, type TestApp } from '../testkit/app.ts'
import { createGroupChat } from '../testkit/chats.ts'
import { megabyte, memoryInUse } from '../testkit/memory.ts'
import { RequestDataExport } from '../testkit/operations.ts'

// Whatever else the machine does: this is about memory, not about time.
const patienceMs = 120_000

let app: TestApp
let client: pg.Client
beforeAll(async () => {
  app = await startTestApp()
  client = new pg.Client(app.database.url)
  await client.connect()
})
afterAll(async () => {
  await client.end()
  await app.dispose()
})

test('an export of sixty megabytes is built and sent with a part of that in memory', {
  timeout: 2 * patienceMs,
}, async () => {
  const alice = await app.register('alice')
  const rowId = (globalId: string) => Buffer.from(globalId, 'base64url').toString().split(':')[1]
  // Twenty long texts that compress badly, in turn: too far apart for gzip to see that they come again.
  await client.query(
    `WITH texts AS (
        SELECT t, string_agg(md5(t || ' ' || i), '') AS text FROM generate_series(0, 19) t, generate_series(1, 150) i GROUP BY t
      )
      INSERT INTO messages (id, chat_id, sequence, author_id, text)
      SELECT gen_random_uuid(), $1, n, $2, text FROM generate_series(1, 12500) n JOIN texts ON t = n % 20`,
    [rowId(await createGroupChat(alice)), rowId(alice.id)],
  )
  const before = memoryInUse()
  const seen = { building: [] as number[], sending: [] as number[] }
  const look = (when: keyof typeof seen) => seen[when].push(memoryInUse() - before)

  const { dataExport } = (await alice.run(RequestDataExport)).requestDataExport
  const query = 'query ($id: ID!) { node(id: $id) { ... on DataExport { status sizeBytes downloadUrl } } }'
  const found = await vi.waitFor(
    async () => {
      const { node } = await alice.run(query, { id: dataExport.id })
      look('building')
      expect(node.status).toBe('READY')
      return node
    },
    { timeout: patienceMs, interval: 200 },
  )
  expect(found.sizeBytes).toBeGreaterThan(60 * megabyte)

  const response = await new Promise<IncomingMessage>((resolve) => {
    get(app.url + found.downloadUrl, resolve)
  })
  let size = 0
  for await (const part of response as AsyncIterable<Buffer>) {
    size += part.length
    if (size > (seen.sending.length + 1) * 10 * megabyte) look('sending')
  }
  expect(size).toBe(found.sizeBytes)
  for (const looks of Object.values(seen)) {
    expect(looks.length).toBeGreaterThan(4)
    expect(Math.max(...looks)).toBeLessThan(30)
  }
})
