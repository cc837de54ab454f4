import { setMaxListeners } from 'node:events'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { migrate } from '../../src/db/migrations.ts'
import { createTestRedis, hasRedis, type TestRedis } from '../testkit/redis.ts'
import { newTally, type Tally, type World } from './client.ts'
import { createDice, type Dice } from './dice.ts'
import { type Fleet, startFleet } from './fleet.ts'
import { createModel, type Model } from './model.ts'
import type { Notes } from './notes.ts'
import { type HowToStop, type Postgres, startPostgres } from './postgres.ts'
import { type Reader, type ReaderKind, type Recording, startReader } from './readers.ts'
import { type Scene, setScene } from './scene.ts'
import { type Deeds, startSteward } from './steward.ts'
import { addVerdicts, expectedOf, judge, type Verdict } from './verdict.ts'
import {
  checkLog,
  checkWrites,
  countEntries,
  installWitness,
  readLog,
  readTruth,
  type Truth,
} from './witness.ts'
import { startWriters } from './writers.ts'

export interface StormOptions {
  /** Entries of the log that are to be made at least. */
  readonly events: number
  /** It gives up after this long. */
  readonly seconds: number
  readonly seed: number
  readonly processes: number
  /** The variable WORKERS; null: not set. */
  readonly workers: string | null
  /** The command line as it was built. */
  readonly main: string
  readonly people: number
  readonly directChats: number
  readonly groups: number
  readonly readers: number
  readonly writers: number
  /** Requests of all writers in a second, at the most. Three entries come of one. */
  readonly requestsPerSecond: number
  readonly accessTokenSeconds: number
  /** Between two ends of a process, in milliseconds. */
  readonly killEveryMs: number
  /** Between two cuts or pauses of readers, in milliseconds. */
  readonly cutEveryMs: number
  /** Between two changes of who sees what, in milliseconds. */
  readonly stewardEveryMs: number
  /** In which ways Postgres is stopped, evenly over the run. */
  readonly outages: readonly HowToStop[]
  /** Leave the folder with the logs. */
  readonly keep: boolean
  readonly say: (line: string) => void
}

/** What a run found, and what it is founded on. */
export interface Report {
  readonly verdict: Verdict
  readonly missing: readonly string[]
  readonly doubled: readonly string[]
  readonly failures: readonly string[]
  /** What was to happen and did not. */
  readonly omissions: readonly string[]
  readonly figures: readonly (readonly [name: string, value: string | number])[]
  readonly errors: ReadonlyMap<string, number>
  readonly evidence: {
    readonly recordings: readonly Recording[]
    readonly truth: Truth
    readonly model: Model
    readonly notes: Notes
    /** Chats that were deleted. */
    readonly overChats: ReadonlySet<string>
  }
}

/** How long everyone may take to come to rest in the end, in milliseconds. */
const restMs = 90_000

/** One run, which cleans up after itself in whichever way it ends. */
export async function runStorm(options: StormOptions): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), 'parley-chaos-'))
  // PostgreSQL may have to run as another user.
  chmodSync(folder, 0o755)
  const over = new AbortController()
  // Everyone who waits listens for it.
  setMaxListeners(0, over.signal)
  const stops: (() => Promise<void>)[] = []
  const remove = () => {
    if (!options.keep) rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
  }
  // Behind those of the servers, which end them.
  process.once('exit', remove)
  const giveUp = setTimeout(() => over.abort(), options.seconds * 1000 + restMs)
  try {
    if (options.keep) options.say(`logs: ${folder}`)
    const postgres = await startPostgres(join(folder, 'postgres'))
    stops.push(postgres.dispose)
    await migrate(postgres.url)
    await installWitness(postgres.url)
    const redis = hasRedis ? await createTestRedis() : null
    if (redis === null) options.say('There is no redis-server: this run goes without.')
    await redis?.start()
    if (redis !== null) stops.push(redis.stop)
    const fleet = await startFleet({
      ...options,
      size: options.processes,
      databaseUrl: postgres.url,
      redisUrl: redis?.url ?? null,
      folder,
    })
    stops.push(fleet.dispose)
    const dice = createDice(options.seed)
    const world: World = { urls: fleet.urls, dice, tally: newTally(), over: over.signal }
    return await rage(world, options, { fleet, postgres, redis })
  } finally {
    clearTimeout(giveUp)
    over.abort()
    for (const stop of stops.reverse()) await stop()
    process.off('exit', remove)
    remove()
  }
}

interface Machines {
  readonly fleet: Fleet
  readonly postgres: Postgres
  readonly redis: TestRedis | null
}

