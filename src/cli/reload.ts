import type { App } from '../app.ts'
import type { Logger } from '../core/logger.ts'

/** Wishes that the manifests of trusted documents be read again. */
export interface Reloads {
  /** Reads them, once there is an app; the log says what came of it. Wishes that come meanwhile are one more. */
  ask(): void
  /** From now on there is one. It may have read them before the last wish came. */
  begin(app: Pick<App, 'reloadOperations'>): void
}

/** @param done what the log says when they have been read */
export function createReloads(logger: Logger, done = 'the manifests of operations were read again'): Reloads {
  let app: Pick<App, 'reloadOperations'> | null = null
  let asked = false
  let reading = false

  async function reload({ reloadOperations }: Pick<App, 'reloadOperations'>): Promise<void> {
    try {
      logger.info(await reloadOperations(), done)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      logger.error({ reason }, 'the manifests of operations are not good: those from before stay')
    }
  }

  async function follow(): Promise<void> {
    if (app === null || reading) return
    reading = true
    while (asked) {
      asked = false
      await reload(app)
    }
    reading = false
  }

  return {
    ask() {
      asked = true
      void follow()
    },
    begin(started) {
      app = started
      void follow()
    },
  }
}
