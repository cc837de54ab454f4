import type { App } from '../app.ts'
import type { Logger } from '../core/logger.ts'

/** Reads the manifests of trusted documents again, and says what came of it. */
export async function reloadOperations(app: App, logger: Logger): Promise<void> {
  try {
    logger.info(await app.reloadOperations(), 'the manifests of operations were read again')
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    logger.error({ reason }, 'the manifests of operations are not good: those from before stay')
  }
}
