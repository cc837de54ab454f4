import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'

/** The schema that clients out there were written against. */
export interface Released {
  readonly version: string
  readonly sdl: string
}

const file = 'schema.released.graphql'
const header = /^# The schema of (\d+\.\d+\.\d+)\b.*\n\n/

const packageVersion = (): string => JSON.parse(readFileSync('package.json', 'utf8')).version

/** Writes what is to be compared against from now on: the schema of the version in package.json. */
export function writeReleased(sdl: string): void {
  writeFileSync(
    file,
    `# The schema of ${packageVersion()}, which no change may break. Written by npm run schema:release.\n\n${sdl}`,
  )
}

/**
 * The schema of the newest tag `v1.2.3` that HEAD comes after; in a clone without tags, the committed copy of it.
 * @throws Error where the two are not the same: a version was tagged without writing the copy
 */
export function readReleased(): Released {
  const copy = parseReleased(file)
  const tag = git('describe', '--tags', '--abbrev=0', '--match', 'v[0-9]*')?.trim()
  const tagged = tag && git('show', `${tag}:schema.graphql`)
  if (!tag || !tagged) return copy
  const released = { version: tag.slice(1), sdl: tagged }
  // While a version is made ready the copy is ahead of the last tag.
  if (copy.version === released.version && copy.sdl !== released.sdl) {
    throw new Error(
      `${file} is not the schema.graphql of ${tag}: check that out and run npm run schema:release.`,
    )
  }
  return released
}

export function parseReleased(path: string): Released {
  if (!existsSync(path)) throw new Error(`There is no ${path}.`)
  const text = readFileSync(path, 'utf8')
  const version = header.exec(text)?.[1]
  if (version === undefined) throw new Error(`${path} does not say of which version it is.`)
  return { version, sdl: text.replace(header, '') }
}

function git(...args: string[]): string | null {
  const { status, stdout } = spawnSync('git', args, { encoding: 'utf8', maxBuffer: 1 << 26 })
  return status === 0 ? stdout : null
}

/** Whether the version in package.json may break clients of the released one: another major, before 1.0 another minor. */
export function mayBreak(released: string, version = packageVersion()): boolean {
  const [[major, minor], [nextMajor, nextMinor]] = [released, version].map((each) =>
    each.split('.').map(Number),
  ) as [number[], number[]]
  if (nextMajor !== major) return Number(nextMajor) > Number(major)
  return major === 0 && Number(nextMinor) > Number(minor)
}
