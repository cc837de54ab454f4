import { existsSync, readFileSync } from 'node:fs'
import type { GraphQLInterfaceType } from 'graphql'
import { expect, test } from 'vitest'
import { errorCodes } from '../../src/core/errors.ts'
import { rateLimits } from '../../src/features/auth/rate-limits.ts'
import { eventIntervalMs, liveTimings } from '../../src/features/presence/timings.ts'
import { documentLimits, maxCost, maxValidationErrors } from '../../src/graphql/operation/limits.ts'
import { registeredLimits, sharedLimits } from '../../src/graphql/persisted/registered.ts'
import { createSchema } from '../../src/graphql/schema.ts'
import { stalledBeats } from '../../src/http/event-stream.ts'
import { socketLimits } from '../../src/http/socket-protocol.ts'
import { renewalGraceMs } from '../../src/http/socket-session.ts'
import { startTestApp } from '../testkit/app.ts'

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

test('docs/errors.md has every code', () => {
  const page = read('docs/errors.md')
  for (const code of Object.keys(errorCodes)) expect(page).toContain(`\`${code}\``)
})

test('docs/errors.md has every limit at its value', () => {
  const page = read('docs/errors.md')
  const rows: [string, number][] = [
    ['characters (UTF-16 units)', documentLimits.characters],
    ['tokens', documentLimits.tokens],
    ['depth', documentLimits.depth],
    ['fields, fragments expanded, without `__typename`', documentLimits.fields],
    ['fragment spreads, fragments expanded', documentLimits.spreads],
    ['root fields', documentLimits.rootFields],
    ['aliases', documentLimits.aliases],
    ['directives at one place', documentLimits.directives],
    ['cost', maxCost],
    ['validation errors reported', maxValidationErrors],
  ]
  for (const [name, value] of rows) {
    expect(page).toContain(`| ${name} | ${value.toLocaleString('en')}`)
  }
})

test('docs/errors.md has every limit on attempts at its numbers', () => {
  const page = read('docs/errors.md')
  const names: Record<keyof typeof rateLimits, string> = {
    loginByIdentifierAndAddress: '`login` that fails | the identifier as it was typed, from one address',
    loginByIdentifier: '`login` that fails | the identifier as it was typed, from anywhere',
    loginByAddress: '`login` | address',
    registerByAddress: '`register` with valid input | address',
    refreshBySession: '`refreshTokens` | session',
    refreshByAddress: '`refreshTokens` | address',
    passwordCheckBySession: "a check of the viewer's own password, as `changePassword` makes it | session",
    emailSearchByUser: '`users` with an email address; `RATE_LIMITED` among the top-level errors | account',
  }
  for (const [name, { burst, intervalMs }] of Object.entries(rateLimits)) {
    expect(page).toContain(
      `| ${names[name as keyof typeof rateLimits]} | ${burst} | ${intervalMs / 1000} s |`,
    )
  }
})

test('docs/errors.md has every code of persisted operations, docs/persisted-operations.md their bounds', () => {
  const codes = new Set(read('src/graphql/persisted/request.ts').match(/\bPERSISTED_QUERY_\w+/g))
  expect(codes.size).toBe(4)
  for (const code of codes) expect(read('docs/errors.md')).toContain(`| \`${code}\` |`)
  const page = read('docs/persisted-operations.md').replaceAll(/\s+/g, ' ')
  const { users, strangers, intervalMs } = registeredLimits
  const number = (each: number) => each.toLocaleString('en')
  expect(page).toContain(
    `A user registers ${users.burst} documents at once, a network of addresses that are not logged in ${strangers.burst}, and each of them then one every ${intervalMs / 1_000} s`,
  )
  expect(page).toContain(
    `${number(users.documents)} documents and ${number(users.bytes)} bytes of text of users`,
  )
  expect(page).toContain(
    `${strangers.documents} documents and ${number(strangers.bytes)} bytes of strangers, of ${number(strangers.textBytes)} bytes at most each`,
  )
  const shared = sharedLimits
  expect(page).toContain(`for ${shared.seconds / 3_600} hours`)
  expect(page).toContain(
    `texts of ${number(shared.textBytes)} bytes at most; of users ${number(shared.users.burst)} at once and then one every ${shared.users.intervalMs / 1_000} s, of strangers ${shared.strangers.burst} and one every ${shared.strangers.intervalMs / 1_000} s`,
  )
  const aDay = [shared.users, shared.strangers].reduce(
    (sum, { burst, intervalMs: each }) => sum + burst + 86_400_000 / each,
    0,
  )
  expect(page).toContain(`${Math.ceil((aDay * shared.textBytes) / 10_000_000) * 10} MB a day`)
})

