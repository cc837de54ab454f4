import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { option, prepare, sendMutation, startParley, startServer, text, withDatabase } from './testbed.ts'

/**
 * `npm run bench:flood`: how long sending a message takes with nobody else there, and during floods of logins,
 * turn by turn in one run. Messages are sent at a steady rate, each timed from when it was due, so that none
 * is spared the wait behind another. Prints the medians of the rounds.
 */
const seconds = option('seconds', 5)
const rounds = option('rounds', 3)
const perSecond = option('rate', 100)
const connections = option('connections', 30)

interface Scene {
  readonly name: string
  readonly limits: 'on' | 'off'
  readonly floodFrom: 'one' | 'many' | null
}

const scenes: Scene[] = [
  { name: 'no flood', limits: 'on', floodFrom: null },
  { name: 'flood, limits off: every login is hashed', limits: 'off', floodFrom: 'one' },
  { name: 'flood from one address', limits: 'on', floodFrom: 'one' },
  { name: 'flood from ever new addresses and names', limits: 'on', floodFrom: 'many' },
]

async function main(databaseUrl: string): Promise<void> {
  const environment = { TRUST_PROXY: 'on', LOG_LEVEL: 'info' }
  const servers = {
    on: await startParley(databaseUrl, { ...environment, RATE_LIMITS: 'on' }),
    off: await startParley(databaseUrl, { ...environment, RATE_LIMITS: 'off' }),
  }
  const { token, globalChatId } = await prepare(servers.on.graphql, databaseUrl)
  const results = new Map(
    scenes.map((scene) => [scene, { p50: [] as number[], p99: [] as number[], answers: '' }]),
  )
  for (let round = 0; round <= rounds; round++) {
    for (const [scene, result] of results) {
      const { graphql } = servers[scene.limits]
      const flood = scene.floodFrom && (await startFlood(graphql, scene.floodFrom))
      // Once the line is as long as it gets.
      await delay(500)
      const times = await send(graphql, token, globalChatId)
      if (flood) result.answers = await flood.ended
      // The first turn of each warms up.
      if (round === 0) continue
      result.p50.push(quantile(times, 0.5))
      result.p99.push(quantile(times, 0.99))
    }
  }
  console.log(
    `\nsendMessage at ${perSecond}/s; floods over ${connections} connections; ${rounds} rounds of ${seconds} s`,
  )
  for (const [{ name }, { p50, p99, answers }] of results) {
    const [half, most] = [p50, p99].map((each) => quantile(each, 0.5).toFixed(1).padStart(6))
    console.log(`  ${name.padEnd(42)} p50 ${half} ms   p99 ${most} ms   ${answers}`)
  }
}

async function startFlood(graphql: string, from: string): Promise<{ ended: Promise<string> }> {
  const args = ['--import', 'tsx', 'bench/attack.ts', graphql, String(connections), String(seconds + 1), from]
  const child = await startServer(args, 'ready', {})
  let output = ''
  child.stdout?.on('data', (data) => {
    output += data
  })
  return { ended: once(child, 'close').then(() => output.trim()) }
}

let sent = 0

/** @returns how long each took, in milliseconds */
async function send(graphql: string, token: string, chatId: string): Promise<number[]> {
  const agent = new Agent({ keepAlive: true })
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
  const began = performance.now()
  const pending: Promise<number>[] = []
  for (let i = 0; i < seconds * perSecond; i++) {
    const due = began + (i * 1000) / perSecond
    while (performance.now() < due) await delay(1)
    const input = { chatId, clientMessageId: `flood${++sent}`, text }
    const body = JSON.stringify({ query: sendMutation, variables: { input } })
    pending.push(post(graphql, agent, headers, body).then(() => performance.now() - due))
  }
  const times = await Promise.all(pending)
  agent.destroy()
  return times
}

function post(url: string, agent: Agent, headers: Record<string, string>, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const posted = request(url, { method: 'POST', agent, headers }, async (response) => {
      let answer = ''
      for await (const chunk of response) answer += chunk
      if (answer.includes('"sequence"')) resolve()
      else reject(new Error(`Not sent: ${answer}`))
    })
    posted.once('error', reject)
    posted.end(body)
  })
}

function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN
}

await withDatabase(main)
