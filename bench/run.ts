import autocannon from 'autocannon'
import {
  freePort,
  option,
  prepare,
  sendMutation,
  startParley,
  startServer,
  text,
  withDatabase,
} from './testbed.ts'

/**
 * `npm run bench`: Parley against the same statements behind a bare `node:http`, in one run on one
 * database, turn by turn, so that whatever else the machine does meets both. Prints requests per second
 * and the ratio of the medians. `npm run bench -- --seconds 2 --rounds 1` for a quick look.
 */
const seconds = option('seconds', 5)
const rounds = option('rounds', 3)
const connections = option('connections', 16)

async function compare(databaseUrl: string): Promise<void> {
  const { graphql } = await startParley(databaseUrl, { RATE_LIMITS: 'off' })
  const { token, userId, chatId, globalChatId } = await prepare(graphql, databaseUrl)
  const barePort = await freePort()
  await startServer(
    ['--import', 'tsx', 'bench/bare.ts', databaseUrl, String(barePort), userId, chatId],
    'ready',
    { NODE_ENV: 'production' },
  )
  const bare = `http://127.0.0.1:${barePort}`
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
  const pageBody = JSON.stringify({ query: pageQuery, variables: { id: globalChatId } })
  const sendBody = (n: number) =>
    JSON.stringify({
      query: sendMutation,
      variables: { input: { chatId: globalChatId, clientMessageId: `p${n}`, text } },
    })
  await report('a page of 50 messages with their authors', {
    bare: () => load(`${bare}/page`, {}, () => '{}'),
    parley: () => load(graphql, headers, () => pageBody),
  })
  await report('sendMessage', {
    bare: () => load(`${bare}/send`, {}, (n) => JSON.stringify({ text, clientMessageId: `b${n}` })),
    parley: () => load(graphql, headers, sendBody),
  })
}

const pageQuery = `query Page($id: ID!) { chat(id: $id) { id title messages(last: 50) {
  edges { cursor node { id sequence text createdAt editedAt deletedAt author { id username displayName } } } } } }`

interface Load {
  readonly perSecond: number
  readonly p99: number
}

let sent = 0

async function load(
  url: string,
  headers: Record<string, string>,
  body: (n: number) => string,
): Promise<Load> {
  const result = await autocannon({
    url,
    connections,
    duration: seconds,
    method: 'POST',
    headers,
    requests: [{ setupRequest: (request) => ({ ...request, body: body(++sent) }) }],
  })
  if (result.non2xx > 0 || result.errors > 0) {
    throw new Error(`${url}: ${result.non2xx} answers were not 2xx, ${result.errors} failed.`)
  }
  return { perSecond: result.requests.average, p99: result.latency.p99 }
}

/** Turn by turn; the first turn of each warms up and does not count. */
async function report(
  name: string,
  sides: { bare: () => Promise<Load>; parley: () => Promise<Load> },
): Promise<void> {
  const results = { bare: [] as Load[], parley: [] as Load[] }
  for (let round = 0; round <= rounds; round++) {
    for (const side of ['bare', 'parley'] as const) {
      const result = await sides[side]()
      if (round > 0) results[side].push(result)
    }
  }
  const of = (side: 'bare' | 'parley', key: keyof Load) => median(results[side].map((each) => each[key]))
  const ratio = of('parley', 'perSecond') / of('bare', 'perSecond')
  console.log(`\n${name}, ${connections} connections, ${rounds} rounds of ${seconds} s`)
  for (const side of ['bare', 'parley'] as const) {
    console.log(
      `  ${side.padEnd(7)} ${of(side, 'perSecond').toFixed(0).padStart(6)} requests/s   p99 ${of(side, 'p99')} ms`,
    )
  }
  console.log(`  ratio   ${ratio.toFixed(2).padStart(6)}`)
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

await withDatabase(compare)
