import { serverAudits } from 'graphql-http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'

// The audits of the GraphQL-over-HTTP specification, as its reference implementation publishes them.
let app: TestApp
let alice: TestUser
beforeAll(async () => {
  app = await startTestApp()
  alice = await app.register('alice')
})
afterAll(() => app.dispose())

test.each(['anonymous', 'logged in'])('every audit passes, %s', async (who) => {
  const authorization = who === 'anonymous' ? {} : { authorization: `Bearer ${alice.token}` }
  const fetchFn = (url: string, init?: RequestInit) =>
    fetch(url, { ...init, headers: { ...(init?.headers as Record<string, string>), ...authorization } })
  const audits = serverAudits({ url: `${app.url}/graphql`, fetchFn })
  expect(audits.length).toBeGreaterThan(60)
  const failures: string[] = []
  for (const audit of audits) {
    const result = await audit.fn()
    if (result.status !== 'ok') failures.push(`${result.status} ${audit.name}: ${result.reason}`)
  }
  expect(failures).toEqual([])
})
