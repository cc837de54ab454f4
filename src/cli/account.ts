import type { Config } from '../config.ts'
import { NotFoundError } from '../core/errors.ts'
import { createKeyedHash } from '../core/keyed-hash.ts'
import { createLogger } from '../core/logger.ts'
import { createDatabase } from '../db/client.ts'
import { StartupError } from '../db/startup-error.ts'
import { createBell } from '../events/bell.ts'
import { createPostgresSignals } from '../events/signals-postgres.ts'
import { createStore, type Store } from '../events/store.ts'
import { type AccountChange, accountChanges, changeAccountState } from '../features/auth/account-state.ts'
import { warnOnTerminal, withDatabase } from './database.ts'

export interface AccountArguments {
  readonly change: AccountChange
  /** A username or an email, whatever the case. */
  readonly identifier: string
}

/** @throws StartupError with one line */
export function parseAccountArguments(args: readonly string[]): AccountArguments {
  const [change = '', identifier, ...rest] = args
  if (isAccountChange(change) && identifier !== undefined && rest.length === 0) return { change, identifier }
  const words = Object.keys(accountChanges).join('|')
  throw new StartupError(`account takes <${words}> <username or email>`)
}

function isAccountChange(word: string): word is AccountChange {
  return Object.hasOwn(accountChanges, word)
}

/** Changes the state of an account, also under a running server, and says what came of it. */
export async function changeAccount(config: Config, { change, identifier }: AccountArguments): Promise<void> {
  await withDatabase(
    config,
    { onWarning: warnOnTerminal, attach: true, existing: true },
    async ({ url, place }) => {
      const store = openStore(url)
      try {
        const { username, email, endedSessions } = await changeAccountState(store, identifier, change)
        console.log(
          {
            disable: `${username} is disabled: it cannot log in. Sessions ended: ${endedSessions}.`,
            enable: `${username} is enabled: it can log in.`,
            verify: `${email} of ${username} is verified.`,
            unverify: `${email} of ${username} is not verified.`,
          }[change],
        )
      } catch (error) {
        if (error instanceof NotFoundError)
          throw new StartupError(`There is no account ${identifier} in the ${place}`)
        throw error
      } finally {
        await store.dispose()
      }
    },
  )
}

function openStore(url: string): Store & { dispose: () => Promise<void> } {
  const logger = createLogger({ level: 'warn', pretty: false })
  const database = createDatabase({ url, onError: (error) => logger.warn({ err: error }) })
  const signals = createPostgresSignals({ database, logger })
  // Nothing is recognised by a hash here, so that this takes no secret of the server's.
  const keyedHash = createKeyedHash(new Uint8Array(32))
  return {
    ...createStore(database, createBell(signals), keyedHash),
    dispose: async () => {
      await signals.dispose()
      await database.dispose()
    },
  }
}
