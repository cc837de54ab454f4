import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import WebSocket from 'ws'
import type { Config } from '../../src/config.ts'
import { startTestApp, type TestApp, type TestUser, testPassword } from '../testkit/app.ts'
import type { Data } from '../testkit/client.ts'
import { Login, RefreshTokens, Register } from '../testkit/operations.ts'

// Each attempt that is let through costs a hash.
vi.setConfig({ testTimeout: 60_000 })

const limited: Partial<Config> = { rateLimits: true, trustedProxies: 1 }
let app: TestApp
beforeAll(async () => {
  app = await startTestApp({ config: limited })
})
afterAll(() => app.dispose())
let made = 0
/** Nobody has come from it before. */
const newAddress = () => `10.${++made >> 8}.${made & 255}.1`
const newName = () => `nobody_${randomBytes(4).toString('hex')}`

const RetryAfter = '... on RateLimitedError { retryAfterMs }'
const attempt = Login.replace('... on LoginPayload', `${RetryAfter} ... on LoginPayload`)

async function login(identifier: string, from: string, password = 'Wrong1Password', at = app): Promise<Data> {
  const variables = { input: { identifier, password } }
  return (await at.anonymous.send(attempt, variables, { 'x-forwarded-for': from })).data.login
}

/** One after another. @returns what came of each */
async function outcomes(count: number, one: (index: number) => Promise<Data>): Promise<string[]> {
  const all: string[] = []
  for (let i = 0; i < count; i++) all.push(outcomeOf(await one(i)))
  return all
}

const outcomeOf = (payload: Data): string => payload.code ?? payload.__typename
const times = (count: number, outcome: string): string[] => Array(count).fill(outcome)
const wrong = 'INVALID_CREDENTIALS'
const refused = 'RATE_LIMITED'

const realNow = performance.now.bind(performance)
let ahead = 0
afterEach(() => {
  ahead = 0
  vi.restoreAllMocks()
})

/** Lets time pass, or takes it back: in the database, and in what the process remembers. */
async function pass(ms: number): Promise<void> {
  await app.app.database.prisma
    .$executeRaw`UPDATE rate_limits SET free_at = free_at - ${ms} * interval '1 millisecond'`
  ahead += ms
  vi.spyOn(performance, 'now').mockImplementation(() => realNow() + ahead)
}

