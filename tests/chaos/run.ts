import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { runStorm } from './storm.ts'
import { isProof, renderTable } from './table.ts'

/** `npm run chaos`: docs/realtime.md says what it proves and how to read what it prints. */
const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '100000' },
    seconds: { type: 'string', default: '1200' },
    seed: { type: 'string', default: String(randomInt(2 ** 31)) },
    processes: { type: 'string', default: '2' },
    workers: { type: 'string' },
    keep: { type: 'boolean', default: false },
  },
})

function wholeNumber(name: 'events' | 'seconds' | 'seed' | 'processes', least: number): number {
  const value = Number(values[name])
  if (Number.isSafeInteger(value) && value >= least) return value
  console.error(`--${name} is a whole number, ${least} at least.`)
  process.exit(2)
}

// By way of the exit listeners, which end whatever was started.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130))

const seed = wholeNumber('seed', 0)
console.log(`seed ${seed}`)
const report = await runStorm({
  events: wholeNumber('events', 1),
  seconds: wholeNumber('seconds', 1),
  seed,
  processes: wholeNumber('processes', 2),
  workers: values.workers ?? null,
  main: 'dist/main.js',
  people: 60,
  directChats: 15,
  groups: 25,
  readers: 40,
  writers: 16,
  requestsPerSecond: 150,
  accessTokenSeconds: 30,
  killEveryMs: 6_000,
  cutEveryMs: 250,
  stewardEveryMs: 300,
  outages: ['fast', 'immediate', 'kill'],
  keep: values.keep,
  say: console.log,
})
console.log(`\n${renderTable(report)}`)
process.exit(isProof(report) ? 0 : 1)
