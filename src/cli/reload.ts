import type { App } from '../app.ts'
import type { Logger } from '../core/logger.ts'

/** Wishes that the manifests of trusted documents be read again. */
export interface Reloads {
  /** Reads them, once there is an app; the log says what came of it. */
  ask(): void
  /** From now on there is one. It may have read them before the last wish came. */
  begin(app: App): void
}

export function createReloads(logger: Logger): Reloads {
  let app: App | null = null
  let asked = false

  async function reload({ reloadOperations }: App): Promise<void> {
    try {
      logger.info(await reloadOperations(), 'the manifests of operations were read again')
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      logger.error({ reason }, 'the manifests of operations are not good: those from before stay')
    }
  }

  return {
    ask() {
      asked = true
      if (app !== null) void reload(app)
    },
    begin(started) {
      app = started
      if (asked) void reload(started)
    },
  }
}
