import { readFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { ApolloClient, gql } from '@apollo/client'
import { buildSchema, introspectionFromSchema } from 'graphql'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { createApolloLink } from '../../examples/clients/apollo.ts'
import { createApolloCache } from '../../examples/clients/apollo-cache.ts'
import { post } from '../../examples/clients/http.ts'
import { Session } from '../../examples/clients/session.ts'
import { followEvents, NoEvents } from '../../examples/clients/sse.ts'
import { createUrqlClient } from '../../examples/clients/urql.ts'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { eventually } from '../testkit/eventually.ts'
import { createTestProxy } from '../testkit/proxy.ts'
import { connectLive } from './live.ts'

// On a busy machine, too.
vi.setConfig({ testTimeout: 60_000 })

let app: TestApp
let alice: TestUser
beforeAll(async () => {
  app = await startTestApp()
})
afterAll(() => app.dispose())
beforeEach(async () => {
  alice = await app.register('alice')
})
const disposals: (() => unknown)[] = []
afterEach(async () => {
  for (const dispose of disposals.splice(0)) await dispose()
})

interface Asking {
  /** Alice's name. */
  read(): Promise<unknown>
  /** What nobody may do twice. @throws */
  create(): Promise<unknown>
}

const me = 'query Me { viewer { id user { id username } } }'
const create = `mutation Create($input: CreateGroupChatInput!) {
  createGroupChat(input: $input) { ... on CreateGroupChatPayload { chat { id } } } }`
const input = { title: 'Once', memberIds: [] }

function begin(url: string, timeoutMs: number): Session {
  const session = new Session(url)
  session.timeoutMs = timeoutMs
  session.begin({
    accessToken: alice.token,
    accessTokenExpiresAt: new Date(Date.now() + 600_000).toISOString(),
    refreshToken: alice.refreshToken,
  })
  return session
}

const schema = introspectionFromSchema(buildSchema(readFileSync('schema.graphql', 'utf8')))
const clients: Record<string, (url: string, session: Session) => Asking> = {
  fetch: (url, session) => ({
    read: async () => Object(await post(url, session, { query: me }, false)).data.viewer.user.username,
    create: () => post(url, session, { query: create, variables: { input } }, true),
  }),
  'Apollo Client': (url, session) => {
    const live = connectLive(url, session)
    const client = new ApolloClient({
      cache: createApolloCache(),
      link: createApolloLink(url, session, live),
    })
    disposals.push(
      () => client.stop(),
      () => live.dispose(),
    )
    return {
      read: async () =>
        Object(await client.query({ query: gql(me), fetchPolicy: 'no-cache' })).data.viewer.user.username,
      create: () => client.mutate({ mutation: gql(create), variables: { input } }),
    }
  },
  urql: (url, session) => {
    const live = connectLive(url, session)
    const client = createUrqlClient(url, session, live, schema)
    disposals.push(() => live.dispose())
    return {
      read: async () =>
        (await client.query(me, {}, { requestPolicy: 'network-only' })).data?.viewer.user.username,
      create: async () => {
        const { data, error } = await client.mutation(create, { input })
        if (error) throw error
        return data
      },
    }
  },
}

async function groupsOf(user: TestUser): Promise<number> {
  return (await user.run('{ viewer { chats { edges { cursor } } } }')).viewer.chats.edges.length
}

test.each(Object.keys(clients))('%s gives up a connection that has gone silent', async (name) => {
  const proxy = await createTestProxy(app.url)
  disposals.push(proxy.dispose)
  const url = new URL('/graphql', proxy.url).href
  const client = clients[name]?.(url, begin(url, 1_000))
  expect(await client?.read()).toBe(alice.username)
  proxy.freeze()
  const readingIsGivenUp = givenUp(url)
  const reading = client?.read()
  await readingIsGivenUp
  proxy.thaw()
  expect(await reading).toBe(alice.username)
  proxy.freeze()
  const creatingIsGivenUp = givenUp(url)
  await expect(client?.create()).rejects.toThrow()
  await creatingIsGivenUp
  proxy.cut()
  expect(await groupsOf(alice)).toBe(0)
})

test.each(Object.keys(clients))('%s gives up an answer that stops halfway', async (name) => {
  const half = await serveHalves()
  const client = clients[name]?.(half.url, begin(half.url, 1_000))
  half.left = 2
  expect(await client?.read()).toBe(alice.username)
  expect(half.left).toBe(0)
  half.left = 1
  await expect(client?.create()).rejects.toThrow()
  // That it was done the client cannot know, and so it is for a person to decide.
  await eventually(async () => expect([half.left, await groupsOf(alice)]).toEqual([0, 1]))
})

test('a refresh that is not answered is asked for again', async () => {
  const proxy = await createTestProxy(app.url)
  disposals.push(proxy.dispose)
  const url = new URL('/graphql', proxy.url).href
  const session = begin(url, 1_000)
  proxy.freeze()
  const refreshingIsGivenUp = givenUp(url)
  const refreshing = session.refresh()
  await refreshingIsGivenUp
  proxy.thaw()
  await isAlice(await refreshing)
})

test('and one that is answered by halves', async () => {
  const half = await serveHalves()
  const session = begin(half.url, 1_000)
  half.left = 1
  await isAlice(await session.refresh())
  expect(half.left).toBe(0)
})

async function isAlice(token: string): Promise<void> {
  expect((await app.client(token).run(me)).viewer.user.username).toBe(alice.username)
}

/** The first thing that is asked for from now on, by whoever asked: the server ends a connection some time, too. */
async function givenUp(url: string): Promise<void> {
  const fetched = vi.spyOn(globalThis, 'fetch')
  disposals.push(() => fetched.mockRestore())
  const first = () => fetched.mock.calls.find(([input]) => String(input).startsWith(url))?.[1]
  await eventually(() => expect(first()?.signal?.aborted).toBe(true))
  fetched.mockRestore()
}

/** The server, but that of as many answers as are `left`, of those that have data, only one half comes, without an end. */
async function serveHalves() {
  const half = { left: 0, url: '' }
  const server = createServer(async (request, response) => {
    const { method = 'GET' } = request
    const headers = Object.fromEntries(
      ['authorization', 'content-type', 'accept'].flatMap((name) =>
        typeof request.headers[name] === 'string' ? [[name, request.headers[name]]] : [],
      ),
    )
    const body = method === 'POST' ? { body: await text(request) } : {}
    const answer = await fetch(new URL(request.url ?? '/', app.url), { method, headers, ...body })
    await answerTo(response, answer)
  }).listen(0, '127.0.0.1')
  async function answerTo(response: ServerResponse, answer: Response): Promise<void> {
    const whole = await answer.text()
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' })
    // What is said of a hash that is not known yet comes whole.
    if (half.left === 0 || !whole.startsWith('{"data":{')) response.end(whole)
    else {
      half.left--
      response.write(whole.slice(0, whole.length / 2))
    }
  }
  await new Promise((resolve) => server.once('listening', resolve))
  disposals.push(() => {
    server.closeAllConnections()
    server.close()
  })
  half.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`
  return half
}

test.each([
  ['an address where nothing is', '/nowhere', {}],
  ['a request that is too large', '/graphql', { after: 'x'.repeat(2_000_000) }],
])('server-sent events of %s are asked for once', async (_what, path, variables) => {
  const url = new URL(path, app.url).href
  const session = begin(new URL('/graphql', app.url).href, 10_000)
  const { signal } = new AbortController()
  const query = 'subscription ($after: String) { events(after: $after) { cursor } }'
  const following = followEvents({ url, session, signal, waitMs: 0 }, { query, variables })
  await expect(following.next()).rejects.toThrow(NoEvents)
})
