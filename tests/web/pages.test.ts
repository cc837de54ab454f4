import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createPages } from '../../src/http/pages.ts'
import { buildWebApp } from './people.ts'
import { rawRequest } from './raw-request.ts'

const servers: Server[] = []

async function serve(options: { webApp?: boolean; webAppFolders?: readonly URL[] } = {}): Promise<string> {
  const pages = createPages({
    graphiql: false,
    webApp: true,
    demo: false,
    onlyPersisted: false,
    ...options,
  })
  const server = createServer(async (request, response) => {
    const taken = await pages(request, response).catch(() => response.writeHead(500).end('failed'))
    if (!taken) response.writeHead(404).end('elsewhere')
  }).listen(0, '127.0.0.1')
  servers.push(server)
  await new Promise((resolve) => server.once('listening', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

let url: string
beforeAll(async () => {
  buildWebApp()
  url = await serve()
}, 60_000)
afterAll(() => {
  for (const server of servers) server.close()
})

test('every path below /app is the page, which is asked for again each time', async () => {
  const bodies = await Promise.all(
    ['/app', '/app/', '/app/index.html', '/app/c/abc?x=1'].map(async (path) => {
      const response = await fetch(url + path)
      expect(response.status).toBe(200)
      expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8')
      expect(response.headers.get('cache-control')).toBe('no-cache')
      const policy = response.headers.get('content-security-policy') ?? ''
      expect(policy).toContain("default-src 'none'")
      expect(policy).not.toMatch(/unsafe|https?:|\*/)
      return response.text()
    }),
  )
  expect(new Set(bodies).size).toBe(1)
  const etag = (await fetch(`${url}/app/`)).headers.get('etag') ?? ''
  expect((await fetch(`${url}/app/`, { headers: { 'if-none-match': etag } })).status).toBe(304)
})

test('its files are kept for good, and a HEAD has no body', async () => {
  const html = await (await fetch(`${url}/app/`)).text()
  const files = [...html.matchAll(/(?:src|href)="(\/app\/assets\/[^"]+)"/g)].map((match) => match[1] ?? '')
  expect(files).toHaveLength(2)
  for (const file of files) {
    const response = await fetch(url + file)
    expect(response.headers.get('content-type')).toMatch(/^text\/(javascript|css); charset=utf-8$/)
    expect(response.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    const head = await fetch(url + file, { method: 'HEAD' })
    expect(head.status).toBe(200)
    expect(Number(head.headers.get('content-length'))).toBeGreaterThan(1_000)
    expect(await head.text()).toBe('')
  }
  expect((await fetch(`${url}/app/icon.svg`)).headers.get('content-type')).toContain('image/svg+xml')
  expect((await fetch(`${url}/app/assets/gone.js`)).status).toBe(404)
})

test('no path leads out of the folder', async () => {
  const page = readFileSync('examples/web/dist/index.html', 'utf8')
  for (const path of [
    '/app/../package.json',
    '/app/assets/../../../../package.json',
    '/app/..%2f..%2fpackage.json',
    '/app/%2e%2e/%2e%2e/package.json',
    '/app//etc/passwd',
    '/app/..\\..\\package.json',
    '/app/%00',
  ]) {
    const body = await rawRequest(url, path)
    expect(body, path).not.toContain('"name": "parley"')
    expect(body.includes(page) || body.includes('elsewhere') || body.includes('no such file'), path).toBe(
      true,
    )
  }
})

test('where it is off, or was not built, there is none', async () => {
  expect(await (await fetch(`${await serve({ webApp: false })}/app/`)).text()).toBe('elsewhere')
  const folder = mkdtempSync(join(tmpdir(), 'parley-web-'))
  try {
    const empty = await serve({ webAppFolders: [new URL(`${pathToFileURL(folder).href}/`)] })
    const response = await fetch(`${empty}/app/`)
    expect(response.status).toBe(404)
    expect((await response.text()).trim().split('\n')).toHaveLength(1)
    writeFileSync(join(folder, 'index.html'), 'built meanwhile')
    expect(await (await fetch(`${empty}/app/`)).text()).toBe('built meanwhile')
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('what is asked for during a build is there once the build is whole', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'parley-web-'))
  try {
    const building = await serve({ webAppFolders: [new URL(`${pathToFileURL(folder).href}/`)] })
    const page = async () => {
      const response = await fetch(`${building}/app/`)
      return { status: response.status, isPage: (await response.text()).includes('<script') }
    }
    writeFileSync(join(folder, 'index.html'), '<script src="/app/assets/a.js"></script>')
    expect(await page()).toEqual({ status: 404, isPage: false })
    mkdirSync(join(folder, 'assets'))
    // Listed, and gone when it is read.
    symlinkSync(join(folder, 'nowhere'), join(folder, 'assets/a.js'))
    expect(await page()).toEqual({ status: 404, isPage: false })
    rmSync(join(folder, 'assets/a.js'))
    // What cannot be read at all.
    mkdirSync(join(folder, 'assets/a.js'))
    expect(await page()).toEqual({ status: 500, isPage: false })
    rmSync(join(folder, 'assets/a.js'), { recursive: true })
    writeFileSync(join(folder, 'assets/a.js'), '')
    expect(await page()).toEqual({ status: 404, isPage: false })
    writeFileSync(join(folder, 'assets/a.js'), 'run()')
    expect(await page()).toEqual({ status: 200, isPage: true })
    expect(await (await fetch(`${building}/app/assets/a.js`)).text()).toBe('run()')
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('another method is left to others', async () => {
  expect(await (await fetch(`${url}/app/`, { method: 'POST' })).text()).toBe('elsewhere')
})
