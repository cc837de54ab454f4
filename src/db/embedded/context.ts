import { readFileSync } from 'node:fs'
import type { DataDir } from '../data-dir.ts'
import type { Binaries } from './programs.ts'
import type { RunAs } from './user.ts'

export type EmbeddedPostgresOptions = {
  /** Made if need be. Everything of the server is in it: delete it, and the server never was. */
  dataDir: string
  /**
   * Whether what was committed survives a power cut. Tests have no use for that, and are faster without it.
   * @default true
   */
  durable?: boolean
  /** @default 100 */
  maxConnections?: number
  /**
   * As root: whether user namespaces may be used, where they are allowed. Without them PostgreSQL runs as a system user.
   * @default true
   */
  userNamespaces?: boolean
  /** Told of things worth knowing that do not keep the server from starting. */
  onWarning?: (message: string) => void
  /** Told once, when PostgreSQL ends although nobody disposed of it. One line, with the end of its log. */
  onExit?: (message: string) => void
}

export const USER = 'parley'
export const DATABASE = 'parley'

/** What the steps of a start share. */
export type Context = {
  readonly dataDir: DataDir
  readonly options: EmbeddedPostgresOptions
  readonly binaries: Binaries
  readonly runAs: RunAs
  /** PostgreSQL's own folder in the data folder. */
  readonly cluster: string
  readonly log: string
}

export function lastWords(log: string): string {
  return `${lastMessage(readFileSync(log, 'utf8'))} (see ${log})`
}

/** The last thing that went wrong, or else the last thing said. */
export function lastMessage(output: string): string {
  const lines = output.split('\n').filter((line) => line.trim() !== '')
  const wrong = lines.findLast((line) => /\b(?:FATAL|PANIC|error|fatal):/.test(line))
  return (wrong ?? lines.at(-1) ?? 'it says nothing')
    .replace(/^.*?\b(?:FATAL|PANIC|LOG|error|fatal): +/, '')
    .trim()
}
