import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { byHash, hashOf, openTransports, type Transports } from '../testkit/transports.ts'

let app: TestApp
let alice: TestUser
let as: Transports
beforeAll(async () => {
  app = await startTestApp()
  alice = await app.register('alice')
  as = openTransports(app.url, alice.token)
})
afterAll(async () => {
  as.dispose()
  await app.dispose()
})

let made = 0
/** A text that nobody has sent before. */
const newText = (fields = 'user { id }') => `query Viewer${++made} { viewer { ${fields} } }`

const ways = ['post', 'get', 'socket', 'stream'] as const

describe.each(ways)('the hash protocol by %s', (way) => {
  // A stream may begin at any cursor, so that its first event comes at once.
  const create = async () => {
    if (way !== 'stream') return { text: newText(), more: {}, data: { viewer: { user: { id: alice.id } } } }
    const { viewer } = await alice.run('{ viewer { eventCursor } }')
    const text = `subscription Live${++made}($after: String) { events(after: $after) { __typename } }`
    return {
      text,
      more: { variables: { after: viewer.eventCursor } },
      data: { events: { __typename: 'CaughtUp' } },
    }
  }

  test('an unknown hash is not found, a text with its hash is registered, and from then on the hash will do', async () => {
    const { text, more, data } = await create()
    const hash = hashOf(text)
    const { status, errors } = await as[way](byHash(hash, more))
    expect([null, 200]).toContain(status)
    expect(errors).toEqual([
      { message: 'PersistedQueryNotFound', extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } },
    ])
    expect(await as[way]({ query: text, ...byHash(hash, more) })).toMatchObject({ data, errors: [] })
    expect(await as[way](byHash(hash, more))).toMatchObject({ data, errors: [] })
    // Whichever way it came, it is known by every other one.
    if (way !== 'stream')
      for (const other of ways.slice(0, 3)) {
        expect(await as[other](byHash(hash))).toMatchObject({ data, errors: [] })
      }
  })

  test('a text that is not that of its hash is refused, and not kept', async () => {
    const { text, more } = await create()
    const hash = hashOf(`${text} `)
    const { status, errors } = await as[way]({ query: text, ...byHash(hash, more) })
    expect(errors).toEqual([
      { message: 'provided sha does not match query', extensions: { code: 'PERSISTED_QUERY_HASH_MISMATCH' } },
    ])
    if (way === 'post' || way === 'get') expect(status).toBe(400)
    expect((await as[way](byHash(hash, more))).errors[0]?.message).toBe('PersistedQueryNotFound')
  })
})
