import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, lchownSync, readdirSync, type Stats, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { StartupError } from '../startup-error.ts'
import type { EmbeddedPostgresOptions } from './context.ts'

// PostgreSQL refuses to run as root; this finds whom it runs as instead.

type Owner = { uid: number; gid: number }

export type RunAs = {
  /** Goes before the program. */
  command: string[]
  /** Goes to `spawn`. */
  ids: Partial<Owner>
  /** Whose permissions the programs have and whose the files must be; nobody's in particular unless this is root. */
  owner: Owner | undefined
}

/** As root, the first of several users that has a name and may enter the folder. */
export function chooseUser(dataDir: string, cluster: string, options: EmbeddedPostgresOptions): RunAs {
  if (process.getuid?.() !== 0) return { command: [], ids: {}, owner: undefined }
  const chosen =
    // What an ordinary user has made stays usable for that user.
    asOwnerOf(cluster, dataDir) ??
    (options.userNamespaces === false ? undefined : asNobody(dataDir)) ??
    // The folder of an ordinary user, with Parley started by sudo.
    asOwnerOf(dirname(dataDir), dataDir) ??
    asSystemUser(dataDir, options)
  if (chosen !== undefined) return chosen
  throw new StartupError(
    `PostgreSQL does not run as root, and no other user may enter ${dataDir}: run Parley as an ordinary user, or choose a data folder that all may reach, such as /var/lib/parley`,
  )
}

/**
 * In a user namespace without any users root is nobody, which satisfies PostgreSQL, and still owns its files: nothing
 * has to be created or handed over. Some containers forbid it. It has no rights beyond those of the files' owner.
 */
function asNobody(dataDir: string): RunAs | undefined {
  const owner = { uid: 0, gid: 0 }
  const command = ['unshare', '--user']
  // initdb wants a name for its user.
  const allowed = spawnSync('unshare', ['--user', 'id', '-un'], { stdio: 'ignore' }).status === 0
  return allowed && mayUse(dataDir, owner) ? { command, ids: {}, owner } : undefined
}

function asOwnerOf(path: string, dataDir: string): RunAs | undefined {
  const stats = statSync(path, { throwIfNoEntry: false })
  return stats === undefined || stats.uid === 0 ? undefined : asUser(String(stats.uid), dataDir)
}

function asSystemUser(dataDir: string, { onWarning }: EmbeddedPostgresOptions): RunAs | undefined {
  const name = 'postgres'
  if (userIds(name) === undefined) {
    const made =
      spawnSync('useradd', ['--system', '--no-create-home', '--user-group', name], { stdio: 'ignore' })
        .status === 0 || spawnSync('adduser', ['-S', '-D', '-H', name], { stdio: 'ignore' }).status === 0
    if (made) onWarning?.(`The system user ${name} was created, since PostgreSQL does not run as root`)
  }
  return asUser(name, dataDir)
}

function asUser(name: string, dataDir: string): RunAs | undefined {
  const ids = userIds(name)
  return ids !== undefined && mayUse(dataDir, ids) ? { command: [], ids, owner: ids } : undefined
}

function userIds(user: string): Owner | undefined {
  // A number without a name is no use: initdb wants the name.
  if (spawnSync('id', ['-un', user], { stdio: 'ignore' }).status !== 0) return undefined
  const read = (flag: string) => Number(spawnSync('id', [flag, user], { encoding: 'utf8' }).stdout)
  return { uid: read('-u'), gid: read('-g') }
}

/** Makes the data folder itself passable where it is ours; what leads to it is not ours to change. */
function mayUse(dataDir: string, user: Owner): boolean {
  if (!canEnter(dirname(dataDir), user)) return false
  const stats = statSync(dataDir)
  if (isPassable(stats, user)) return true
  if (stats.uid !== 0) return false
  chmodSync(dataDir, stats.mode | 0o011)
  return true
}

export function canEnter(folder: string, user: Owner): boolean {
  const parent = dirname(folder)
  return isPassable(statSync(folder), user) && (parent === folder || canEnter(parent, user))
}

function isPassable(stats: Stats, { uid, gid }: Owner): boolean {
  if (stats.uid === uid) return (stats.mode & 0o100) !== 0
  if (stats.gid === gid) return (stats.mode & 0o010) !== 0
  return (stats.mode & 0o001) !== 0
}

/** Hands the folder and all in it over, unless that was done before. */
export function own(path: string, { owner }: RunAs): void {
  if (owner === undefined || statSync(path).uid === owner.uid) return
  for (const entry of readdirSync(path, { recursive: true }))
    lchownSync(join(path, String(entry)), owner.uid, owner.gid)
  // Last: as long as this one is not done, the next start does it all again.
  chownSync(path, owner.uid, owner.gid)
}

/** The words of the programs are searched for known ones, so they have to be English. */
export function commandLine({ command }: RunAs, program: string, args: string[]): [string, string[]] {
  if (process.platform === 'win32') return [program, args]
  const [first = 'env', ...rest] = [...command, 'env', 'LC_ALL=C', program, ...args]
  return [first, rest]
}
