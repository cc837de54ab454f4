import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fetchUnlessSilent } from '../../examples/web/src/apollo/links.ts'

const silentMs = 400
const text = 'an answer that takes longer than one may be silent'

/** Answers a letter at a time; `/stops` no more after the third, `/silent` never. */
const server = createServer(async ({ url }, response: ServerResponse) => {
  if (url === '/silent') return
  for (const [index, letter] of [...text].entries()) {
    if (url === '/stops' && index === 3) return
    response.write(letter)
    await pause(20)
  }
  response.end()
})

let url: string
beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

test('an answer that goes on coming is read to its end, however long that takes', async () => {
  const start = performance.now()
  expect(await (await fetchUnlessSilent(silentMs, url)).text()).toBe(text)
  expect(performance.now() - start).toBeGreaterThan(2 * silentMs)
})

test('one that does not begin, or stops, fails', async () => {
  await expect(fetchUnlessSilent(silentMs, `${url}/silent`)).rejects.toThrow('Nothing came.')
  const response = await fetchUnlessSilent(silentMs, `${url}/stops`)
  await expect(response.text()).rejects.toThrow('Nothing came.')
})

test('who gives up does so at once', async () => {
  const given = new AbortController()
  const answer = fetchUnlessSilent(60_000, `${url}/silent`, { signal: given.signal })
  given.abort(new Error('Given up.'))
  await expect(answer).rejects.toThrow('Given up.')
})
