import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { Config } from '../config.ts'
import { hasCode } from '../core/system-error.ts'
import { claimDataDir } from '../db/data-dir.ts'
import { StartupError } from '../db/startup-error.ts'

/**
 * Whether the address can be listened on, asked before anything is started: a start that must fail fails at once.
 * @throws StartupError
 */
export async function checkAddress(config: Config): Promise<void> {
  try {
    await listenOnce(config.host, config.port)
  } catch (error) {
    checkDataDir(config)
    throw explainListenError(error, config)
  }
}

/** Whoever starts a second Parley in one folder has both problems, and this is the one to be told of. */
function checkDataDir({ databaseUrl, dataDir }: Config): void {
  if (databaseUrl === null && existsSync(join(dataDir, 'lock'))) claimDataDir(dataDir).dispose()
}

function listenOnce(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(port, host, () => server.close(() => resolve()))
  })
}

/** The words for a failure to listen; anything else is returned as it is. */
export function explainListenError(error: unknown, { host, port }: Config): unknown {
  const explain = (message: string) => new StartupError(message, { cause: error })
  if (hasCode(error, 'EADDRINUSE')) {
    return explain(
      `Port ${port} on ${host} is in use by another program: stop that one, or set PORT to another`,
    )
  }
  if (hasCode(error, 'EACCES')) {
    return explain(`Port ${port} is for the administrator alone: set PORT to one from 1024 on`)
  }
  if (
    ['EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN', 'EAFNOSUPPORT', 'EINVAL'].some((code) => hasCode(error, code))
  ) {
    return explain(`HOST ${host} is not an address of this machine: 127.0.0.1 and 0.0.0.0 always are`)
  }
  return error
}
