import cluster, { type Worker } from 'node:cluster'
import type { Logger } from '../core/logger.ts'
import { StartupError } from '../db/startup-error.ts'
import type { TrustedTexts } from '../graphql/persisted/manifests.ts'
import { createReloads } from './reload.ts'
import type { Order, Report, WorkerOptions } from './worker.ts'
import { collectMetrics } from './worker-metrics.ts'

/** A server, in this process or in several. It is being loaded while its database is opened. */
export interface Server {
  /**
   * Resolves when it accepts connections.
   * @throws StartupError with one line when it cannot start
   */
  start(options: WorkerOptions): Promise<Address>
  /** Reads the manifests of trusted documents again; the log says what came of it. */
  reload(): void
  /** Lets go of all clients, in a bounded time. */
  dispose(): Promise<void>
}

export interface Address {
  readonly url: string
  readonly port: number
}

/** A worker that lived for this long, in milliseconds, has not died of its start. */
const steadyMs = 10_000
/** Before one is replaced that has: first, and after it died of it again and again. */
const firstDelayMs = 500
const longestDelayMs = 30_000

/**
 * Processes that share one port. One that dies is replaced. Manifests are read here, and not in each of them: one that is
 * replaced serves what the others do, whatever is in the folder by then.
 * @param trusted what is in the manifests now
 * @throws StartupError where this process is a worker itself
 */
