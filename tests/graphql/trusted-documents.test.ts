import { ValidationContext } from 'graphql'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { StartupError } from '../../src/db/startup-error.ts'
import { startTestApp, type TestApp, type TestAppOptions, type TestUser } from '../testkit/app.ts'
import { apolloManifest, manifestFolder, writeManifest } from '../testkit/manifests.ts'
import { enterRaw } from '../testkit/raw-socket.ts'
import { byHash, hashOf, openTransports, type Transports } from '../testkit/transports.ts'

const disposables: (() => unknown)[] = []
afterEach(async () => {
  for (const dispose of disposables.splice(0).reverse()) await dispose()
})

const documents = {
  byName: 'query ByName { viewer { user { username } } }',
  several: 'query First { viewer { email } } query Second { viewer { user { id } } }',
  relay: 'query Relay { viewer { user { id } } }',
  preset: 'query Preset { viewer { user { id } } }',
  live: 'subscription Live($after: String) { events(after: $after) { __typename } }',
  rename: 'mutation Rename($name: String!) { updateProfile(input: { displayName: $name }) { __typename } }',
  deep: `query Deep { ${'chat(id: "") { lastMessage { '.repeat(7)} id ${'} }'.repeat(7)} }`,
  fragment: 'query WithFragment { viewer { ...It } } fragment It on Viewer { user { id } }',
}

/** One manifest of each kind that there is. */
const folderOfAll = () =>
  manifestFolder({
    'apollo.json': apolloManifest([
      { id: 'apollo-1', name: 'ByName', body: documents.byName },
      { id: hashOf('anything else'), name: 'Live', body: documents.live },
      { id: 'apollo-several', name: 'First', body: documents.several },
      { id: 'apollo-rename', name: 'Rename', body: documents.rename },
      { id: 'apollo-deep', name: 'Deep', body: documents.deep },
      { id: 'apollo-fragment', name: 'WithFragment', body: documents.fragment },
    ]),
    'relay.json': { '0123456789abcdef0123456789abcdef': documents.relay },
    'preset.json': {
      [hashOf(documents.preset)]: documents.preset,
      [`sha256:${hashOf('x')}`]: documents.preset,
    },
    'again.json': { 'apollo-1': documents.byName },
    'README.md': 'not a manifest',
  })

const config = (persistedOperations: 'allow' | 'only' | 'off', persistedOperationsDir: string | null) => ({
  // The operations of the web app, where it was built, are trusted as well.
  config: { persistedOperations, persistedOperationsDir, webApp: false },
})

/** Another app on the same database, where alice is known. */
async function start(options: TestAppOptions): Promise<TestApp> {
  const app = await startTestApp({ ...options, database: open.database })
  disposables.push(app.dispose)
  return app
}

let open: TestApp
let alice: TestUser
beforeAll(async () => {
  open = await startTestApp(config('allow', folderOfAll()))
  alice = await open.register('alice')
})
afterAll(() => open.dispose())

function ways(app: TestApp): Transports {
  const transports = openTransports(app.url, alice.token)
  disposables.push(transports.dispose)
  return transports
}

const viewer = () => ({ viewer: { user: { id: alice.id } } })
const codesOf = ({ errors }: { errors: readonly { extensions: Record<string, unknown> }[] }) =>
  errors.map(({ extensions }) => extensions['code'])

