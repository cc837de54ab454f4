import { join } from 'node:path'
import { type REPLServer, start } from 'node:repl'
import { text as readText } from 'node:stream/consumers'
import { runInThisContext } from 'node:vm'
import { createAuth } from '../app/auth.ts'
import type { Config } from '../config.ts'
import { NotFoundError } from '../core/errors.ts'
import { parseGlobalId, toGlobalId, uuidv7 } from '../core/ids.ts'
import { createKeyedHash } from '../core/keyed-hash.ts'
import { createLogger } from '../core/logger.ts'
import { createDatabase } from '../db/client.ts'
import { loadHashKey } from '../db/hash-key.ts'
import { createBell } from '../events/bell.ts'
import { createPostgresSignals } from '../events/signals-postgres.ts'
import { createStore, type Store } from '../events/store.ts'
import * as authActions from '../features/auth/actions.ts'
import type { Viewer } from '../features/auth/viewer.ts'
import * as blockActions from '../features/blocks/actions.ts'
import * as chatActions from '../features/chats/actions.ts'
import * as groupActions from '../features/chats/group-actions.ts'
import * as messageActions from '../features/messages/actions.ts'
import { clearChat } from '../features/messages/clearing.ts'
import { addReaction, removeReaction } from '../features/messages/reactions.ts'
import { unlimited } from '../limits/rate-limiter.ts'
import { warnOnTerminal, withDatabase } from './database.ts'
import { loadJwtSecrets } from './jwt-secrets.ts'

const actions = Object.fromEntries(
  Object.entries({
    ...authActions,
    ...blockActions,
    ...chatActions,
    ...groupActions,
    clearChat,
    ...messageActions,
    addReaction,
    removeReaction,
  }).filter(([, exported]) => typeof exported === 'function'),
)

const welcome = `
  prisma                        the models: await prisma.user.findMany()
  as('alice')                   somebody's viewer, for the actions
  toGlobalId, parseGlobalId     between rows and the API's ids
  store, auth                   what the actions take first
  ${Object.keys(actions)
    .join(', ')
    .replaceAll(/(.{1,90}), /g, '$1,\n  ')}

  const alice = await as('alice')
  const { chat } = await createDirectChat(store, alice, { userId: toGlobalId('User', (await as('bob')).userId) })
  await sendMessage(store, alice, { chatId: toGlobalId('Chat', chat.id), clientMessageId: 'one', text: 'Hi!' })

  .exit leaves.
`

/**
 * A REPL on the database with the models and the actions; what an action does there, connected clients see. Without a
 * terminal it runs what comes in as a script.
 */
export async function shell(config: Config): Promise<void> {
  await withDatabase(config, { onWarning: warnOnTerminal, attach: true }, async ({ url, place }) => {
    const tools = await createTools(config, url)
    try {
      if (!process.stdin.isTTY) return await runScript(tools.context)
      console.log(`The ${place}\n${welcome}`)
      await converse(config, tools.context)
    } finally {
      await tools.dispose()
    }
  })
}

async function createTools(
  config: Config,
  url: string,
): Promise<{ context: Record<string, unknown>; dispose: () => Promise<void> }> {
  const logger = createLogger({ level: 'warn', pretty: false })
  const database = createDatabase({ url, onError: (error) => logger.warn({ err: error }) })
  const signals = createPostgresSignals({ database, logger })
  const jwtSecrets = loadJwtSecrets(config)
  const keyedHash = createKeyedHash(await loadHashKey(database, jwtSecrets, logger))
  const store = createStore(database, createBell(signals), keyedHash)
  const auth = await createAuth({ store, config, jwtSecrets, limits: unlimited })
  const as = (username: string) => viewerNamed(store, username)
  return {
    context: { prisma: store.prisma, store, auth, as, toGlobalId, parseGlobalId, ...actions },
    dispose: async () => {
      await signals.dispose()
      await database.dispose()
    },
  }
}

/**
 * Somebody's viewer, as if they had logged in, but in a session that is nowhere written down.
 * @throws NotFoundError
 */
async function viewerNamed(store: Store, username: string): Promise<Viewer> {
  const user = await store.prisma.user.findUnique({
    where: { usernameKey: username.toLowerCase() },
    select: { id: true },
  })
  if (user === null) throw new NotFoundError('user')
  return { kind: 'user', userId: user.id, sessionId: uuidv7(), expiresAt: Number.POSITIVE_INFINITY }
}

/** Resolves when the person leaves. */
async function converse(config: Config, context: Record<string, unknown>): Promise<void> {
  const repl = start({ prompt: 'parley> ' })
  Object.assign(repl.context, context)
  await setupHistory(repl, join(config.dataDir, 'shell-history'))
  await new Promise<void>((resolve) => repl.once('exit', resolve))
}

/** Text from a pipe is a script: a REPL would not wait for one line before it runs the next. */
async function runScript(context: Record<string, unknown>): Promise<void> {
  const parameters = Object.keys(context).join(', ')
  const script = await readText(process.stdin)
  await runInThisContext(`(async ({ ${parameters} }) => {${script}\n})`, { filename: 'stdin' })(context)
}

/** A history that cannot be kept is no reason not to talk: Node says so in the REPL itself. */
function setupHistory(repl: REPLServer, file: string): Promise<void> {
  return new Promise((resolve) => repl.setupHistory(file, () => resolve()))
}
