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