describe.each(['post', 'get', 'socket'] as const)('a document of a manifest by %s', (way) => {
  const preset = hashOf(documents.preset)
  test.each([
    ['an id of Relay’s', { doc_id: '0123456789abcdef0123456789abcdef' }],
    ['the same as documentId', { documentId: '0123456789abcdef0123456789abcdef' }],
    ['the same as a hash', byHash('0123456789abcdef0123456789abcdef')],
    ['a hash of the client preset', { documentId: preset }],
    ['that with the prefix of the specification', { documentId: `sha256:${preset}` }],
    ['a key that has the prefix, without it', { documentId: hashOf('x') }],
    ['a key that has the prefix, with it', { doc_id: `sha256:${hashOf('x')}` }],
    ['documentId before the others', { documentId: preset, doc_id: 'unknown', ...byHash('unknown') }],
    ['an id under the plainest name', { id: preset }],
    ['doc_id before id', { doc_id: preset, id: 'unknown' }],
    ['a hash before doc_id', { doc_id: 'unknown', ...byHash(preset) }],
    ['one of several operations by its name', { documentId: 'apollo-several', operationName: 'Second' }],
  ])('%s', async (_what, parameters) => {
    expect(await ways(open)[way](parameters)).toMatchObject({ data: viewer(), errors: [] })
  })

  test('is what runs, whatever text an Apollo client sends along with its id', async () => {
    const parameters = { query: '{ viewer { email } }', ...byHash('apollo-1') }
    expect(await ways(open)[way](parameters)).toMatchObject({
      data: { viewer: { user: { username: alice.username } } },
    })
  })

  test('is held to the limits', async () => {
    expect(codesOf(await ways(open)[way]({ documentId: 'apollo-deep' }))).toEqual([
      'GRAPHQL_VALIDATION_FAILED',
    ])
  })

  test('needs somebody logged in where its text would', async () => {
    const strangers = openTransports(open.url)
    disposables.push(strangers.dispose)
    expect(codesOf(await strangers[way]({ documentId: 'apollo-deep' }))).toEqual(['UNAUTHENTICATED'])
    expect(await strangers[way](byHash('apollo-1'))).toMatchObject({ data: { viewer: null }, errors: [] })
  })

  test('needs an operation name where there are several', async () => {
    expect(codesOf(await ways(open)[way]({ documentId: 'apollo-several' }))).toEqual([
      'OPERATION_RESOLUTION_FAILURE',
    ])
  })

  test('is not found by an unknown id', async () => {
    const { status, errors } = await ways(open)[way]({ documentId: 'unknown' })
    expect(errors[0]).toMatchObject({
      message: 'PersistedQueryNotFound',
      extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' },
    })
    if (way !== 'socket') expect(status).toBe(400)
  })
})

test('a mutation runs by POST and on a socket, and not by GET', async () => {
  const rename = (name: string) => ({ documentId: 'apollo-rename', variables: { name } })
  const done = { updateProfile: { __typename: 'UpdateProfilePayload' } }
  expect(await ways(open).post(rename('One'))).toMatchObject({ data: done })
  expect(await ways(open).socket(rename('Two'))).toMatchObject({ data: done })
  const refused = await ways(open).get(rename('Three'))
  expect([refused.status, codesOf(refused)]).toEqual([405, ['BAD_REQUEST']])
  expect(await alice.run('{ viewer { user { displayName } } }')).toEqual({
    viewer: { user: { displayName: 'Two' } },
  })
})

test('a subscription runs by its id as a stream and on a socket', async () => {
  // Nothing happens to them, so that what they hear first is that there is nothing to hear.
  const carol = await open.register('carol')
  const as = openTransports(open.url, carol.token)
  disposables.push(as.dispose)
  const { viewer } = await carol.run('{ viewer { eventCursor } }')
  const named = byHash(hashOf('anything else'), { variables: { after: viewer.eventCursor } })
  for (const answer of [await as.stream(named), await as.stream(named, 'GET'), await as.socket(named)]) {
    expect(answer.data).toEqual({ events: { __typename: 'CaughtUp' } })
  }
})

test('it is not validated again, whatever else is asked meanwhile', async () => {
  const as = ways(open)
  await as.post({ documentId: 'apollo-fragment' })
  for (let i = 0; i < 300; i++) await as.post({ query: `query Flood${i} { __typename }` })
  const looks = vi.spyOn(ValidationContext.prototype, 'getFragment')
  disposables.push(() => looks.mockRestore())
  expect(await as.post({ documentId: 'apollo-fragment' })).toMatchObject({ data: viewer() })
  expect(looks).not.toHaveBeenCalled()
  await as.post({ query: `${documents.fragment} ` })
  expect(looks).toHaveBeenCalled()
})

