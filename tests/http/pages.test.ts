import { readFileSync } from 'node:fs'
import { createServer, get, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { buildSchema, getOperationAST, parse, validate } from 'graphql'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTour } from '../../src/http/pages/tour.ts'
import { renderWelcome } from '../../src/http/pages/welcome.ts'
import { createPages, type PageOptions } from '../../src/http/pages.ts'

const demo: PageOptions = {
  graphiql: true,
  webApp: true,
  demo: true,
  onlyPersisted: false,
}
const schema = buildSchema(readFileSync('schema.graphql', 'utf8'))

describe.each([true, false])('the tour, with demo data: %s', (hasDemo) => {
  const tabs = createTour({ demo: hasDemo })

  test('is valid by the schema, with the variables it declares and no others', () => {
    for (const { query, variables = '{}' } of tabs) {
      const document = parse(query)
      expect(validate(schema, document), query).toEqual([])
      const declared = getOperationAST(document)?.variableDefinitions ?? []
      expect(Object.keys(JSON.parse(variables))).toEqual(declared.map((each) => each.variable.name.value))
    }
  })

  test('begins each operation with what it shows', () => {
    for (const [index, { query }] of tabs.entries()) {
      expect(query).toMatch(new RegExp(`^# ${index + 1} of ${tabs.length}: `))
    }
  })

  test('ends with a subscription', () => {
    const operations = tabs.map(({ query }) => getOperationAST(parse(query))?.operation)
    expect(operations.at(-1)).toBe('subscription')
  })
})

test('tells the demo logins only where they exist', () => {
  const options = {
    address: 'http://127.0.0.1:4000',
    endpoint: '/graphql',
    graphiql: true,
    webApp: true,
    onlyPersisted: false,
  }
  expect(renderWelcome({ ...options, demo: true })).toContain('Demo accounts')
  expect(renderWelcome({ ...options, demo: false })).not.toContain('Demo accounts')
  expect(JSON.stringify(createTour({ demo: false }))).not.toContain('LogIn')
})

test('has nothing to paste where only operations of manifests run', () => {
  const options = {
    address: 'http://127.0.0.1:4000',
    endpoint: '/graphql',
    graphiql: false,
    webApp: false,
    demo: true,
  }
  expect(renderWelcome({ ...options, onlyPersisted: false })).toContain('curl')
  const page = renderWelcome({ ...options, onlyPersisted: true })
  expect(page).not.toContain('curl')
  expect(page).toContain('PERSISTED_QUERY_NOT_IN_LIST')
})