test('docs/configuration.md has every variable that is read', () => {
  const page = read('docs/configuration.md')
  const variables = [...read('src/config.ts').matchAll(/^ {2}([A-Z][A-Z_]+): /gm)].map((match) => match[1])
  expect(variables.length).toBeGreaterThan(10)
  for (const name of variables) expect(page).toContain(`\`${name}\``)
})

test('docs/realtime.md and docs/privacy.md have how long typing and presence last', () => {
  const page = read('docs/realtime.md')
  const { typingExpiryMs, graceMs, beatMs, deadMs } = liveTimings
  const [expiry, grace, beat, dead] = [typingExpiryMs, graceMs, beatMs, deadMs].map((ms) => ms / 1_000)
  const deadAtLast = (deadMs + beatMs) / 1_000
  expect(page).toContain(`it expires **${expiry} s** after`)
  expect(page).toContain(`until others see \`OFFLINE\` | ${grace} s`)
  expect(page).toContain(`or its machine | ${dead} to ${deadAtLast} s; `)
  expect(page).toContain(`a sign of\n  life every ${beat} s. One that has given none for ${dead} s is`)
  expect(eventIntervalMs).toBe(1_000)
  expect(read('docs/privacy.md')).toContain(
    `while it is open, and ${grace} s after; ${deadAtLast} s where the process ends`,
  )
})

test('docs/realtime.md has the limits of sockets and of streams', () => {
  const page = read('docs/realtime.md')
  const { heartbeatMs } = liveTimings
  const { messageBytes, initTimeoutMs, operations, closeTimeoutMs } = socketLimits
  expect(page).toContain(`a message of more than ${messageBytes / 1_024} KiB`)
  expect(page).toContain(`no \`connection_init\` within ${initTimeoutMs / 1_000} s`)
  expect(page).toContain(`no close within ${closeTimeoutMs / 1_000} s`)
  expect(page).toContain(`a ${operations + 1}st operation at a time`)
  expect(page).toContain(`The server pings every ${heartbeatMs / 1_000} s`)
  expect(page).toContain(`at once, and every ${heartbeatMs / 1_000} s, so that`)
  expect(page).toContain(`is waited for, ${renewalGraceMs / 1_000} s at the most`)
  expect(page).toContain('takes nothing of what waits for it for a minute')
  expect(stalledBeats * heartbeatMs).toBe(60_000)
})

test.each(['UserError', 'Event', 'ChatEvent', 'ChatActionEvent', 'MessageEvent'])(
  "the example of Apollo's cache has every %s that there is",
  (name) => {
    const listed =
      new RegExp(`\\b${name}: \\[(.*?)\\]`, 's').exec(read('examples/clients/apollo-cache.ts'))?.[1] ?? ''
    const schema = createSchema()
    const types = schema.getImplementations(schema.getType(name) as GraphQLInterfaceType)
    const names = [...listed.matchAll(/'(\w+)'/g)].map((match) => match[1])
    expect(names).toEqual(types.objects.map((type) => type.name).toSorted())
  },
)

test('docs/realtime.md has a document for a whole store, within the limits as Apollo sends it', async () => {
  const document = /```graphql\n(subscription Everything.*?)```/s.exec(read('docs/realtime.md'))?.[1] ?? ''
  const app = await startTestApp()
  const alice = await app.register('alice')
  const live = alice.subscribe(document.replaceAll('{', '{ __typename ').replace('{ __typename', '{'))
  expect((await live.take(1))[0].events.__typename).toBe('CaughtUp')
  await live.stop()
  await app.dispose()
})

test('docs/clients.md shows code as it stands in the files that the tests run', () => {
  const page = read('docs/clients.md')
  const lines = (text: string) =>
    text
      .split('\n')
      .map((line) => line.trim())
      .join('\n')
  const blocks = [...page.matchAll(/```(?:ts|json)\n(.*?)```/gs)]
  expect(blocks.length).toBeGreaterThan(8)
  for (const { 1: block = '', index } of blocks) {
    const [, path = ''] =
      [...page.slice(0, index).matchAll(/\((?:\.\.\/)([\w/-]+\.(?:ts|json))\)/g)].at(-1) ?? []
    expect(lines(read(path)), path).toContain(lines(block).trim())
  }
})

test('docs/clients.md links to files that are there', () => {
  const links = [...read('docs/clients.md').matchAll(/\]\((\.\.\/)?([\w./-]+)(?:#[\w-]+)?\)/g)]
  for (const [, up, path] of links)
    expect(existsSync(new URL(`../../${up ? '' : 'docs/'}${path}`, import.meta.url)), path).toBe(true)
})
