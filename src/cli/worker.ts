import cluster from 'node:cluster'
import type { AppOptions } from '../app.ts'
import { createLogger } from '../core/logger.ts'
import { StartupError } from '../db/startup-error.ts'
import type { TrustedTexts } from '../graphql/persisted/manifests.ts'
import { explainListenError } from './address.ts'
import { drain } from './drain.ts'
import { exitSoon } from './failure.ts'
import { createReloads } from './reload.ts'
import { onStopSignal } from './signals.ts'
import { askForMetrics, type Counts } from './worker-metrics.ts'

/** What a worker needs to know, none of which it looks up by itself. */
export type WorkerOptions = Pick<AppOptions, 'config' | 'databaseUrl' | 'jwtSecrets' | 'demo'>

/** What the primary says to a worker. */
export type Order =
  | { readonly kind: 'start'; readonly options: WorkerOptions }
  /** Let go of all clients, and end. */
  | { readonly kind: 'stop' }
  /** These are the documents of manifests from now on. Comes before the start, too: the primary alone reads them. */
  | { readonly kind: 'trust'; readonly trusted: TrustedTexts }
  | { readonly kind: 'count' }
  /** What all of them have counted. */
  | { readonly kind: 'scraped'; readonly text: string }

/** What a worker says to the primary. */
export type Report =
  /** It is there, and waits to be told what to start. */
  | { readonly kind: 'waiting' }
  | { readonly kind: 'started'; readonly url: string; readonly port: number }
  /** @property expected whether the message is for whoever runs the server, or for a developer */
  | { readonly kind: 'failed'; readonly message: string; readonly expected: boolean }
  | { readonly kind: 'counted'; readonly counts: Counts }
  /** Somebody wants to know what all of them count. */
  | { readonly kind: 'scrape' }

/**
 * One of several processes that share a port: runs a server as its primary tells it to, until that tells it to stop,
 * or is gone.
 */
export async function work(): Promise<void> {
  const { worker } = cluster
  if (worker === undefined)
    throw new StartupError('worker is what serve starts with WORKERS: it is no command')
  let trusted: TrustedTexts = { manifests: 0, texts: new Map() }
  let onTrusted = () => {}
  process.on('message', (order: Order) => {
    if (order.kind !== 'trust') return
    trusted = order.trusted
    onTrusted()
  })
  const stopped = new Promise<void>((resolve) => {
    // Ctrl-C and a closed terminal reach every process of the group; it is the primary that tells when to stop.
    for (const signal of ['SIGINT', 'SIGHUP']) process.on(signal, () => {})
    void onStopSignal(['SIGTERM']).first.then(() => resolve())
    process.on('message', (order: Order) => {
      if (order.kind === 'stop') resolve()
    })
    worker.on('disconnect', () => {
      // Otherwise Node ends the process right here, with all that is under way.
      worker.exitedAfterDisconnect = true
      resolve()
    })
  })
  const options = await Promise.race([awaitStart(), stopped])
  if (options === undefined) return process.exit(0)
  const { config } = options
  const logger = createLogger({ level: config.logLevel, pretty: process.stdout.isTTY }).child({
    worker: worker.id,
  })
  const reloads = createReloads(logger, 'the worker serves the manifests as they were read last')
  onTrusted = reloads.ask
  try {
    const { startApp } = await import('../app.ts')
    const starting = startApp({
      ...options,
      trustedTexts: () => trusted,
      logger,
      processMetrics: true,
      renderMetrics: () => askForMetrics(report),
    })
    const app = await Promise.race([starting, stopped])
    // It serves nobody yet; and it may wait for a primary that is gone.
    if (app === undefined) return process.exit(0)
    reloads.begin(app)
    process.on('message', async (order: Order) => {
      if (order.kind === 'count')
        report({ kind: 'counted', counts: await app.metrics.registry.getMetricsAsJSON() })
    })
    report({ kind: 'started', url: app.url, port: app.port })
    await stopped
    await drain(app, logger)
    process.exit(0)
  } catch (error) {
    const reason = explainListenError(error, config)
    const expected = reason instanceof StartupError
    const message =
      reason instanceof Error ? ((expected ? null : reason.stack) ?? reason.message) : String(reason)
    report({ kind: 'failed', message, expected })
    process.exitCode = 1
    process.disconnect()
    exitSoon()
  }
}

function awaitStart(): Promise<WorkerOptions> {
  return new Promise((resolve) => {
    process.on('message', (order: Order) => {
      if (order.kind === 'start') resolve(order.options)
    })
    // It takes a while, and the database may not be there yet.
    import('../app.ts').catch(() => {})
    report({ kind: 'waiting' })
  })
}

function report(words: Report): void {
  // A primary that is gone needs no report.
  if (process.connected) process.send?.(words, () => {})
}
