import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestApp, type TestApp } from '../testkit/app.ts'
import { memoryInUse } from '../testkit/memory.ts'

let app: TestApp
beforeAll(async () => {
  app = await startTestApp()
})
afterAll(() => app.dispose())

/** What anonymous callers may have in documents and plans is 12 MB. */
const boundMb = 12

/** What is still in memory of documents that came once, in megabytes. */
async function memoryAfter(requests: number, request: (i: number) => object): Promise<number> {
  const send = (i: number) =>
    fetch(`${app.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(request(i)),
    }).then((response) => response.text())
  // What the first ones load is there for good.
  for (let i = 0; i < 20; i++) await send(-i)
  const before = memoryInUse()
  for (let i = 0; i < requests; i++) await send(i)
  return memoryInUse() - before
}

test('invalid documents leave no more in memory than the caches may hold', async () => {
  const growth = await memoryAfter(800, (i) => ({ query: `{ viewer { a${i} b${i} c${i} } }` }))
  expect(growth).toBeLessThan(boundMb)
})

test('large documents of which little runs leave no more in memory than the caches may hold', async () => {
  const unused = `query B { viewer { ${'... { __typename } '.repeat(190)} } }`
  const growth = await memoryAfter(200, (i) => ({
    query: `query A${Math.abs(i)} { __typename } ${unused}`,
    operationName: `A${Math.abs(i)}`,
  }))
  expect(growth).toBeLessThan(boundMb)
})
