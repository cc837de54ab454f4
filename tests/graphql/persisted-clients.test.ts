import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from '@apollo/client'
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import { Client, fetchExchange, subscriptionExchange } from '@urql/core'
import { persistedExchange } from '@urql/exchange-persisted'
import { filter, firstValueFrom } from 'rxjs'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { manifestFolder } from '../testkit/manifests.ts'
import { hashOf } from '../testkit/transports.ts'

// Where urql finds no Web Crypto as in a browser it looks for Node's by `Function`, which tests run without.
vi.hoisted(() => vi.stubGlobal('self', { crypto: globalThis.crypto }))

const inManifest = 'query InManifest {\n  viewer {\n    email\n    __typename\n  }\n}'

const apps: Partial<Record<'allow' | 'only' | 'off', TestApp>> = {}
let allow: TestApp
let alice: TestUser
beforeAll(async () => {
  const persistedOperationsDir = manifestFolder({ 'a.json': { [hashOf(inManifest)]: inManifest } })
  allow = await startTestApp()
  apps.allow = allow
  for (const persistedOperations of ['only', 'off'] as const) {
    apps[persistedOperations] = await startTestApp({
      config: { persistedOperations, persistedOperationsDir },
      database: allow.database,
    })
  }
  alice = await allow.register('alice')
})
afterAll(async () => {
  await apps.off?.dispose()
  await apps.only?.dispose()
  await allow.dispose()
})

const urlOf = (mode: 'allow' | 'only' | 'off') => `${apps[mode]?.url}/graphql`

/** A `fetch` that remembers how each request said what it wants. */
function listening() {
  const requests: string[] = []
  const listen: typeof fetch = (input, init) => {
    const method = init?.method ?? 'GET'
    const sent: Record<string, unknown> =
      method === 'GET'
        ? Object.fromEntries(new URL(String(input)).searchParams)
        : JSON.parse(String(init?.body))
    const parts = [
      ...(sent['query'] ? ['text'] : []),
      ...(JSON.stringify(sent['extensions'] ?? '').includes('sha256Hash') ? ['hash'] : []),
    ]
    requests.push(`${method} ${parts.join(' and ')}`)
    return fetch(input, init)
  }
  return { requests, fetch: listen }
}

const headers = () => ({ authorization: `Bearer ${alice.token}` })
const email = { viewer: { __typename: 'Viewer', email: expect.stringContaining('alice') } }

describe('Apollo Client', () => {
  function create(mode: 'allow' | 'only' | 'off', useGETForHashedQueries: boolean) {
    const { requests, fetch } = listening()
    const client = new ApolloClient({
      cache: new InMemoryCache(),
      link: ApolloLink.from([
        new PersistedQueryLink({ sha256: async (text: string) => hashOf(text), useGETForHashedQueries }),
        new HttpLink({ uri: urlOf(mode), headers: headers(), fetch }),
      ]),
    })
    return {
      requests,
      ask: (text: string) => client.query({ query: gql(text), fetchPolicy: 'no-cache', errorPolicy: 'all' }),
    }
  }

  test.each([true, false])('sends its text once, and the hash from then on; GET: %s', async (useGet) => {
    const { requests, ask } = create('allow', useGet)
    const method = useGet ? 'GET' : 'POST'
    const text = `query ApolloBy${method} { viewer { email } }`
    for (let i = 0; i < 3; i++) expect(await ask(text)).toMatchObject({ data: email })
    const [first, second, ...others] = requests
    expect([first, second]).toEqual([`${method} hash`, expect.stringMatching(/text and hash$/)])
    expect(others).toEqual([`${method} hash`, `${method} hash`])
  })

  test('stops sending hashes where they are off', async () => {
    const { requests, ask } = create('off', false)
    for (let i = 0; i < 3; i++) {
      expect(await ask(`query Apollo${i} { viewer { email } }`)).toMatchObject({ data: email })
    }
    expect(requests).toEqual(['POST hash', 'POST text', 'POST text', 'POST text'])
  })

  test('runs what is in the manifest, and does not send a text that is in none', async () => {
    const { requests, ask } = create('only', false)
    expect(await ask(inManifest)).toMatchObject({ data: email })
    const { error } = await ask('query Other { viewer { email } }')
    expect(error).toMatchObject({ errors: [{ extensions: { code: 'PERSISTED_QUERY_NOT_IN_LIST' } }] })
    expect(requests).toEqual(['POST hash', 'POST hash'])
  })

  test('registers what it sends over a WebSocket', async () => {
    const socket = alice.socket()
    const link = ApolloLink.from([
      new PersistedQueryLink({ sha256: async (text: string) => hashOf(text) }),
      new GraphQLWsLink(socket),
    ])
    const client = new ApolloClient({ cache: new InMemoryCache(), link })
    const query = gql('subscription ApolloLive($after: String) { events(after: $after) { cursor } }')
    const { viewer } = await alice.run('{ viewer { eventCursor } }')
    const results = client.subscribe({ query, variables: { after: viewer.eventCursor } })
    const { data } = await firstValueFrom(results.pipe(filter((result) => result.data !== undefined)))
    expect(data).toMatchObject({ events: { __typename: 'CaughtUp' } })
    client.stop()
    await socket.dispose()
  })
})

