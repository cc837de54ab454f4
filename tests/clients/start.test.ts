import { readFileSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { buildSchema, introspectionFromSchema } from 'graphql'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import WebSocket from 'ws'
import { logIn } from '../../examples/clients/session.ts'
import * as apollo from '../../examples/clients/start-apollo.ts'
import * as codegen from '../../examples/clients/start-codegen.ts'
import * as plain from '../../examples/clients/start-fetch.ts'
import * as socket from '../../examples/clients/start-graphql-ws.ts'
import * as relay from '../../examples/clients/start-relay.ts'
import * as urql from '../../examples/clients/start-urql.ts'
import { startTestApp, type TestApp, type TestUser, testPassword } from '../testkit/app.ts'
import { LogoutDocument } from './generated/preset/graphql.ts'
import type { operationsSearchUsersQuery } from './generated/relay/operationsSearchUsersQuery.graphql.ts'
import { searchUsers } from './relay/operations.ts'

let app: TestApp
let alice: TestUser
let url: string
beforeAll(async () => {
  // As browsers have one, and Node from 22 on.
  vi.stubGlobal('WebSocket', WebSocket)
  app = await startTestApp({ config: { persistedOperationsDir: resolve('tests/clients/generated/relay') } })
  alice = await app.register('alice')
  url = `${app.url}/graphql`
})
afterAll(async () => {
  vi.unstubAllGlobals()
  await app.dispose()
})

const me = () => ({ viewer: { user: { id: alice.id, username: alice.username } } })

test('Apollo Client', async () => {
  const { client, live, data } = await apollo.start(url, alice.username, testPassword)
  expect(data).toMatchObject(me())
  client.stop()
  await live.dispose()
})

test('urql', async () => {
  const schema = introspectionFromSchema(buildSchema(readFileSync('schema.graphql', 'utf8')))
  const { live, data } = await urql.start(url, alice.username, testPassword, schema)
  expect(data).toMatchObject(me())
  await live.dispose()
})

test('Relay', async () => {
  const login = { identifier: alice.username, password: testPassword }
  const search = { search: alice.username }
  const { live, data } = await relay.start<operationsSearchUsersQuery>(url, login, searchUsers, search)
  expect(data?.users.edges.map(({ node }) => node.id)).toEqual([alice.id])
  await live.dispose()
})

test('graphql-ws', async () => {
  const { live, data } = await socket.start(url, alice.username, testPassword)
  expect(data.__typename).toBe('CaughtUp')
  await live.dispose()
})

test('fetch and server-sent events', async () => {
  const stop = new AbortController()
  const { data, following } = await plain.start(url, alice.username, testPassword, stop.signal)
  expect(data).toMatchObject(me())
  expect((await following.next()).value).toMatchObject({ __typename: 'CaughtUp' })
  stop.abort()
})

test('client preset', async () => {
  const login = { identifier: alice.username, password: testPassword }
  const { data } = await codegen.start(url, login, LogoutDocument)
  expect(data.logout.success).toBe(true)
})

test('a login that is refused says why', async () => {
  await expect(logIn(url, alice.username, 'Wrong1234')).rejects.toThrow(/password/i)
})

test('docs/clients.md names all that a client needs', () => {
  const sections = readFileSync('docs/clients.md', 'utf8')
    .split('\n## ')
    .filter((section) => section.includes('npm install'))
  expect(sections.length).toBe(6)
  for (const section of sections) {
    const files = [...(/^From .*\n(.*)\. Put together/m.exec(section)?.[1] ?? '').matchAll(/`(.*?)`/g)].map(
      ([, name]) => name,
    )
    const start = /\((\.\.\/examples\/clients\/start-[\w-]+\.ts)\)/.exec(section)?.[1] ?? ''
    const needed = importsOf(basename(start))
    expect(files.toSorted()).toEqual([...needed.files].toSorted())
    const installed = [...section.matchAll(/^npm install (?:--save-dev )?(.*)$/gm)].flatMap(([, names]) =>
      String(names).split(' '),
    )
    for (const name of needed.packages) expect(installed, start).toContain(name)
  }
})

/** Of a file in examples/clients, through all that it imports from there. */
function importsOf(file: string, found = { files: new Set<string>(), packages: new Set<string>() }) {
  const text = readFileSync(`examples/clients/${file}`, 'utf8')
  for (const [, name = ''] of text.matchAll(/from '(.*?)'/g)) {
    if (!name.startsWith('./')) {
      found.packages.add(/^(?:@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? '')
    } else if (!found.files.has(basename(name))) {
      found.files.add(basename(name))
      importsOf(basename(name), found)
    }
  }
  return found
}
