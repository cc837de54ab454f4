import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { findChanges } from './breaking.ts'

/** The schema that clients out there were written against. */
export interface Released {
  readonly version: string
  readonly sdl: string
}

const file = 'schema.released.graphql'
const header = /^# The schema of (\d+\.\d+\.\d+)\b.*\n\n/

export const packageVersion = (): string => JSON.parse(readFileSync('package.json', 'utf8')).version

/** Writes what is to be compared against from now on: the schema of the version in package.json. */
export function writeReleased(sdl: string): void {
  writeFileSync(
    file,
    `# The schema of ${packageVersion()}, which no change may break. Written by npm run schema:release.\n\n${sdl}`,
  )
}

/**
 * The schema of the newest tag `v1.2.3` that HEAD comes after; in a clone without tags, the committed copy of it. Null if
 * there is neither: no version has been released yet.
 * @throws Error if a version was tagged and the copy is missing or has another schema
 */
export function readReleased(): Released | null {
  const tagged = readTagged()
  if (tagged === null) return readCopy()
  const copy = parseReleased(file)
  // While a version is made ready the copy is ahead of the last tag.
  if (copy.version === tagged.version && copy.sdl !== tagged.sdl) {
    throw new Error(
      `${file} is not the schema.graphql of v${tagged.version}: check that out and run npm run schema:release.`,
    )
  }
  return tagged
}

function readTagged(): Released | null {
  const tag = git('describe', '--tags', '--abbrev=0', '--match', 'v[0-9]*')?.trim()
  const sdl = tag && git('show', `${tag}:schema.graphql`)
  return tag && sdl ? { version: tag.slice(1), sdl } : null
}

const readCopy = (): Released | null => (existsSync(file) ? parseReleased(file) : null)

/**
 * Why the version in package.json cannot have this schema; null where it can. A version that is tagged keeps the schema
 * that it has; one that is not may get more, and may break clients if it is of the kind that does.
 */
export async function whyNotRelease(sdl: string): Promise<string | null> {
  const version = packageVersion()
  const tagged = readTagged()
  const released = tagged ?? readCopy()
  if (released === null) return null
  if (isOlder(version, released.version)) return `${version} is older than ${released.version}.`
  if (version === tagged?.version)
    return sdl === tagged.sdl ? null : `${version} is released: raise the version in package.json.`
  const { breaking } = await findChanges(released.sdl, sdl)
  if (breaking.length === 0 || mayBreak(released.version)) return null
  const where = breaking.map(({ path }) => path).join(', ')
  return `${version} would break clients of ${released.version} (${where}): raise the version in package.json.`
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
  const [major, minor] = numbersOf(released)
  const [nextMajor, nextMinor] = numbersOf(version)
  if (nextMajor !== major) return nextMajor > major
  return major === 0 && nextMinor > minor
}

export function isOlder(version: string, than: string): boolean {
  const [own, other] = [numbersOf(version), numbersOf(than)]
  const first = own.findIndex((number, i) => number !== other[i])
  return first !== -1 && Number(own[first]) < Number(other[first])
}

function numbersOf(version: string): [number, number, number] {
  const [major = 0, minor = 0, patch = 0] = version.split(/[.-]/).map(Number)
  return [major, minor, patch]
}