describe('urql', () => {
  function create(mode: 'allow' | 'only' | 'off', options: Parameters<typeof persistedExchange>[0] = {}) {
    const { requests, fetch } = listening()
    const client = new Client({
      url: urlOf(mode),
      exchanges: [persistedExchange(options), fetchExchange],
      fetch,
      fetchOptions: { headers: headers() },
      preferGetMethod: false,
    })
    return { requests, ask: (text: string) => client.query(text, {}).toPromise() }
  }

  test.each([true, false])('sends its text once, and the hash from then on; GET: %s', async (useGet) => {
    const { requests, ask } = create('allow', { preferGetForPersistedQueries: useGet ? 'force' : false })
    const method = useGet ? 'GET' : 'POST'
    const text = `query UrqlBy${method} { viewer { __typename email } }`
    for (let i = 0; i < 3; i++) expect(await ask(text)).toMatchObject({ data: email, error: undefined })
    expect(requests).toEqual([
      `${method} hash`,
      `${method} text and hash`,
      `${method} hash`,
      `${method} hash`,
    ])
  })

  test('stops sending hashes where they are off', async () => {
    const { requests, ask } = create('off')
    for (let i = 0; i < 2; i++) {
      expect(await ask(`query Urql${i} { viewer { __typename email } }`)).toMatchObject({ data: email })
    }
    expect(requests.map((each) => each.split(' ').slice(1).join(' '))).toEqual(['hash', 'text', 'text'])
  })

  test('does not send a text that is in no manifest', async () => {
    const { requests, ask } = create('only', { preferGetForPersistedQueries: false })
    const { error } = await ask('query Other { viewer { email } }')
    expect(error?.graphQLErrors[0]?.extensions['code']).toBe('PERSISTED_QUERY_NOT_IN_LIST')
    expect(requests).toEqual(['POST hash'])
  })

  test('sends a subscription by its hash over a WebSocket', async () => {
    const socket = alice.socket()
    const sent: string[] = []
    const client = new Client({
      url: urlOf('allow'),
      preferGetMethod: false,
      exchanges: [
        persistedExchange({ enableForSubscriptions: true }),
        subscriptionExchange({
          forwardSubscription({ query, ...rest }) {
            sent.push(query ? 'text' : 'hash')
            return {
              subscribe: (sink) => ({
                unsubscribe: socket.subscribe({ ...rest, query: query ?? '' } as never, sink as never),
              }),
            }
          },
        }),
      ],
    })
    const { viewer } = await alice.run('{ viewer { eventCursor } }')
    for (let i = 0; i < 2; i++) {
      const text = 'subscription UrqlLive($after: String) { events(after: $after) { __typename } }'
      let stop = () => {}
      const data = await new Promise((resolve) => {
        stop = client.subscription(text, { after: viewer.eventCursor }).subscribe((result) => {
          if ((result.data ?? result.error) !== undefined) resolve(result.data ?? result.error)
        }).unsubscribe
      })
      stop()
      expect(data).toEqual({ events: { __typename: 'CaughtUp' } })
    }
    expect(sent).toEqual(['hash', 'text', 'hash'])
    await socket.dispose()
  })
})