async function rage(world: World, options: StormOptions, machines: Machines): Promise<Report> {
  const { say, events, seconds } = options
  const { fleet, postgres } = machines
  const scene = await setScene(world, postgres.url, options)
  const readers = await startReaders(world, scene, options.readers)
  say(`${scene.people.length} people, ${scene.chats.length} chats, ${readers.length} readers: it begins.`)
  const notes: Notes = new Map()
  const writers = startWriters(world, scene, notes, {
    count: options.writers,
    perSecond: options.requestsPerSecond,
  })
  const steward = startSteward(world, scene, notes, readers, { everyMs: options.stewardEveryMs })
  const begun = performance.now()
  const elapsed = () => (performance.now() - begun) / 1000
  const adversity = startAdversity(world, options, machines, readers)
  let entries = 0
  let told = 0
  const omissions = () => omissionsOf(world.tally, steward.deeds, machines, adversity)
  while (elapsed() < seconds && (entries < events || omissions().length > 0)) {
    await delay(500)
    entries = await countEntries(postgres.url).catch(() => entries)
    adversity.progress(entries / events)
    if (elapsed() - told < 10) continue
    told = elapsed()
    const heard = readers.reduce((sum, { recording }) => sum + recording.heard.length, 0)
    say(`${told.toFixed(0)} s: ${entries} entries, ${heard} deliveries, ${fleet.kills} kills`)
  }
  say(`${entries} entries: the storm is over.`)
  await adversity.stop()
  await fleet.ready()
  await steward.stop()
  await writers.stop()
  const stormSeconds = elapsed()
  const { lagMs, restless } = await comeToRest(world, scene, readers, postgres.url)
  const truth = await readTruth(postgres.url)
  say('All is at rest: the verdict.')
  await Promise.all(readers.map((reader) => reader.stop()))
  const recordings = readers.map(({ recording }) => recording)
  const model = createModel(truth.log, foundersOf(scene))
  const overChats = new Set(scene.chats.filter((chat) => chat.over).map(({ id }) => id))
  const ofLog = checkLog(truth, overChats)
  const verdict = addVerdicts([
    { ...ofLog, repeated: [], unauthorised: [], altered: [] },
    ...recordings.map((recording) => judge(recording, truth, model)),
  ])
  const { missing, doubled } = checkWrites(notes, truth, overChats)
  return {
    verdict,
    missing,
    doubled,
    failures: [...fleet.failures, ...restless],
    omissions: [
      ...(truth.log.length < events ? [`${truth.log.length} entries instead of ${events}`] : []),
      ...omissions(),
    ],
    figures: figuresOf({
      world,
      truth,
      recordings,
      deeds: steward.deeds,
      machines,
      adversity,
      stormSeconds,
      lagMs,
      notes,
    }),
    errors: world.tally.errors,
    evidence: { recordings, truth, model, notes, overChats },
  }
}

const kinds: readonly ReaderKind[] = ['iterate', 'messageAdded', 'sse', 'subscribe', 'poll', 'iterate']

function startReaders(world: World, { people, chats }: Scene, count: number): Promise<Reader[]> {
  const readers = Array.from({ length: count }, (_, n) => {
    const kind = kinds[n % kinds.length] as ReaderKind
    // Those whose members come and go, too.
    const chat = kind === 'messageAdded' ? (chats[n % chats.length] ?? null) : null
    const person = chat === null ? people[n % people.length] : chat.members[n % chat.members.length]
    if (person === undefined) throw new Error('There is nobody to read.')
    return startReader({ ...world, dice: world.dice.fork() }, { kind, person, chat })
  })
  return Promise.all(readers)
}

const foundersOf = ({ chats }: Scene) =>
  new Map(chats.map(({ id, founders }) => [id, founders.map((person) => person.id)]))

interface Adversity {
  /** How much of the run is over, from 0 to 1. */
  progress(part: number): void
  /** Lets everything come back. */
  stop(): Promise<void>
  readonly postgresRestarts: number
  /** Of those that were planned. */
  readonly outagesLeft: number
  readonly redisRestarts: number
}

function startAdversity(
  world: World,
  options: StormOptions,
  { fleet, postgres, redis }: Machines,
  readers: readonly Reader[],
): Adversity {
  const { tally, over } = world
  const dice: Dice = world.dice.fork()
  const stopping = new AbortController()
  let part = 0
  let postgresRestarts = 0
  let redisRestarts = 0

  over.addEventListener('abort', () => stopping.abort())
  const wait = (ms: number) => delay(ms, undefined, { signal: stopping.signal }).catch(() => {})
  const repeat = async (everyMs: number, work: (turn: number) => Promise<void> | void) => {
    for (let turn = 0; !stopping.signal.aborted; turn++) {
      await wait(dice.between(everyMs * 0.7, everyMs * 1.3))
      if (!stopping.signal.aborted) await work(turn)
    }
  }

  const endProcesses = repeat(options.killEveryMs, (turn) =>
    turn % 3 === 2 ? fleet.drain(turn) : fleet.crash(turn),
  )

  const cutReaders = repeat(options.cutEveryMs, () => {
    const reader = dice.pick(readers)
    if (dice.chance(0.3)) {
      if (reader.pause(dice.between(1_000, 4_000))) tally.pauses++
    } else if (reader.cut()) tally.cuts++
  })

  const outages = [...options.outages]
  const stopPostgres = repeat(200, async () => {
    const due = (options.outages.length - outages.length + 1) / (options.outages.length + 1)
    if (part < due) return
    const how = outages.shift()
    if (how === undefined) return
    options.say(`Postgres is stopped: ${how}`)
    await postgres.stop(how)
    await delay(dice.between(500, 1_500))
    await postgres.start()
    postgresRestarts++
  })

  const stopRedis = repeat(200, async () => {
    if (redis === null || redisRestarts > 0 || part < 0.3) return
    options.say('Redis is stopped.')
    await redis.stop()
    await delay(dice.between(1_000, 2_000))
    await redis.start()
    redisRestarts++
  })

  return {
    progress(now) {
      part = now
    },
    async stop() {
      stopping.abort()
      await Promise.all([endProcesses, cutReaders, stopPostgres, stopRedis])
    },
    get postgresRestarts() {
      return postgresRestarts
    },
    get outagesLeft() {
      return options.outages.length - postgresRestarts
    },
    get redisRestarts() {
      return redisRestarts
    },
  }
}

