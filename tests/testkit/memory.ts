import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

export const megabyte = 1_048_576

/** What is alive, in megabytes: when garbage is collected is up to the engine, and no concern of ours. */
export function memoryInUse(): number {
  collectGarbage()
  // The first only marks the memory of buffers as free.
  collectGarbage()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return (heapUsed + arrayBuffers) / megabyte
}
