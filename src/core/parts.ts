import type { Logger } from './logger.ts'

type Dispose = () => Promise<void> | void

/** What a program has made, to be let go of in the end, also where its start fails half way. */
export interface Parts {
  /** What others stand on: let go of after all that was added later, one after the other. */
  add(name: string, dispose: Dispose): void
  /** What has work under way: all of it ends at the same time, before anything else. */
  addBusy(name: string, dispose: Dispose): void
  /** The names of those that have not been let go of yet. */
  readonly left: readonly string[]
  /** A part that fails is logged, and keeps no other from being let go of. May be called more than once. */
  dispose(): Promise<void>
}

export function createParts(logger: Logger): Parts {
  const busy = new Map<string, Dispose>()
  const others = new Map<string, Dispose>()
  let disposed: Promise<void> | null = null

  async function end(parts: Map<string, Dispose>, name: string): Promise<void> {
    try {
      await parts.get(name)?.()
    } catch (error) {
      logger.error({ err: error, part: name }, 'a part of the server did not end in order')
    }
    parts.delete(name)
  }

  async function endAll(): Promise<void> {
    await Promise.all([...busy.keys()].map((name) => end(busy, name)))
    for (const name of [...others.keys()].reverse()) await end(others, name)
  }

  return {
    add: (name, dispose) => void others.set(name, dispose),
    addBusy: (name, dispose) => void busy.set(name, dispose),
    get left() {
      return [...busy.keys(), ...others.keys()]
    },
    dispose() {
      disposed ??= endAll()
      return disposed
    },
  }
}