describe('logins', () => {
  test('ten failures for a name from an address, then one every 30 seconds, as it is told', async () => {
    const [name, address] = [newName(), newAddress()]
    expect(await outcomes(10, () => login(name, address))).toEqual(times(10, wrong))
    const payload = await login(name, address)
    expect(payload).toMatchObject({ __typename: 'RateLimitedError', code: refused })
    expect(payload.retryAfterMs).toBeGreaterThan(15_000)
    expect(payload.retryAfterMs).toBeLessThanOrEqual(30_000)
    await pass(payload.retryAfterMs - 5_000)
    const soon = await login(name, address)
    expect(outcomeOf(soon)).toBe(refused)
    expect(soon.retryAfterMs).toBeLessThanOrEqual(5_000)
    await pass(soon.retryAfterMs)
    expect(await outcomes(2, () => login(name, address))).toEqual([wrong, refused])
  })

  test('a refusal tells nothing of the account: known or not, by username or email, password right or wrong', async () => {
    const alice = await app.register('alice')
    const sequences = [alice.username, alice.email, newName(), `${newName()}@example.com`].map(
      async (identifier) => {
        const address = newAddress()
        const before = await outcomes(10, () => login(identifier, address))
        const { retryAfterMs, ...after } = await login(identifier, address, testPassword)
        expect(retryAfterMs).toBeGreaterThan(0)
        return { before, after: { ...after, reason: '' } }
      },
    )
    const [first, ...others] = await Promise.all(sequences)
    expect(first?.before).toEqual(times(10, wrong))
    for (const other of others) expect(other).toEqual(first)
  })

  test('the name counts as it is looked up; a username and an email of one account count apart', async () => {
    const alice = await app.register('alice')
    const address = newAddress()
    const spellings = [alice.username, alice.username.toUpperCase(), ` ${alice.username} `]
    expect(await outcomes(11, (i) => login(spellings[i % 3] ?? '', address))).toEqual([
      ...times(10, wrong),
      refused,
    ])
    expect(outcomeOf(await login(alice.email, address, testPassword))).toBe('LoginPayload')
  })

  test('fifty failures for a name from anywhere', async () => {
    const alice = await app.register('alice')
    for (const identifier of [alice.username, newName()]) {
      const all = await Promise.all(Array.from({ length: 50 }, () => login(identifier, newAddress())))
      expect(all.map(outcomeOf)).toEqual(times(50, wrong))
      const payload = await login(identifier, newAddress(), testPassword)
      expect(outcomeOf(payload)).toBe(refused)
      expect(payload.retryAfterMs).toBeLessThanOrEqual(20_000)
    }
  })

  test('a hundred from an address, whatever the names; an IPv6 address stands for its /64', async () => {
    const at = (host: number) => `2001:db8:0:${(made + 1).toString(16)}::${host.toString(16)}`
    const began = performance.now()
    const all = await Promise.all(Array.from({ length: 100 }, (_, i) => login(newName(), at(i))))
    expect(all.map(outcomeOf)).toEqual(times(100, wrong))
    // As if they had come in one moment; in the next one a few may come back.
    await pass(began - performance.now())
    const more = await Promise.all(Array.from({ length: 10 }, () => login(newName(), at(1000))))
    const payload = more.find((each) => outcomeOf(each) === refused)
    expect(payload.retryAfterMs).toBeLessThanOrEqual(1_000)
    expect(outcomeOf(await login(newName(), newAddress()))).toBe(wrong)
  })

  test('of twenty at once ten get through', async () => {
    const [name, address] = [newName(), newAddress()]
    const all = await Promise.all(Array.from({ length: 20 }, () => login(name, address)))
    expect(all.map(outcomeOf).sort()).toEqual([...times(10, wrong), ...times(10, refused)])
  })

  test('those that succeed count for the address only, and wipe out no failures', async () => {
    const [alice, address] = [await app.register('alice'), newAddress()]
    const right = () => login(alice.username, address, testPassword)
    expect(await outcomes(9, () => login(alice.username, address))).toEqual(times(9, wrong))
    expect(await outcomes(12, right)).toEqual(times(12, 'LoginPayload'))
    expect(await outcomes(1, () => login(alice.username, address))).toEqual([wrong])
    expect(await outcomes(1, right)).toEqual([refused])
  })

  test('over a WebSocket as over HTTP', async () => {
    const [name, address] = [newName(), newAddress()]
    class FromAddress extends WebSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols, { headers: { 'x-forwarded-for': address } })
      }
    }
    const socket = app.anonymous.socket({ webSocketImpl: FromAddress })
    const onSocket = async () => {
      const variables = { input: { identifier: name, password: 'Wrong1Password' } }
      for await (const { data } of socket.iterate<Data>({ query: attempt, variables })) return data.login
    }
    expect(await outcomes(5, () => login(name, address))).toEqual(times(5, wrong))
    expect(await outcomes(6, onSocket)).toEqual([...times(5, wrong), refused])
    expect(await outcomes(1, () => login(name, address))).toEqual([refused])
    await socket.dispose()
  })

  test('what is refused again costs no statement', async () => {
    const [name, address] = [newName(), newAddress()]
    await outcomes(11, () => login(name, address))
    const { result, statements } = await app.statements(() => outcomes(5, () => login(name, address)))
    expect(result).toEqual(times(5, refused))
    expect(statements.filter((sql) => /rate_limits|users/.test(sql))).toEqual([])
  })
})

describe('which address counts', () => {
  const sentWith = (headers: (i: number) => string, count: number, at: TestApp) => {
    const name = newName()
    return outcomes(count, (i) => login(name, headers(i), undefined, at))
  }
  const oneAddress = [...times(10, wrong), refused]

  test('behind a proxy the last entry, whatever the client made up before it', async () => {
    const address = newAddress()
    const forms = [address, `${address}:4711`, `::ffff:${address}`, `[::ffff:${address}]:4711`]
    const header = (i: number) => `${newAddress()}, ${forms[i % forms.length]}`
    expect(await sentWith(header, 11, app)).toEqual(oneAddress)
  })

  test('what is no address gives the proxy itself', async () => {
    const nonsense = ['', 'unknown', '1.2.3', '1.2.3.4.5', '"; --', '::g', `${newAddress()},`]
    expect(await sentWith((i) => nonsense[i % nonsense.length] ?? '', 11, app)).toEqual(oneAddress)
  })

  test('behind two proxies the entry before the last', async () => {
    const two = await startTestApp({
      database: app.database,
      config: { rateLimits: true, trustedProxies: 2 },
    })
    const [address, proxy] = [newAddress(), newAddress()]
    expect(await sentWith(() => `${newAddress()}, ${address}, ${proxy}`, 11, two)).toEqual(oneAddress)
    expect(await sentWith((i) => (i < 10 ? `${newAddress()}, ${proxy}` : proxy), 10, two)).toEqual(
      times(10, wrong),
    )
    await two.dispose()
  })

  test('without a proxy the header says nothing, and the log says so once', async () => {
    const open = await startTestApp({ database: app.database, config: { rateLimits: true } })
    expect(await sentWith(newAddress, 11, open)).toEqual(oneAddress)
    expect(open.logs.map(({ msg }) => msg)).toEqual([expect.stringContaining('TRUST_PROXY')])
    await open.dispose()
  })
})

