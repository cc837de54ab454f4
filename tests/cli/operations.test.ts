import { join, resolve } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createTestDatabase } from '../testkit/database.ts'
import { apolloManifest, manifestFolder, writeManifest } from '../testkit/manifests.ts'
import { openTransports } from '../testkit/transports.ts'
import { addressOf, type Run, run, secret } from './cli.ts'

// Each of these starts whole processes.
vi.setConfig({ testTimeout: 60_000 })

const viewer = 'query Who { viewer { email } }'

describe('operations check', () => {
  const check = (...args: string[]) => run(['operations', 'check', ...args]).ended

  test('says nothing against what the server takes, in files and folders, by its own schema or another', async () => {
    const folder = manifestFolder({
      'relay.json': { x: viewer },
      'again.json': { x: viewer },
      'notes.txt': '',
    })
    const file = writeManifest(
      manifestFolder({}),
      'apollo.json',
      apolloManifest([
        { id: '1', name: 'Who', body: viewer },
        {
          id: '2',
          name: 'Page',
          body: 'query Page($ids: [ID!]!, $first: Int!) { nodes(ids: $ids) { id } viewer { chats(first: $first) { edges { cursor } } } }',
        },
      ]),
    )
    const words = 'Operations: 4, manifests: 3. Would break: 0. Use what is deprecated: 0.\n'
    expect(await check(folder, file)).toEqual({ code: 0, stderr: '', stdout: words })
    const schema = new URL('../../schema.graphql', import.meta.url).pathname
    expect(await check('--schema', schema, folder, file)).toEqual({ code: 0, stderr: '', stdout: words })
  })

  test('takes what the tools of clients write, whatever types its variables have', async () => {
    const tools = ['apollo', 'preset', 'relay'].map((tool) => resolve('tests/clients/generated', tool))
    const everyType = writeManifest(manifestFolder({}), 'types.json', {
      x: 'query Types($text: String!, $is: Boolean!, $id: ID!) { user(username: $text) { id @include(if: $is) } chat(id: $id) { id } }',
      z: 'query Skips($skip: Boolean!, $is: Boolean! = true) { viewer { email @skip(if: $skip) user @include(if: $is) { id } } }',
      y: 'mutation Enum($role: ChatRole!, $id: ID!) { setChatMemberRole(input: { chatId: $id, userId: $id, role: $role }) { __typename } }',
    })
    const { code, stdout, stderr } = await check(...tools, everyType)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('manifests: 4. Would break: 0.')
  })

  test('says which operations would break, where, and why', async () => {
    const depth = `query Deep { ${'chat(id: "") { lastMessage { '.repeat(7)} id ${'} }'.repeat(7)} }`
    const costly =
      'query Costly { viewer { chats(first: 100) { edges { node { messages(last: 100) { edges { node { id } } } } } } } }'
    const folder = manifestFolder({
      'a.json': apolloManifest([
        { id: 'f'.repeat(64), name: 'Gone', body: 'query Gone {\n  viewer {\n    nothing\n  }\n}' },
        { id: '2', name: 'Good', body: viewer },
        { id: '3', name: 'Deep', body: depth },
        { id: '4', name: 'Costly', body: costly },
        { id: '5', name: 'Long', body: `{ ${'__typename '.repeat(1_001)} }` },
        { id: '6', name: 'Nothing', body: 'fragment It on Viewer { email }' },
      ]),
      'b.json': { '2': `${viewer} `, x: 'query Named($a: Int) { viewer { email } }', y: 'query {' },
    })
    const { code, stdout, stderr } = await check(folder)
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
    const at = (name: string) => `breaks ${join(folder, name)}: `
    for (const line of [
      `${at('a.json')}Gone (ffffffffffffffff…), line 3: Cannot query field "nothing" on type "Viewer".`,
      `${at('a.json')}Deep (3), line 1: The operation exceeds the limit of 12 levels of fields.`,
      `${at('a.json')}Costly (4), line 1: The operation costs `,
      `${at('a.json')}Long (5), line 1: Syntax Error: Document contains more that 1000 tokens.`,
      `${at('a.json')}Nothing (6), line 1: Fragment "It" is never used.`,
      `${at('b.json')}Who (2): The same id has another text in ${join(folder, 'a.json')}`,
      `${at('b.json')}Named (x), line 1: Variable "$a" is never used in operation "Named".`,
      `${at('b.json')}y, line 1: Syntax Error: Expected Name, found <EOF>.`,
      'Operations: 9, manifests: 2. Would break: 8. Use what is deprecated: 0.',
    ]) {
      expect(stdout).toContain(line)
    }
    expect(stdout).not.toContain('Good')
  })

  test('reckons with the smallest sizes, whatever their defaults', async () => {
    const text = (first: string) =>
      `query Sized($first: Int${first}, $last: Int = 100, $ids: [ID!]! = [${'"x" '.repeat(200)}]) {
        viewer { chats(first: $first) { edges { node { messages(last: $last) { edges { node { id } } } } } } }
        nodes(ids: $ids) { id ... on Chat { messages(last: 100) { edges { cursor } } } }
      }`
    const folder = manifestFolder({ 'a.json': { x: text(' = 100'), y: text('!'), z: text('') } })
    expect(await check(folder)).toMatchObject({ code: 0, stderr: '' })
  })

  test('warns of what asks about the schema', async () => {
    const folder = manifestFolder({
      'a.json': {
        x: 'query Schema { ...Types } fragment Types on Query { __schema { types { name } } }',
        y: 'query Type { viewer { __typename } __type(name: "User") { name } }',
        z: 'query Name { __typename }',
      },
    })
    const { code, stdout } = await check(folder)
    expect(code).toBe(0)
    const why = 'runs neither with PERSISTED_OPERATIONS=only nor where INTROSPECTION is off.'
    expect(stdout).toContain(`Schema (x), line 1: __schema ${why}`)
    expect(stdout).toContain(`Type (y), line 1: __type ${why}`)
    expect(stdout).not.toContain('Name (z)')
    expect(stdout).toContain('Use what is deprecated: 0.')
  })

  test('says one id with two texts within one file, in lines that a terminal is safe from', async () => {
    const id = '\u001b[2J\u202eid\n'
    const key = JSON.stringify(id)
    const file = writeManifest(
      manifestFolder({}),
      'a.json',
      `{${key}: "${viewer}", ${key}: "{ viewer { email } }"}`,
    )
    const { code, stdout } = await check(file)
    expect(code).toBe(1)
    expect(stdout).toContain(`\\u{1b}[2J\\u{202e}id\\u{a}: The same id has another text in ${file}`)
    expect(stdout).not.toMatch(/[^\P{Cc}\n]|\p{Cf}/u)
  })

  test.each([
    ['type Query {', /next\.graphql is no schema: Syntax Error: .*\n$/],
    ['{ viewer { email } }', /next\.graphql is no schema: .*\n$/],
    ['type Viewer { email: String }', /next\.graphql is no schema: Query root type must be provided\.\n$/],
    ['type Query { x: Nothing, y: Nowhere }', /next\.graphql is no schema: Unknown type "Nothing".*\n$/],
  ])('a schema that is none is named in one line: %s', async (sdl, words) => {
    const schema = writeManifest(manifestFolder({}), 'next.graphql', sdl)
    const { code, stdout, stderr } = await check(
      '--schema',
      schema,
      manifestFolder({ 'a.json': { x: viewer } }),
    )
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(words)
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
  })

  test('warns of what is deprecated, by the schema that it is given', async () => {
    const folder = manifestFolder({ 'a.json': { x: viewer } })
    const schema = writeManifest(
      manifestFolder({}),
      'next.graphql',
      'type Query { viewer: Viewer } type Viewer { email: String @deprecated(reason: "Ask for the address.") }',
    )
    const { code, stdout } = await check('--schema', schema, folder)
    expect(code).toBe(0)
    expect(stdout).toContain('Who (x), line 1: The field Viewer.email is deprecated. Ask for the address.')
    expect(stdout).toMatch(/^warning /)
  })

  test.each([
    [[], /^operations takes check/],
    [['check'], /^operations takes check/],
    [['look', 'x'], /^operations takes check/],
    [['check', '--fix', 'x'], /^operations takes check/],
    [['check', '/nowhere.json'], /^\/nowhere\.json cannot be read: /],
    [['check', '--schema', '/nowhere.graphql', 'x'], /^\/nowhere\.graphql is no schema: /],
  ])('operations %j is answered with one line and exit code 1', async (args, words) => {
    const { code, stdout, stderr } = await run(['operations', ...args]).ended
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(words)
    expect(stderr.trimEnd()).not.toContain('\n')
  })
})

