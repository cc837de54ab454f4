import type { Config } from '../config.ts'
import type { Logger } from '../core/logger.ts'
import { seedPassword } from '../seed/rows.ts'
import type { OpenDatabase } from './database.ts'
import { version } from './version.ts'
import type { Address } from './workers.ts'

export interface Announcement {
  readonly config: Config
  readonly logger: Logger
  readonly address: Address
  readonly database: OpenDatabase
  /** Whether the demo accounts are there. */
  readonly demo: boolean
}

/**
 * Says where the server is: to a developer in a terminal as a block with all there is to try, otherwise as one line of
 * the log.
 */
export function announce(announcement: Announcement): void {
  const { config, logger, address, database } = announcement
  const url = reachableUrl(config, address)
  if (process.stdout.isTTY && !config.production) console.log(block(announcement, url))
  else {
    const redis = config.redisUrl === null ? null : new URL(config.redisUrl).host
    const { workers } = config
    logger.info({ version, url, database: database.place, redis, workers }, 'Parley is ready')
  }
}

/** All addresses of the machine are not an address to visit. */
function reachableUrl({ host }: Config, { url, port }: Address): string {
  return host === '0.0.0.0' || host === '::' ? `http://localhost:${port}` : url
}

function block({ config, database, demo }: Announcement, url: string): string {
  const rows = [
    ['API', `${url}/graphql`],
    ...(config.graphiql ? [['GraphiQL', `${url}/graphql in a browser`]] : []),
    ['WebSocket', `${url.replace('http', 'ws')}/graphql`],
    ['Welcome', `${url}/`],
    ['Database', database.place],
    ...(config.redisUrl === null ? [] : [['Redis', new URL(config.redisUrl).host]]),
    ...(config.workers === 1 ? [] : [['Workers', String(config.workers)]]),
    ...(demo ? [['Log in', `alice, bob or charlie, password ${seedPassword}`]] : []),
    ['Stop', 'Ctrl-C'],
  ]
  const lines = rows.map(([name = '', value = '']) => `  ${name.padEnd(11)}${value}`)
  return `\n  Parley ${version} is ready.\n\n${lines.join('\n')}\n`
}
