import { parseArgs } from 'node:util'
import type { Config } from '../config.ts'
import { StartupError } from '../db/startup-error.ts'
import { seedBulk } from '../seed/bulk.ts'
import type { BulkSize } from '../seed/bulk-plan.ts'
import { seedDemo } from '../seed/demo.ts'
import { seedPassword } from '../seed/rows.ts'
import { warnOnTerminal, withDatabase } from './database.ts'
import { createProgress } from './progress.ts'

/** What is made of a kind where only others are given. */
const defaults: BulkSize = { users: 100, chats: 200, messages: 10_000 }
const most: BulkSize = { users: 1_000_000, chats: 1_000_000, messages: 100_000_000 }

/**
 * The options of `seed`; null without any, which stands for the demo data.
 * @throws StartupError with one line
 */
export function parseSeedOptions(args: readonly string[]): BulkSize | null {
  if (args.length === 0) return null
  const given = parseStrictly(args)
  const sizes = {
    users: parseCount('users', given.users),
    chats: parseCount('chats', given.chats),
    messages: parseCount('messages', given.messages),
  }
  if (sizes.chats > 0 && sizes.users === 0) throw new StartupError('--chats need --users: at least 1')
  if (sizes.messages > 0 && sizes.chats === 0) throw new StartupError('--messages need --chats: at least 1')
  return sizes
}

function parseStrictly(args: readonly string[]): { [Name in keyof BulkSize]?: string } {
  const type = 'string'
  try {
    return parseArgs({
      args: [...args],
      options: { users: { type }, chats: { type }, messages: { type } },
    }).values
  } catch (error) {
    const [reason] = (error instanceof Error ? error.message : '').split(/\. |\n/)
    throw new StartupError(`${reason}: seed takes --users N --chats N --messages N`)
  }
}

function parseCount(name: keyof BulkSize, value: string | undefined): number {
  if (value === undefined) return defaults[name]
  const count = Number(value)
  if (/^\d{1,9}$/.test(value) && count <= most[name]) return count
  throw new StartupError(
    `--${name} must be a whole number of at most ${most[name].toLocaleString('en')}, not ${value}`,
  )
}

/** Writes the demo data, or as much made-up data as was asked for. */
export async function seed(config: Config, size: BulkSize | null): Promise<void> {
  await withDatabase(config, { onWarning: warnOnTerminal, attach: true }, async ({ url, place }) => {
    console.log(`Seeding the ${place}`)
    if (size === null) return writeDemo(url)
    await seedBulk({ ...size, databaseUrl: url, onProgress: createProgress(process.stdout) })
    console.log(`Every one of these users has the password ${seedPassword}.`)
  })
}

async function writeDemo(databaseUrl: string): Promise<void> {
  const written = await seedDemo({ databaseUrl, when: 'absent' })
  console.log(
    written
      ? `The demo data is there: log in as alice, bob or charlie with the password ${seedPassword}.`
      : 'The demo data was there already: nothing was written.',
  )
}