describe('a server with PERSISTED_OPERATIONS_DIR', () => {
  const disposables: (() => Promise<unknown>)[] = []
  afterEach(async () => {
    for (const dispose of disposables.splice(0).reverse()) await dispose()
  })

  async function serve(env: Record<string, string>): Promise<Run> {
    const database = await createTestDatabase()
    disposables.push(database.dispose)
    const server = run(['serve'], {
      env: {
        DATABASE_URL: database.url,
        JWT_SECRET: secret,
        DATABASE_POOL_SIZE: '2',
        WEB_APP: 'off',
        ...env,
      },
    })
    disposables.push(async () => {
      server.child.kill('SIGTERM')
      await server.ended
    })
    return server
  }

  /** How it ended; at once an error where it has not, and serves. */
  const refusalOf = (server: Run) =>
    Promise.race([
      server.ended,
      server.says(/Parley is ready/).then(
        () => Promise.reject(new Error('It has started.')),
        () => server.ended,
      ),
    ])

  const known = { data: { viewer: null }, errors: [] }
  const unknown = { errors: [{ extensions: { code: 'PERSISTED_QUERY_NOT_IN_LIST' } }] }
  /** Asked anew each time, so that with several workers it is not always the same. */
  const ask = (url: string, documentId: string) =>
    openTransports(url).post({ documentId }, { connection: 'close' })
  const count = ({ stdout }: Run, words: string) => stdout.split(words).length - 1

  const readAgain = 'the manifests of operations were read again'
  const workerServes = 'the worker serves the manifests as they were read last'

  test.each(['1', '2'])(
    'reads the manifests again on SIGHUP, all or none of them, with WORKERS=%s',
    async (WORKERS) => {
      const folder = manifestFolder({ 'a.json': { old: viewer } })
      const server = await serve({ WORKERS, PERSISTED_OPERATIONS: 'only', PERSISTED_OPERATIONS_DIR: folder })
      const url = await addressOf(server)
      expect(await ask(url, 'old')).toMatchObject(known)
      const hangUp = async (words: string, times: number) => {
        server.child.kill('SIGHUP')
        await vi.waitFor(
          () => {
            expect(count(server, words)).toBe(times)
            if (WORKERS === '2') expect(count(server, workerServes)).toBe(2 * count(server, readAgain))
          },
          { timeout: 10_000 },
        )
      }

      writeManifest(folder, 'a.json', { fresh: viewer })
      await hangUp(readAgain, 1)
      for (let i = 0; i < 4; i++) {
        expect(await ask(url, 'fresh')).toMatchObject(known)
        expect(await ask(url, 'old')).toMatchObject(unknown)
      }

      writeManifest(folder, 'b.json', '{')
      writeManifest(folder, 'a.json', { never: viewer })
      await hangUp('are not good: those from before stay', 1)
      expect(server.stdout).toContain(`${folder}/b.json is not JSON`)
      for (let i = 0; i < 4; i++) {
        expect(await ask(url, 'fresh')).toMatchObject(known)
        expect(await ask(url, 'never')).toMatchObject(unknown)
      }

      writeManifest(folder, 'b.json', {})
      await hangUp(readAgain, 2)
      expect(await ask(url, 'never')).toMatchObject(known)
      server.child.kill('SIGTERM')
      expect(await server.ended).toMatchObject({ code: 0, stderr: '' })
    },
  )

  test('a worker that is replaced serves what the others do, whatever has become of the folder', async () => {
    const folder = manifestFolder({ 'a.json': { old: viewer } })
    const server = await serve({
      WORKERS: '2',
      PERSISTED_OPERATIONS: 'only',
      PERSISTED_OPERATIONS_DIR: folder,
    })
    const url = await addressOf(server)
    const workers = () => [...server.stdout.matchAll(/"workerPid":(\d+),"msg":"a worker has started"/g)]

    writeManifest(folder, 'a.json', { fresh: viewer })
    server.child.kill('SIGHUP')
    await vi.waitFor(() => expect(count(server, workerServes)).toBe(2), { timeout: 10_000 })
    writeManifest(folder, 'a.json', '{')
    server.child.kill('SIGHUP')
    await server.says(/a\.json is not JSON.*are not good: those from before stay/)
    process.kill(Number(workers()[0]?.[1]), 'SIGKILL')
    await vi.waitFor(() => expect(workers()).toHaveLength(3), { timeout: 30_000 })
    // New connections go to the two in turns.
    for (let i = 0; i < 4; i++) {
      expect(await ask(url, 'fresh')).toMatchObject(known)
      expect(await ask(url, 'old')).toMatchObject(unknown)
    }

    writeManifest(folder, 'a.json', { newest: viewer })
    server.child.kill('SIGHUP')
    await vi.waitFor(() => expect(count(server, workerServes)).toBe(4), { timeout: 10_000 })
    for (let i = 0; i < 4; i++) expect(await ask(url, 'newest')).toMatchObject(known)
  })

  test('does not end of a SIGHUP that comes while it is being loaded', async () => {
    // As soon as anything beyond the first module is looked for.
    const hooks = `export function resolve(specifier, context, next) {
      if (/(commands|config|serve|app)\\.js$/.test(specifier)) process.kill(process.pid, 'SIGHUP')
      return next(specifier, context)
    }`
    const preload = `import { register } from 'node:module'
      register('data:text/javascript,' + ${JSON.stringify(encodeURIComponent(hooks))})`
    const server = await serve({
      PERSISTED_OPERATIONS_DIR: manifestFolder({ 'a.json': { known: viewer } }),
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(preload)}`,
    })
    expect(await ask(await addressOf(server), 'known')).toMatchObject(known)
  })

  test.each([
    [{ 'a.json': '{' }, /a\.json is not JSON: /],
    [{ 'a.json': { x: viewer }, 'b.json': { x: `${viewer} ` } }, /b\.json: x has another text in .*a\.json/],
  ])('does not start on one that is not good, and says why in one line: %j', async (files, words) => {
    for (const WORKERS of ['1', '2']) {
      const server = await serve({ WORKERS, PERSISTED_OPERATIONS_DIR: manifestFolder(files) })
      const { code, stdout, stderr } = await refusalOf(server)
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
      expect(stderr).toMatch(words)
      expect(stderr.trimEnd().split('\n')).toHaveLength(1)
    }
  })

  test('does not start with PERSISTED_OPERATIONS=only and no manifest', async () => {
    for (const env of [{}, { PERSISTED_OPERATIONS_DIR: manifestFolder({}) }, { WORKERS: '2' }]) {
      const server = await serve({ PERSISTED_OPERATIONS: 'only', ...env } as Record<string, string>)
      const { code, stderr } = await refusalOf(server)
      expect(code).toBe(1)
      expect(stderr).toMatch(/^PERSISTED_OPERATIONS=only/)
      expect(stderr.trimEnd().split('\n')).toHaveLength(1)
    }
  })
})
