import type { Logger } from './logger.ts'

/** Work in the background, a step at a time, beside whatever the server does for its clients. */
export interface Worker {
  /** There is something to do: look now. */
  wake(): void
  /** Lets the step under way finish and begins no other. */
  dispose(): Promise<void>
}

/**
 * @param step does one small piece of work, in a transaction of its own, so that it may stop between any
 *   two; resolves with whether there is more. A throw is logged, and the work goes on after a pause.
 * @param pollMs how often to look without being woken: for what another process left behind
 */
export function createWorker(options: {
  name: string
  step: () => Promise<boolean>
  pollMs: number
  logger: Logger
}): Worker {
  let disposed = false
  let woken = true
  let pausing: { wakeable: boolean; end: () => void } | null = null

  async function run(): Promise<void> {
    while (!disposed) {
      woken = false
      let more = false
      const begun = performance.now()
      try {
        more = await options.step()
      } catch (error) {
        if (disposed) return
        options.logger.error({ err: error, work: options.name }, 'background work failed; trying again')
      }
      // It takes half of the time at most: whoever waits for an answer comes first.
      await (more ? pause(performance.now() - begun, false) : pause(options.pollMs, true))
    }
  }

  function pause(ms: number, wakeable: boolean): Promise<void> {
    if (disposed || (wakeable && woken)) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(end, ms)
      timer.unref()
      function end(): void {
        clearTimeout(timer)
        pausing = null
        resolve()
      }
      pausing = { wakeable, end }
    })
  }

  const running = run()
  return {
    wake() {
      woken = true
      if (pausing?.wakeable) pausing.end()
    },
    async dispose() {
      disposed = true
      pausing?.end()
      await running
    },
  }
}
