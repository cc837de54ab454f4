import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { hasCode } from '../../core/system-error.ts'
import type { DataDir } from '../data-dir.ts'
import { StartupError } from '../startup-error.ts'
import { type Context, DATABASE, lastMessage, USER } from './context.ts'
import { commandLine, own } from './user.ts'

export function readPassword({ dataDir, cluster, runAs }: Context): string {
  const file = passwordFile(dataDir)
  if (!existsSync(file)) {
    if (existsSync(cluster)) {
      throw new StartupError(
        `The password of the database in ${cluster} is missing: bring back the file ${file}`,
      )
    }
    writeFileSync(file, randomBytes(32).toString('hex'), { mode: 0o600, flush: true })
  }
  // initdb reads it too.
  if (runAs.owner !== undefined) chownSync(file, runAs.owner.uid, runAs.owner.gid)
  return readFileSync(file, 'utf8').trim()
}

function passwordFile(dataDir: DataDir): string {
  return join(dataDir.path, 'postgres-password')
}

/** Made aside and then given its name, so that a first start that was cut short leaves nothing half done. */
export async function initialise(context: Context): Promise<void> {
  const draft = `${context.cluster}.new`
  for (const ctype of ['C.UTF-8', 'en_US.UTF-8', 'C']) {
    rmSync(draft, { recursive: true, force: true })
    mkdirSync(draft, { mode: 0o700 })
    own(draft, context.runAs)
    const output = await initdb(context, draft, ctype)
    if (output === undefined) {
      if (ctype === 'C')
        context.options.onWarning?.('This system has no UTF-8 locale: search finds ASCII names only')
      renameSync(draft, context.cluster)
      return
    }
    if (output.includes('invalid locale name') && ctype !== 'C') continue
    rmSync(draft, { recursive: true, force: true })
    throw new StartupError(`The database cannot be made in ${context.cluster}: ${lastMessage(output)}`)
  }
}

/**
 * Sorting is by code point on every machine. The character classes come from the system all the same, since pg_trgm
 * asks there what a letter is: with plain C it sees none outside ASCII, and searching for any other name finds nothing.
 * @returns what it said when it failed
 */
async function initdb(context: Context, folder: string, ctype: string): Promise<string | undefined> {
  const { options, dataDir, binaries, runAs } = context
  const args = ['-D', folder, '-U', USER, '--pwfile', passwordFile(dataDir), '--auth=scram-sha-256']
  args.push('--encoding=UTF8', '--locale=C', `--lc-ctype=${ctype}`)
  args.push('--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--no-instructions')
  if (options.durable === false) args.push('--no-sync')
  const child = spawn(...commandLine(runAs, binaries.initdb, args), {
    ...runAs.ids,
    cwd: dataDir.path,
    // Its own group: Ctrl-C in the terminal is for Parley, which then says what is to end, and in which order.
    detached: true,
    windowsHide: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let output = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve))
  return code === 0 ? undefined : output
}

export async function ensureDatabase(url: string, dataDir: string): Promise<void> {
  try {
    await run(url)
  } catch (error) {
    if (hasCode(error, '28P01')) {
      throw new StartupError(`The file postgres-password in ${dataDir} is not the password of its database`)
    }
    if (!hasCode(error, '3D000')) throw error
    await run(url.replace(new RegExp(`${DATABASE}$`), 'postgres'), `CREATE DATABASE ${DATABASE}`)
  }
}

async function run(url: string, statement?: string): Promise<void> {
  const client = new pg.Client(url)
  // Where the server ends meanwhile, the pending call fails too, and says so.
  client.on('error', () => {})
  try {
    await client.connect()
    if (statement !== undefined) await client.query(statement)
  } finally {
    await client.end().catch(() => {})
  }
}