export function forkWorkers(count: number, trusted: Promise<TrustedTexts>, logger: Logger): Server {
  if (!cluster.isPrimary) {
    throw new StartupError('This process is a cluster worker itself: set WORKERS to 1, and start several')
  }
  // How this process was started (its loader, its flags) holds for them, too; what they are told goes by messages.
  cluster.setupPrimary({ args: ['worker'], serialization: 'advanced' })
  const alive = new Set<Worker>()
  const listening = new Set<Worker>()
  const timers = new Set<NodeJS.Timeout>()
  let order: (options: WorkerOptions) => void = () => {}
  const ordered = new Promise<WorkerOptions>((resolve) => {
    order = resolve
  })
  let current: TrustedTexts = { manifests: 0, texts: new Map() }
  const reloads = createReloads(logger)
  let scraping: Promise<string> | null = null
  let stopping = false
  let address: Address | null = null
  /** A free port is shared for as long as anybody listens; then it must be asked for by its number. */
  let port: number | null = null

  const killAll = () => {
    for (const worker of alive) worker.process.kill('SIGKILL')
  }
  process.once('exit', killAll)

  function say(worker: Worker, words: Order): void {
    // One that dies in this moment is heard of by its exit.
    if (worker.isConnected()) worker.send(words, () => {})
  }

  async function tellToStart(worker: Worker): Promise<void> {
    const options = await ordered
    const config = port === null ? options.config : { ...options.config, port }
    say(worker, { kind: 'trust', trusted: current })
    say(worker, { kind: 'start', options: { ...options, config } })
  }

  /** Those who ask at the same time get the same answer. */
  async function scrape(worker: Worker): Promise<void> {
    scraping ??= collectMetrics(listening, say).finally(() => {
      scraping = null
    })
    try {
      say(worker, { kind: 'scraped', text: await scraping })
    } catch (error) {
      logger.error({ err: error }, 'the metrics of the workers could not be collected')
    }
  }

  /** @returns what becomes of its start */
  function fork(): { worker: Worker; started: Promise<Address> } {
    const worker = cluster.fork()
    alive.add(worker)
    closeWhatIsLost(worker)
    worker.on('error', (error) => logger.debug({ err: error }, 'a worker could not be told something'))
    const started = new Promise<Address>((resolve, reject) => {
      worker.on('message', (report: Report) => {
        // What it was told before that, it has not heard.
        if (report.kind === 'waiting') void (stopping ? say(worker, { kind: 'stop' }) : tellToStart(worker))
        if (report.kind === 'started') {
          listening.add(worker)
          resolve(report)
        }
        if (report.kind === 'scrape') void scrape(worker)
        if (report.kind === 'failed') {
          reject(report.expected ? new StartupError(report.message) : new Error(report.message))
        }
      })
      worker.once('exit', (code, signal) => {
        alive.delete(worker)
        listening.delete(worker)
        if (listening.size === 0 && address !== null) port = address.port
        reject(new StartupError(`A worker has ended before it had started: ${signal ?? `exit code ${code}`}`))
      })
    })
    return { worker, started }
  }

  /** Keeps one place taken: whoever dies in it is replaced. */
  function keep({ worker, started }: ReturnType<typeof fork>, delayMs = 0): Promise<Address> {
    const begun = performance.now()
    let hasStarted = false
    const fields = { worker: worker.id, workerPid: worker.process.pid }
    started.then(
      () => {
        hasStarted = true
        logger.info(fields, 'a worker has started')
      },
      (error: unknown) => {
        if (address !== null && !stopping) logger.error({ ...fields, err: error }, 'a worker cannot start')
      },
    )
    worker.once('exit', (code, signal) => {
      // Where the first of them do not start, nobody replaces them.
      if (stopping || (address === null && !hasStarted)) return
      const steady = performance.now() - begun >= steadyMs
      const nextDelayMs = steady ? 0 : Math.min(Math.max(2 * delayMs, firstDelayMs), longestDelayMs)
      // One that was told to end has done so in order.
      const level = code === 0 ? 'info' : 'error'
      logger[level]({ ...fields, code, signal, delayMs: nextDelayMs }, 'a worker has ended and is replaced')
      const timer = setTimeout(() => {
        timers.delete(timer)
        void keep(fork(), nextDelayMs).catch(() => {})
      }, nextDelayMs)
      timers.add(timer)
    })
    return started
  }

  const first = Promise.all(Array.from({ length: count }, () => keep(fork())))
  // Whoever starts them hears of it.
  first.catch(() => {})

  return {
    async start(options) {
      current = await trusted
      if (options.config.persistedOperationsDir !== null) {
        logger.info(counted(current), 'the manifests of operations were read')
      }
      order(options)
      const [one] = await first
      if (one === undefined) throw new Error('There are no workers.')
      address = one
      reloads.begin({
        async reloadOperations() {
          const { readTrustedTexts } = await import('../app/trusted-documents.ts')
          const before = current
          current = await readTrustedTexts(options.config, before)
          if (!isEqual(current, before)) {
            for (const worker of alive) say(worker, { kind: 'trust', trusted: current })
          }
          return counted(current)
        },
      })
      return one
    },
    reload: reloads.ask,
    async dispose() {
      stopping = true
      for (const timer of timers) clearTimeout(timer)
      await Promise.all(
        [...alive].map((worker) => {
          const ended = new Promise((resolve) => worker.once('exit', resolve))
          say(worker, { kind: 'stop' })
          return ended
        }),
      )
      process.off('exit', killAll)
    },
  }
}

const counted = ({ manifests, texts }: TrustedTexts) => ({ manifests, documents: texts.size })

function isEqual(some: TrustedTexts, others: TrustedTexts): boolean {
  if (some.manifests !== others.manifests || some.texts.size !== others.texts.size) return false
  return [...some.texts].every(([key, text]) => others.texts.get(key) === text)
}

/**
 * Node forgets a connection that was on its way to a worker when that died: it stays open, and nobody answers. Here it
 * is closed, so that its client tries again.
 */
function closeWhatIsLost(worker: Worker): void {
  const onTheirWay = new Map<number, { close(): void }>()
  const { process: child } = worker
  const send = child.send.bind(child) as (message: unknown, ...rest: unknown[]) => boolean
  Object.assign(child, {
    send(message: { act?: string; seq?: number }, ...rest: unknown[]) {
      const [handle] = rest as [{ close(): void } | undefined]
      if (message.act === 'newconn' && message.seq !== undefined && handle)
        onTheirWay.set(message.seq, handle)
      return send(message, ...rest)
    },
  })
  child.on('internalMessage', ({ ack }: { ack?: number }) => {
    if (ack !== undefined) onTheirWay.delete(ack)
  })
  worker.once('exit', () => {
    for (const handle of onTheirWay.values()) handle.close()
  })
}
