import type { Worker } from 'node:cluster'
import type { Registry } from 'prom-client'
import { inTime } from '../core/in-time.ts'
import type { Order, Report } from './worker.ts'

export type Counts = Awaited<ReturnType<Registry['getMetricsAsJSON']>>

/** A worker that takes longer, in milliseconds, is left out. */
const patienceMs = 1_000

/** In the primary: what all workers count together, in Prometheus' text format. */
export async function collectMetrics(
  workers: Iterable<Worker>,
  say: (worker: Worker, order: Order) => void,
): Promise<string> {
  const { AggregatorRegistry } = await import('prom-client')
  const counts = await Promise.all(
    [...workers].map(async (worker): Promise<Counts[]> => {
      let hear: (report: Report) => void = () => {}
      const counted = new Promise<Counts>((resolve) => {
        hear = (report) => {
          if (report.kind === 'counted') resolve(report.counts)
        }
      })
      worker.on('message', hear)
      say(worker, { kind: 'count' })
      try {
        return [await inTime(counted, patienceMs, 'A worker')]
      } catch {
        return []
      } finally {
        worker.off('message', hear)
      }
    }),
  )
  return AggregatorRegistry.aggregate(counts.flat()).metrics()
}

/** In a worker: asks the primary, since whoever scrapes meets one worker and wants to know of all. */
export async function askForMetrics(report: (words: Report) => void): Promise<string> {
  let hear: (order: Order) => void = () => {}
  const scraped = new Promise<string>((resolve) => {
    hear = (order) => {
      if (order.kind === 'scraped') resolve(order.text)
    }
  })
  process.on('message', hear)
  report({ kind: 'scrape' })
  try {
    return await inTime(scraped, 2 * patienceMs, 'The primary')
  } finally {
    process.off('message', hear)
  }
}
