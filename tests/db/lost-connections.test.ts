import { once } from 'node:events'
import { createServer, connect as dial, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { createDatabase } from '../../src/db/client.ts'
import { isDatabaseUnavailable } from '../../src/db/unavailable.ts'
import { createTestDatabase } from '../testkit/database.ts'
import { createTestProxy } from '../testkit/proxy.ts'

const readyForQuery = Buffer.from([0x5a, 0, 0, 0, 5, 0x49])

/** What Postgres says when it dies. */
function farewell(): Buffer {
  const fields = Buffer.from(
    `SFATAL\0VFATAL\0C57P01\0Mterminating connection due to unexpected postmaster exit\0\0`,
  )
  const head = Buffer.alloc(5)
  head.write('E')
  head.writeInt32BE(fields.length + 4, 1)
  return Buffer.concat([head, fields])
}

/** Passes everything on, and has the server die right behind an answer: in the same packet. */
async function startProxy(databaseUrl: string) {
  const target = new URL(databaseUrl)
  let dying = false
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = dial(Number(target.port), target.hostname)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
    }
    client.on('data', (data) => upstream.write(data))
    upstream.on('data', (data) => {
      if (!dying || !data.subarray(-6).equals(readyForQuery)) {
        client.write(data)
        return
      }
      dying = false
      client.end(Buffer.concat([data, farewell()]))
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(databaseUrl)
  url.port = String((server.address() as { port: number }).port)
  return {
    url: url.href,
    dieBehindTheNextAnswer: () => {
      dying = true
    },
    dispose() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

test('a connection that breaks while it is handed on fails whoever gets it, and nobody else', async () => {
  const testDatabase = await createTestDatabase()
  const proxy = await startProxy(testDatabase.url)
  const database = createDatabase({ url: proxy.url, poolSize: 1, onError: () => {} })
  const answer = (text: string) => database.query<{ n: number }>({ text }, [])
  try {
    await database.prisma.user.count()
    proxy.dieBehindTheNextAnswer()
    const [first, second] = await Promise.allSettled([
      // Long enough for the other one to stand in line behind it.
      answer('SELECT 2 AS n FROM pg_sleep(0.3)'),
      database.prisma.$transaction(async (tx) => tx.user.count()),
    ])
    expect(first).toMatchObject({ status: 'fulfilled', value: [{ n: 2 }] })
    if (second.status === 'fulfilled') throw new Error('The transaction had no connection.')
    expect(isDatabaseUnavailable(second.reason)).toBe(true)
    expect(await answer('SELECT 3 AS n')).toEqual([{ n: 3 }])
  } finally {
    await database.dispose()
    proxy.dispose()
    await testDatabase.dispose()
  }
})

test('a connection that goes silent is given up, in and out of transactions, and the next one is good', async () => {
  const testDatabase = await createTestDatabase()
  const proxy = await createTestProxy(testDatabase.url)
  const database = createDatabase({ url: proxy.url, poolSize: 2, statementTimeoutMs: 100, onError: () => {} })
  const one = () => database.query({ text: 'SELECT 1' }, [])
  try {
    await Promise.all([one(), one()])
    proxy.silence()
    const begun = performance.now()
    const lost = await Promise.allSettled([
      one(),
      database.prisma.$transaction(async (tx) => tx.user.count()),
    ])
    for (const each of lost) {
      if (each.status === 'fulfilled') throw new Error('It had an answer.')
      expect(isDatabaseUnavailable(each.reason)).toBe(true)
    }
    expect(performance.now() - begun).toBeLessThan(8_000)
    await Promise.all([one(), database.prisma.$transaction(async (tx) => tx.user.count())])
  } finally {
    await database.dispose()
    await proxy.dispose()
    await testDatabase.dispose()
  }
})

test('a transaction that gives itself longer is waited for, and rest is no silence', async () => {
  const testDatabase = await createTestDatabase()
  const database = createDatabase({
    url: testDatabase.url,
    poolSize: 1,
    statementTimeoutMs: 100,
    onError: () => {},
  })
  const pid = async () =>
    (await database.query<{ pid: number }>({ text: 'SELECT pg_backend_pid() AS pid' }, []))[0]?.pid
  try {
    const first = await pid()
    await database.prisma.$transaction(async (tx) => {
      await tx.$executeRawUnsafe('SET LOCAL statement_timeout = 10000')
      await tx.$executeRawUnsafe('SELECT pg_sleep(2.5)')
    })
    expect(await pid()).toBe(first)
    const other = createDatabase({ url: testDatabase.url, poolSize: 1, onError: () => {} })
    await other.query({ text: 'SELECT pg_sleep(2.5)' }, [])
    await other.dispose()
    expect(await pid()).toBe(first)
  } finally {
    await database.dispose()
    await testDatabase.dispose()
  }
})

test('what Prisma says of a server that stops or starts counts as a database that is away', () => {
  for (const [code, words] of [
    ['57P03', 'the database system is shutting down'],
    ['57P03', 'the database system is starting up'],
    ['57P01', 'terminating connection due to administrator command'],
    ['53300', 'sorry, too many clients already'],
  ]) {
    const said = `\nInvalid \`prisma.$queryRaw()\` invocation:\n\n\nRaw query failed. Code: \`${code}\`. Message: \`${words}\``
    expect(isDatabaseUnavailable(Object.assign(new Error(said), { code: 'P2010' }))).toBe(true)
  }
  expect(isDatabaseUnavailable(new Error('Raw query failed. Code: `23505`. Message: `duplicate key`'))).toBe(
    false,
  )
})