describe('PERSISTED_OPERATIONS=only', () => {
  const refused = ['PERSISTED_QUERY_NOT_IN_LIST']

  test.each(['post', 'get', 'socket', 'stream'] as const)(
    'refuses by %s all that no manifest has',
    async (way) => {
      const app = await start(config('only', folderOfAll()))
      const as = ways(app)
      const text = '{ viewer { email } }'
      for (const parameters of [
        { query: text },
        { query: documents.byName },
        { query: '{ __schema { queryType { name } } }' },
        { query: text, ...byHash(hashOf(text)) },
        byHash(hashOf(text)),
        { documentId: 'unknown' },
        { doc_id: 'unknown' },
      ]) {
        const answer = await as[way](parameters)
        expect(codesOf(answer)).toEqual(refused)
        expect(answer.data).toBeUndefined()
        // A client of the hash protocol sends its text when it hears these words.
        expect(answer.errors[0]?.message).not.toMatch(/^PersistedQueryNot/)
        if (way === 'post' || way === 'get') expect(answer.status).toBe(400)
      }
    },
  )

  test('runs what a manifest has, and refuses within an open socket', async () => {
    const app = await start(config('only', folderOfAll()))
    const socket = await enterRaw(app.url, alice.token)
    disposables.push(() => socket.socket.terminate())
    const ask = async (id: string, payload: object) => {
      socket.send({ type: 'subscribe', id, payload })
      return socket.next()
    }
    const answer = {
      id: 'a',
      type: 'next',
      payload: { data: { viewer: { user: { username: alice.username } } } },
    }
    expect(await ask('a', { query: '', documentId: 'apollo-1' })).toEqual(answer)
    expect(await socket.next()).toEqual({ id: 'a', type: 'complete' })
    expect(await ask('b', { query: documents.byName })).toMatchObject({
      id: 'b',
      type: 'error',
      payload: [{ extensions: { code: 'PERSISTED_QUERY_NOT_IN_LIST' } }],
    })
    expect(await ask('a', { documentId: 'apollo-1' })).toEqual(answer)
    expect(await ways(app).post({ doc_id: 'apollo-1' })).toMatchObject({ data: answer.payload.data })
  })

  test('without a manifest is no way to start', async () => {
    const starting = (options: TestAppOptions) => startTestApp({ ...options, database: open.database })
    await expect(starting(config('only', null))).rejects.toThrow(
      /^PERSISTED_OPERATIONS=only .*PERSISTED_OPERATIONS_DIR/,
    )
    await expect(starting(config('only', manifestFolder({ 'README.md': 'none' })))).rejects.toThrow(
      StartupError,
    )
  })

  test('runs the manifests that the code brings', async () => {
    const file = writeManifest(manifestFolder({}), 'web.json', { web: documents.relay })
    const app = await start({ ...config('only', null), extraManifests: [file] })
    expect(await ways(app).post({ documentId: 'web' })).toMatchObject({ data: viewer() })
    expect(codesOf(await ways(app).post({ query: documents.relay }))).toEqual(refused)
  })
})

test.each(['post', 'get', 'socket', 'stream'] as const)(
  'PERSISTED_OPERATIONS=off by %s refuses hashes and ids, in words that clients take for final, and runs texts',
  async (way) => {
    const app = await start(config('off', folderOfAll()))
    const text = way === 'stream' ? 'subscription { events { __typename } }' : documents.relay
    for (const parameters of [
      byHash(hashOf(text)),
      { query: text, ...byHash(hashOf(text)) },
      { documentId: 'apollo-1' },
      { doc_id: 'apollo-1' },
    ]) {
      const { errors, status } = await ways(app)[way](parameters)
      expect(errors).toMatchObject([
        { message: 'PersistedQueryNotSupported', extensions: { code: 'PERSISTED_QUERY_NOT_SUPPORTED' } },
      ])
      if (way === 'post') expect(status).toBe('extensions' in parameters ? 200 : 400)
    }
    if (way !== 'stream') expect(await ways(app)[way]({ query: text })).toMatchObject({ data: viewer() })
  },
)