describe('pages', () => {
  let server: Server
  let url: string

  beforeAll(async () => {
    ;({ server, url } = await servePages(demo))
  })
  afterAll(() => server.close())

  test.each(['/', '/graphql'])('%s loads and embeds nothing from another host', async (path) => {
    const html = await (await getPage(url + path)).text()
    for (const loaded of loadsOf(html)) expect(loaded).toMatch(/^(\/(?!\/)|data:)/)
    expect(html).not.toMatch(/@import|url\(/)
  })

  test('may run no scripts but their own', async () => {
    const welcome = (await getPage(`${url}/`)).headers.get('content-security-policy')
    expect(welcome).toContain("default-src 'none'")
    expect(welcome).not.toContain('unsafe')
    const graphiql = (await getPage(`${url}/graphql`)).headers.get('content-security-policy')
    expect(graphiql).toContain("default-src 'none'")
    expect(graphiql).toContain("script-src 'self';")
    expect(graphiql).not.toMatch(/https?:/)
  })

  test('every file of GraphiQL is there, to be kept for good', async () => {
    const html = await (await getPage(`${url}/graphql`)).text()
    const { workers } = configOf(html)
    const files = [...loadsOf(html).filter((path) => path.startsWith('/graphql/')), ...Object.values(workers)]
    expect(files).toHaveLength(7)
    for (const path of files) {
      const response = await fetch(url + path, { headers: { 'accept-encoding': 'identity' } })
      expect(response.status).toBe(200)
      expect(response.headers.get('content-type')).toMatch(/^text\/(javascript|css); charset=utf-8$/)
      expect(response.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
      expect((await response.arrayBuffer()).byteLength).toBeGreaterThan(5_000)
    }
  })

  test('styles fetch nothing', async () => {
    const html = await (await getPage(`${url}/graphql`)).text()
    const path = loadsOf(html).find((each) => each.endsWith('.css'))
    const css = await (await fetch(url + path)).text()
    expect(css).not.toMatch(/@import/)
    for (const [, target] of css.matchAll(/url\(\s*["']?([^)"']{1,20})/g))
      expect(target).toMatch(/^(data:|#)/)
  })

  test('a page that has not changed is not sent again', async () => {
    const first = await getPage(`${url}/graphql`)
    const etag = first.headers.get('etag') ?? ''
    expect(first.headers.get('cache-control')).toBe('no-cache')
    const again = await getPage(`${url}/graphql`, { 'if-none-match': etag })
    expect(again.status).toBe(304)
    expect(await again.text()).toBe('')
  })

  test('compresses as the browser accepts', async () => {
    const [plain, gzip, br] = await Promise.all(
      ['identity', 'gzip, br;q=0', 'gzip, deflate, br'].map((encoding) => getRaw(`${url}/graphql`, encoding)),
    )
    expect([plain?.encoding, gzip?.encoding, br?.encoding]).toEqual([undefined, 'gzip', 'br'])
    expect(gunzipSync(gzip?.body ?? '')).toEqual(plain?.body)
    expect(brotliDecompressSync(br?.body ?? '')).toEqual(plain?.body)
  })

  test.each([
    ['a query by GET', '/graphql?query={__typename}', 'text/html'],
    ['a document by documentId', '/graphql?documentId=x', 'text/html'],
    ['a document by id', '/graphql?operationName=A&id=x', 'text/html'],
    ['a client that wants data', '/graphql', 'application/json'],
    ['a file that is not there', '/graphql/assets/0/graphiql.js', 'text/html'],
    ['another path', '/other', 'text/html'],
  ])('leave %s to others', async (_what, path, accept) => {
    expect((await fetch(url + path, { headers: { accept } })).status).toBe(418)
  })

  test.each([
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', true],
    ['text/html, application/json', true],
    ['application/json, text/html', false],
    ['text/html;q=0.5, application/json', false],
    ['*/*', false],
    ['text/html;q=0, text/*', false],
  ])('Accept %s gets GraphiQL: %s', async (accept, isPage) => {
    for (const path of ['/graphql', '/graphql/']) {
      expect((await fetch(url + path, { headers: { accept } })).status).toBe(isPage ? 200 : 418)
    }
  })

  test('leave mutations to others', async () => {
    expect((await fetch(`${url}/graphql`, { method: 'POST', headers: { accept: 'text/html' } })).status).toBe(
      418,
    )
  })

  test('HEAD has no body, and is left to others where the API is', async () => {
    const response = await fetch(`${url}/`, { method: 'HEAD' })
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('')
    const headers = { accept: 'text/html' }
    expect((await fetch(`${url}/graphql`, { method: 'HEAD', headers })).status).toBe(418)
  })

  test('show the address they were reached by, and nothing else that a host header may hold', async () => {
    expect(await (await getPage(`${url}/`)).text()).toContain(`<code>${url}/graphql</code>`)
    const { body } = await getRaw(`${url}/`, 'identity', { host: 'evil"><script>alert(1)</script>' })
    expect(String(body)).toContain('<code>http://localhost/graphql</code>')
    expect(String(body)).not.toContain('alert(1)')
  })
})

test('without GraphiQL there is no trace of it', async () => {
  const { server, url } = await servePages({ ...demo, graphiql: false })
  expect((await getPage(`${url}/graphql`)).status).toBe(418)
  expect(await (await getPage(`${url}/`)).text()).not.toContain('GraphiQL')
  server.close()
})

/** Pages alone; what they leave to others is answered with 418. */
async function servePages(options: PageOptions): Promise<{ server: Server; url: string }> {
  const pages = createPages(options)
  const server = createServer(async (request, response) => {
    if (!(await pages(request, response))) response.writeHead(418).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

function getPage(url: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url, { headers: { accept: 'text/html,application/xhtml+xml', ...headers } })
}

/** As it comes over the wire; `fetch` would decompress it and set the host. */
async function getRaw(url: string, acceptEncoding: string, headers: Record<string, string> = {}) {
  return new Promise<{ encoding: string | undefined; body: Buffer }>((resolve, reject) => {
    const given = { accept: 'text/html', 'accept-encoding': acceptEncoding, ...headers }
    get(url, { headers: given }, async (response) => {
      const chunks: Buffer[] = []
      for await (const chunk of response) chunks.push(chunk)
      resolve({ encoding: response.headers['content-encoding'], body: Buffer.concat(chunks) })
    }).on('error', reject)
  })
}

/** What the browser fetches for a page by itself; links to click are not. */
function loadsOf(html: string): string[] {
  const tags = html.match(/<(script|link|img|iframe|source|object|embed)\b[^>]*>/g) ?? []
  return tags.flatMap((tag) =>
    [...tag.matchAll(/\b(?:src|href|data)="([^"]*)"/g)].map((match) => match[1] ?? ''),
  )
}

function configOf(html: string): { workers: Record<string, string> } {
  return JSON.parse(/<script type="application\/json" id="config">(.*?)<\/script>/s.exec(html)?.[1] ?? '{}')
}