/**
 * Waits until every reader has all that it must get, then cuts them all once more, so that whatever would still come,
 * or come again, comes.
 * @returns how long the slowest took, in milliseconds, and who did not get there
 */
async function comeToRest(
  world: World,
  scene: Scene,
  readers: readonly Reader[],
  databaseUrl: string,
): Promise<{ lagMs: number; restless: string[] }> {
  const begun = performance.now()
  const restless = new Set<string>()
  const log = await readLog(databaseUrl)
  const model = createModel(log, foundersOf(scene))
  const until = async (reader: Reader, what: string, condition: () => boolean) => {
    while (!condition()) {
      if (world.over.aborted || performance.now() - begun > restMs) {
        restless.add(`${reader.recording.name} ${what} (${reader.stage})`)
        return
      }
      await delay(20)
    }
  }
  // What the log has dropped meanwhile is found by the verdict.
  const truth = { log, dropped: new Set<number>() }
  await Promise.all(
    readers.map(async (reader) => {
      const last = expectedOf(reader.recording, truth, model).at(-1)?.position ?? 0
      await until(reader, 'is not at the head', () => reader.position >= last)
    }),
  )
  const lagMs = performance.now() - begun
  const before = readers.map(({ caughtUp }) => caughtUp)
  for (const reader of readers) reader.cut()
  await Promise.all(
    readers.map((reader, n) =>
      until(
        reader,
        'is not told that it has caught up',
        () => reader.recording.chatId !== null || reader.caughtUp > (before[n] ?? 0),
      ),
    ),
  )
  return { lagMs, restless: [...restless] }
}

/** What was to happen and has not yet. */
function omissionsOf(tally: Tally, deeds: Deeds, { fleet, redis }: Machines, adversity: Adversity): string[] {
  const happened: [string, number][] = [
    ['kill', fleet.kills],
    ['drain', fleet.drains],
    ['end of the restarts of Postgres', adversity.outagesLeft === 0 ? 1 : 0],
    ['restart of Redis', redis === null ? 1 : adversity.redisRestarts],
    ['cut', tally.cuts],
    ['pause', tally.pauses],
    ['resume', tally.resumes],
    ['removal', deeds.removals],
    ['addition', deeds.additions],
    ['revoked session', deeds.revocations],
  ]
  return happened.flatMap(([what, count]) => (count > 0 ? [] : [`no ${what}`]))
}

function figuresOf({
  world: { tally },
  truth,
  recordings,
  deeds,
  machines: { fleet },
  adversity,
  stormSeconds,
  lagMs,
  notes,
}: {
  world: World
  truth: Truth
  recordings: readonly Recording[]
  deeds: Deeds
  machines: Machines
  adversity: Adversity
  stormSeconds: number
  lagMs: number
  notes: Notes
}): Report['figures'] {
  const heard = recordings.flatMap((recording) => recording.heard.filter(({ type }) => type !== 'CaughtUp'))
  const acknowledged = [...notes.values()].reduce((sum, register) => sum + register.acknowledged, 0)
  return [
    ['seconds', stormSeconds.toFixed(0)],
    ['log entries', truth.log.length],
    ['deliveries', heard.length],
    ['acknowledged writes', acknowledged],
    ['kills with -9', fleet.kills],
    ['processes drained', fleet.drains],
    ['restarts of Postgres', adversity.postgresRestarts],
    ['restarts of Redis', adversity.redisRestarts],
    ['readers cut', tally.cuts],
    ['readers paused', tally.pauses],
    ['resumes', tally.resumes],
    ['members removed', deeds.removals],
    ['members added', deeds.additions],
    ['sessions revoked', deeds.revocations],
    ['people blocked', deeds.blocks],
    ['chats deleted', deeds.deletions],
    ['tokens refreshed', tally.refreshes],
    ['slowest acknowledged write, s', (tally.slowestWrite / 1000).toFixed(1)],
    ['last reader at the head after, s', (lagMs / 1000).toFixed(1)],
  ]
}