test('processes share the limits, and a restart forgets nothing', async () => {
  const [name, address] = [newName(), newAddress()]
  const other = await startTestApp({ database: app.database, config: limited })
  const both = [app, other]
  const sequence = await outcomes(12, (i) => login(name, address, undefined, both[i % 2]))
  expect(sequence).toEqual([...times(10, wrong), refused, refused])
  await other.dispose()
  const restarted = await startTestApp({ database: app.database, config: limited })
  expect(outcomeOf(await login(name, address, undefined, restarted))).toBe(refused)
  await restarted.dispose()
})

test('with RATE_LIMITS=off nothing is limited, which the log says in production', async () => {
  const unlimited = await startTestApp({
    database: app.database,
    config: { rateLimits: false, production: true },
  })
  expect(unlimited.logs.map(({ msg }) => msg)).toEqual([expect.stringContaining('RATE_LIMITS')])
  const name = newName()
  expect(await outcomes(12, () => login(name, '', undefined, unlimited))).toEqual(times(12, wrong))
  await unlimited.dispose()
})

describe('registrations', () => {
  const register = async (address: string, input: object = {}): Promise<Data> => {
    const name = newName()
    const variables = {
      input: { username: name, email: `${name}@example.com`, password: testPassword, ...input },
    }
    return (await app.anonymous.send(Register, variables, { 'x-forwarded-for': address })).data.register
  }

  test('twenty from an address, taken names included, then one a minute', async () => {
    const [alice, address] = [await app.register('alice'), newAddress()]
    expect(await outcomes(10, () => register(address))).toEqual(times(10, 'RegisterPayload'))
    expect(await outcomes(10, () => register(address, { email: alice.email }))).toEqual(
      times(10, 'EMAIL_TAKEN'),
    )
    // From here on nobody is told who is registered.
    const username = newName()
    for (const input of [{ username }, { email: alice.email }]) {
      expect(outcomeOf(await register(address, input))).toBe(refused)
    }
    expect(await app.app.database.prisma.user.count({ where: { username } })).toBe(0)
    expect(outcomeOf(await register(newAddress()))).toBe('RegisterPayload')
    await pass(60_000)
    expect(await outcomes(2, () => register(address))).toEqual(['RegisterPayload', refused])
  })

  test('an input that breaks the rules is told so, and does not count', async () => {
    const address = newAddress()
    const invalid = await outcomes(21, () => register(address, { password: 'short' }))
    expect(invalid).toEqual(times(21, 'VALIDATION_FAILED'))
    expect(outcomeOf(await register(address))).toBe('RegisterPayload')
  })
})

describe('refreshes', () => {
  const refresh = async (refreshToken: string, address: string): Promise<Data> => {
    const variables = { input: { refreshToken } }
    return (await app.anonymous.send(RefreshTokens, variables, { 'x-forwarded-for': address })).data
      .refreshTokens
  }

  test('twenty of a session, then one every 5 seconds; it goes on where it was', async () => {
    const alice = await app.register('alice')
    let token = alice.refreshToken
    const next = async () => {
      const payload = await refresh(token, newAddress())
      token = payload.tokens?.refreshToken ?? token
      return payload
    }
    expect(await outcomes(21, next)).toEqual([...times(20, 'RefreshTokensPayload'), refused])
    const bob = await app.register('bob')
    expect(outcomeOf(await refresh(bob.refreshToken, newAddress()))).toBe('RefreshTokensPayload')
    await pass(5_000)
    expect(await outcomes(2, next)).toEqual(['RefreshTokensPayload', refused])
  })

  test('three hundred from an address, then five a second', async () => {
    const address = newAddress()
    const began = performance.now()
    const all = await Promise.all(Array.from({ length: 300 }, () => refresh('no token', address)))
    expect(all.map(outcomeOf)).toEqual(times(300, 'INVALID_REFRESH_TOKEN'))
    await pass(began - performance.now())
    const more = await Promise.all(Array.from({ length: 30 }, () => refresh('no token', address)))
    expect(more.map(outcomeOf)).toContain(refused)
    expect(outcomeOf(await refresh('no token', newAddress()))).toBe('INVALID_REFRESH_TOKEN')
  })
})

test('ten checks of the own password, then one every 30 seconds', async () => {
  const [alice, bob] = [await app.register('alice'), await app.register('bob')]
  const change = async (user: TestUser, currentPassword: string): Promise<Data> => {
    const query = `mutation ($input: ChangePasswordInput!) { changePassword(input: $input) {
      __typename ... on UserError { code } ${RetryAfter} } }`
    const input = { currentPassword, newPassword: 'Another1Password' }
    return (await user.run(query, { input })).changePassword
  }
  expect(await outcomes(10, () => change(alice, 'Wrong1Password'))).toEqual(times(10, wrong))
  const payload = await change(alice, testPassword)
  expect(outcomeOf(payload)).toBe(refused)
  expect(payload.retryAfterMs).toBeLessThanOrEqual(30_000)
  expect(outcomeOf(await change(bob, testPassword))).toBe('ChangePasswordPayload')
  await pass(payload.retryAfterMs)
  expect(outcomeOf(await change(alice, testPassword))).toBe('ChangePasswordPayload')
})
