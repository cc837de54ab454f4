import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { noCodeGeneration } from '../src/cli/code-generation.ts'
import { startEmbeddedPostgres } from '../src/db/embedded.ts'
import { migrate } from '../src/db/migrations.ts'
import { seedBulk } from '../src/seed/bulk.ts'
import { seedPassword } from '../src/seed/rows.ts'

/**
 * `npm run build && npx tsx bench/export.ts [messages]`: how much memory and time a server takes to build and
 * to send the export of an account with so many messages. The memory is the whole process's, as the system
 * counts it. Two numbers of messages far apart show whether it grows with them.
 */
const sizes = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [10_000, 1_000_000]
const secret = 'a secret for benchmarks on this machine only'

async function main(): Promise<void> {
  for (const messages of sizes) {
    const dataDir = mkdtempSync(join(tmpdir(), 'parley-bench-'))
    const postgres = await startEmbeddedPostgres({ dataDir })
    try {
      await migrate(postgres.url)
      await seedBulk({ databaseUrl: postgres.url, users: 1, chats: 20, messages })
      await measure(postgres.url, messages)
    } finally {
      await postgres.dispose()
      rmSync(dataDir, { recursive: true, force: true })
    }
  }
}

async function measure(databaseUrl: string, messages: number): Promise<void> {
  const { child, url } = await startServer(databaseUrl)
  try {
    const anonymous = createClient(url)
    const { login } = await anonymous(
      `mutation { login(input: { identifier: "user000001", password: "${seedPassword}" }) {
        ... on LoginPayload { tokens { accessToken } } } }`,
    )
    const run = createClient(url, login.tokens.accessToken)
    // What the first requests load stays.
    for (let i = 0; i < 200; i++) await run('{ viewer { user { id } chats { edges { node { title } } } } }')
    console.log(`\n${messages.toLocaleString('en')} messages`)
    report('at rest', { megabytes: residentMegabytes(child) })

    const { requestDataExport } = await run(
      'mutation { requestDataExport { ... on RequestDataExportPayload { dataExport { id } } } }',
    )
    const find = `{ node(id: "${requestDataExport.dataExport.id}") { ... on DataExport { status sizeBytes downloadUrl } } }`
    let found: Data = { status: 'PENDING' }
    report(
      'building',
      await watch(child, async () => {
        while (found.status === 'PENDING') {
          await new Promise((resolve) => setTimeout(resolve, 100))
          found = (await run(find)).node
        }
      }),
    )
    const sent: Record<string, number> = {}
    for (const encoding of ['gzip', 'identity']) {
      const watched = await watch(child, async () => {
        sent[encoding] = await download(url + found.downloadUrl, encoding)
      })
      report(`sending, ${encoding}`, watched)
    }
    const inMegabytes = (bytes = 0) => (bytes / 1e6).toFixed(1)
    console.log(
      `  the document has ${inMegabytes(found.sizeBytes)} MB, its gzip ${inMegabytes(sent['gzip'])} MB`,
    )
    if (sent['identity'] !== found.sizeBytes) throw new Error('It was not sent whole.')
  } finally {
    child.kill('SIGTERM')
    await once(child, 'exit')
  }
}

function report(name: string, { megabytes, seconds }: { megabytes: number; seconds?: number }): void {
  const time = seconds === undefined ? '' : `${seconds.toFixed(1).padStart(8)} s`
  console.log(`  ${name.padEnd(20)} ${megabytes.toFixed(0).padStart(5)} MB${time}`)
}

/** The most memory that the process had while the work went on. */
async function watch(child: ChildProcess, work: () => Promise<void>) {
  const start = performance.now()
  let megabytes = residentMegabytes(child)
  const timer = setInterval(() => {
    megabytes = Math.max(megabytes, residentMegabytes(child))
  }, 50)
  await work()
  clearInterval(timer)
  return { megabytes, seconds: (performance.now() - start) / 1000 }
}

function residentMegabytes({ pid }: ChildProcess): number {
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) / 1024
}

/** Reads it to the end and keeps nothing. @returns the bytes that came */
function download(url: string, encoding: string): Promise<number> {
  return new Promise((resolve, reject) => {
    get(url, { headers: { 'accept-encoding': encoding } }, (response) => {
      let size = 0
      response.on('data', (part: Buffer) => {
        size += part.length
      })
      response.once('end', () => resolve(size)).once('error', reject)
    }).once('error', reject)
  })
}

// biome-ignore lint/suspicious/noExplicitAny: an answer has the shape of whatever was asked.
type Data = any

function createClient(url: string, token?: string) {
  return async (query: string): Promise<Data> => {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
      body: JSON.stringify({ query }),
    })
    return ((await response.json()) as Data).data
  }
}

async function startServer(databaseUrl: string): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, [noCodeGeneration, 'dist/main.js', 'serve'], {
    env: {
      PATH: process.env['PATH'],
      NODE_ENV: 'production',
      DATABASE_URL: databaseUrl,
      JWT_SECRET: secret,
      PORT: '0',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for await (const output of child.stdout) {
    const url = /"url":"([^"]+)"/.exec(String(output))?.[1]
    if (url !== undefined) return { child, url }
  }
  throw new Error('The server ended before it was ready.')
}

await main()
