import { RequestError } from './errors.ts'
import { refuse } from './refuse.ts'

/** Lets a number of pieces of work run at a time; the others wait in line. */
export type Gate = <Result>(work: () => Promise<Result>) => Promise<Result>

export function createGate(width: number): Gate {
  const line: (() => void)[] = []
  let running = 0
  return async (work) => {
    if (running < width) running++
    // The place of whoever leaves is handed over: nobody can slip in between.
    else await new Promise<void>((resolve) => line.push(resolve))
    try {
      return await work()
    } finally {
      const next = line.shift()
      if (next === undefined) running--
      else next()
    }
  }
}

/**
 * A gate for work that fills a processor core: with a line of bounded length, and with rests. Whoever comes when
 * the line is full is sent away. While others wait, each piece of work is followed by a rest as long as itself:
 * a core that is never free makes everything else on the machine, the database too, wait for its turn.
 */
export interface BoundedGate {
  /** @throws RateLimitedError when the line is full */
  run: Gate
  /**
   * Says beforehand what `run` would say now, so that nothing need be done in vain.
   * @throws RateLimitedError when the line is full
   */
  check(): Promise<void>
}

/**
 * @param width how many run at a time
 * @param longest how many may wait
 */
export function createBoundedGate(width: number, longest: number): BoundedGate {
  const gate = createGate(width)
  let inside = 0
  // A moving average, from a guess.
  let typicalMs = 50

  const isFull = () => inside >= width + longest
  // When the line as it stands is worked off.
  const refuseNow = () => refuse((inside / width) * typicalMs)

  return {
    async check() {
      if (isFull()) await refuseNow()
    },
    async run<Result>(work: () => Promise<Result>) {
      if (isFull()) return refuseNow()
      inside++
      return new Promise<Result>((resolve) => {
        void gate(async () => {
          const began = performance.now()
          const result = work()
          resolve(result)
          await result.catch(() => {})
          if (inside > width) await rest(performance.now() - began)
          typicalMs += (performance.now() - began - typicalMs) / 8
          inside--
        })
      })
    },
  }
}

const rest = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** Lets a number of pieces of work run at a time, of each key one, so that nobody stands in anybody's way. */
export type FairGate = <Result>(key: string, work: () => Promise<Result>) => Promise<Result>

/**
 * @param width how many run at a time, of all keys
 * @param longest how many of a key may wait or run; one more is refused
 */
export function createFairGate(width: number, longest: number): FairGate {
  const all = createGate(width)
  const lines = new Map<string, { readonly gate: Gate; size: number }>()
  return async (key, work) => {
    const line = lines.get(key) ?? { gate: createGate(1), size: 0 }
    if (line.size >= longest) {
      throw new RequestError('RATE_LIMITED', `At most ${longest} of these may be under way at a time.`)
    }
    lines.set(key, line)
    line.size++
    try {
      return await line.gate(() => all(work))
    } finally {
      if (--line.size === 0) lines.delete(key)
    }
  }
}