describe('a folder that is not good', () => {
  const text = '{ viewer { email } }'
  const apollo = apolloManifest([{ id: 'a', name: 'A', body: text }])
  test.each<[string, Record<string, unknown>, RegExp]>([
    ['no JSON', { 'a.json': '{' }, /a\.json is not JSON: /],
    ['a list', { 'a.json': [] }, /a\.json is no manifest: it must be a JSON object/],
    ['null', { 'a.json': 'null' }, /a\.json is no manifest/],
    ['a key without a text', { 'a.json': { x: text, y: 5 } }, /a\.json is no manifest: "y" /],
    [
      'a list for an id that it has once more',
      { 'a.json': `{ "a": ["${text}", "b", "${text}"], "a": "${text}" }` },
      /a\.json is no manifest: "a" /,
    ],
    [
      'an object for an id that it has once more',
      { 'a.json': `{ "a": { "b": "${text}" }, "a": "${text}" }` },
      /a\.json is no manifest: "a" /,
    ],
    ['an empty key', { 'a.json': { '': text } }, /a\.json is no manifest: "" /],
    ['another format', { 'a.json': { ...apollo, format: 'x' } }, /a\.json is no manifest: format must be/],
    ['no format', { 'a.json': { operations: [] } }, /a\.json is no manifest: format must be/],
    ['another version', { 'a.json': { ...apollo, version: 2 } }, /a\.json has version 2: only 1 is known/],
    ['operations that are none', { 'a.json': { ...apollo, operations: {} } }, /operations must be a list/],
    [
      'an operation without an id',
      { 'a.json': { ...apollo, operations: [{ body: text }] } },
      /operations\[0\]/,
    ],
    [
      'an operation without a text',
      { 'a.json': { ...apollo, operations: [{ id: 'x' }] } },
      /operations\[0\]/,
    ],
    ['null for an operation', { 'a.json': { ...apollo, operations: [null] } }, /operations\[0\]/],
    [
      'a text that is no document',
      { 'package.json': { name: 'my app' } },
      /package\.json: name is no document to run: Syntax/,
    ],
    [
      'a document without an operation',
      { 'a.json': { x: 'fragment A on Query { x }' } },
      /x is no document to run: .* no operation/,
    ],
    [
      'a document of too many tokens',
      { 'a.json': { x: `{${' a'.repeat(1_000)} }` } },
      /x is no document to run: .*1000 tokens/,
    ],
    [
      'one id with two texts',
      { 'a.json': apollo, 'b.json': { a: `${text} ` } },
      /b\.json: a has another text in .*a\.json/,
    ],
    [
      'one id with two texts, one with the prefix',
      { 'a.json': { [hashOf('x')]: text }, 'b.json': { [`sha256:${hashOf('x')}`]: `${text} ` } },
      /b\.json: sha256:.* has another text in .*a\.json/,
    ],
  ])('%s', async (_what, files, words) => {
    const starting = startTestApp({ ...config('allow', manifestFolder(files)), database: open.database })
    const error = await starting.catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(StartupError)
    expect((error as Error).message).toMatch(words)
    expect((error as Error).message).not.toContain('\n')
  })

  test('has hidden files, which are none of its manifests', async () => {
    const app = await start(config('only', manifestFolder({ 'a.json': apollo, '.#b.json': '{' })))
    expect(await ways(app).post({ documentId: 'a' })).toMatchObject({ data: { viewer: {} } })
  })

  test('that is not there', async () => {
    const folder = `${manifestFolder({})}/nowhere`
    const starting = startTestApp({ ...config('allow', folder), database: open.database })
    await expect(starting).rejects.toThrow(/manifests cannot be read: .*nowhere/)
  })

  test('is of no matter where nothing of it is used', async () => {
    await start(config('off', manifestFolder({ 'a.json': '{' })))
  })
})

describe('read again', () => {
  test('the new set holds as a whole, and a stream that is open goes on', async () => {
    const folder = folderOfAll()
    const app = await start(config('only', folder))
    const as = ways(app)
    const socket = await enterRaw(app.url, alice.token)
    disposables.push(() => socket.socket.terminate())
    const live = byHash(hashOf('anything else'))
    const { viewer: at } = await alice.run('{ viewer { eventCursor } }')
    socket.send({ type: 'subscribe', id: 'live', payload: { ...live, variables: { after: at.eventCursor } } })
    const next = async () => (await socket.next()).payload.data.events.__typename
    // What others of these tests did comes before.
    while ((await next()) !== 'CaughtUp');

    writeManifest(folder, 'apollo.json', { fresh: documents.preset })
    writeManifest(folder, 'again.json', {})
    expect(await app.app.reloadOperations()).toEqual({ manifests: 4, documents: 4 })
    expect(await as.post({ documentId: 'fresh' })).toMatchObject({ data: viewer() })
    for (const gone of [live, { documentId: 'apollo-1' }]) {
      expect(codesOf(await as.post(gone))).toEqual(['PERSISTED_QUERY_NOT_IN_LIST'])
    }
    await alice.run(documents.rename, { name: 'Still followed' })
    expect(await next()).toBe('UserUpdated')
  })

  test.each([
    ['is no JSON', '{', /is not JSON/],
    ['is empty', {}, /no operation in a manifest/],
  ])('a new set that %s is refused as a whole', async (_what, content, words) => {
    const folder = manifestFolder({ 'a.json': { a: documents.relay } })
    const app = await start(config('only', folder))
    writeManifest(folder, 'a.json', content)
    await expect(app.app.reloadOperations()).rejects.toThrow(words)
    expect(await ways(app).post({ documentId: 'a' })).toMatchObject({ data: viewer() })
    writeManifest(folder, 'a.json', { b: documents.relay })
    await app.app.reloadOperations()
    expect(await ways(app).post({ documentId: 'b' })).toMatchObject({ data: viewer() })
  })
})
