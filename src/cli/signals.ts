/** What asks a process to end: Ctrl-C, a service manager, a terminal that was closed. */
export const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * One press of Ctrl-C can arrive twice: the terminal sends it to every process of its group, and npm passes on the
 * one that it got. What comes within this time of the first, in milliseconds, is the same wish.
 */
const echoMs = 500

export interface StopSignals {
  /** Resolves with the first signal; stays pending when none comes. */
  readonly first: Promise<NodeJS.Signals>
  /** Leaves signals to their default again. */
  dispose(): void
}

/**
 * Listens for the wish that the process end. It is for the caller to follow it; a second signal does not wait for that
 * and ends the process at once, by way of its exit listeners, of which the embedded Postgres has one.
 */
export function onStopSignal(signals: readonly NodeJS.Signals[] = stopSignals): StopSignals {
  let firstAt: number | null = null
  let listener: (signal: NodeJS.Signals) => void = () => {}
  const first = new Promise<NodeJS.Signals>((resolve) => {
    listener = (signal) => {
      if (firstAt === null) {
        firstAt = performance.now()
        resolve(signal)
      } else if (performance.now() - firstAt > echoMs) {
        process.exit(130)
      }
    }
  })
  for (const signal of signals) process.on(signal, listener)
  return {
    first,
    dispose() {
      for (const signal of signals) process.off(signal, listener)
    },
  }
}

/** Calls back whenever whoever manages the service wants it to read its files again. */
export function onReloadSignal(callback: () => void): void {
  process.on('SIGHUP', callback)
}

/** How often to look for the parent, in milliseconds. */
const parentPollMs = 200

/**
 * Calls back when the parent process is gone. npm runs a script in a shell; told to end, it passes the signal on to
 * that shell, which ends without a word to the server inside it.
 * @returns a function that stops watching
 */
export function onOrphaned(callback: () => void): () => void {
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    callback()
  }, parentPollMs)
  timer.unref()
  return () => clearInterval(timer)
}
