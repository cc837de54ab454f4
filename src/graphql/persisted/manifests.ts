import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { type DocumentNode, GraphQLError, Kind } from 'graphql'
import { printable } from '../../core/printable.ts'
import { readRegularFile } from '../../core/regular-file.ts'
import { StartupError } from '../../db/startup-error.ts'
import { parseWithinLimits } from '../operation/documents.ts'
import { keyOf } from './request.ts'

/** One document of a manifest. */
export interface ManifestEntry {
  readonly id: string
  /** As the manifest has it; null where that tells none. */
  readonly name: string | null
  readonly text: string
}

/** The texts of all manifests, such as one process may tell another. */
export interface TrustedTexts {
  readonly manifests: number
  /** The texts by their keys. */
  readonly texts: ReadonlyMap<string, string>
}

/** The documents of all manifests, which never change: reading them again makes new ones. */
export interface TrustedDocuments extends TrustedTexts {
  /** Every text parsed, by the text. */
  readonly parsed: ReadonlyMap<string, DocumentNode>
}

/** How large a manifest may be, in bytes. */
const maxManifestBytes = 16_000_000
/** How long to parse before others have their turn, in milliseconds. */
const stretchMs = 20

/** What a person reads of a manifest that is not good: one line, whatever it quotes. */
function problem(words: string): StartupError {
  return new StartupError(printable(words))
}

/** The manifests of a folder, in the order of their names: whatever ends in `.json`, and is not hidden. */
export async function findManifests(folder: string): Promise<string[]> {
  try {
    const names = await readdir(folder)
    return names
      .filter((name) => name.endsWith('.json') && !name.startsWith('.'))
      .toSorted()
      .map((name) => join(folder, name))
  } catch (error) {
    throw problem(`The folder of manifests cannot be read: ${messageOf(error)}`)
  }
}

/**
 * Reads manifests whole, or not at all. A server that does so goes on answering meanwhile.
 * @param check hears of each text once, and what a person finds it by; throws where it is not good
 * @throws StartupError with one line that names the file and what is wrong with it
 */
async function readAll(
  files: readonly string[],
  check: (text: string, what: string) => void,
): Promise<TrustedTexts> {
  const texts = new Map<string, string>()
  const checked = new Set<string>()
  const origins = new Map<string, string>()
  const letOthersWork = createPauses()
  for (const file of files) {
    for (const { id, name, text } of await readManifest(file)) {
      await letOthersWork()
      const key = keyOf(id)
      const other = texts.get(key)
      if (other === text) continue
      if (other !== undefined) throw problem(`${file}: ${id} has another text in ${origins.get(key)}`)
      texts.set(key, text)
      origins.set(key, file)
      if (checked.has(text)) continue
      checked.add(text)
      check(text, `${file}: ${describeEntry({ id, name })}`)
    }
  }
  return { manifests: files.length, texts }
}

/** @param known documents that are parsed already, by their texts @throws StartupError */
export async function loadManifests(
  files: readonly string[],
  known: ReadonlyMap<string, DocumentNode> = new Map(),
): Promise<TrustedDocuments> {
  const parsed = new Map<string, DocumentNode>()
  const read = await readAll(files, (text, what) => {
    parsed.set(text, known.get(text) ?? parseTrusted(text, what))
  })
  return { ...read, parsed }
}

/** For others to parse. @param known what has been found to be good already @throws StartupError */
export async function loadTexts(files: readonly string[], known: TrustedTexts): Promise<TrustedTexts> {
  const good = new Set(known.texts.values())
  return readAll(files, (text, what) => {
    if (!good.has(text)) parseTrusted(text, what)
  })
}

/** Of texts that another process has read and found to be good. */
export async function parseTexts(
  { manifests, texts }: TrustedTexts,
  known: ReadonlyMap<string, DocumentNode>,
): Promise<TrustedDocuments> {
  const parsed = new Map<string, DocumentNode>()
  const letOthersWork = createPauses()
  for (const [key, text] of texts) {
    await letOthersWork()
    if (!parsed.has(text)) parsed.set(text, known.get(text) ?? parseTrusted(text, key))
  }
  return { manifests, texts, parsed }
}

/** What to call again and again in the course of long work; it waits for others when it is their turn. */
function createPauses(): () => Promise<void> | undefined {
  let begun = performance.now()
  return () => {
    if (performance.now() - begun <= stretchMs) return
    return setImmediate().then(() => {
      begun = performance.now()
    })
  }
}

/**
 * The documents of one manifest, as they stand there: Apollo's
 * (`{ "format": "apollo-persisted-query-manifest", "version": 1, "operations": [{ id, name, type, body }] }`), or
 * Relay's and the client preset's (`{ "<id>": "<text>" }`).
 * @throws StartupError with one line
 */
export async function readManifest(file: string): Promise<ManifestEntry[]> {
  let json: string
  let content: unknown
  try {
    json = await readRegularFile(file, maxManifestBytes)
    content = JSON.parse(json)
  } catch (error) {
    const reason = error instanceof SyntaxError ? 'is not JSON' : 'cannot be read'
    throw problem(`${file} ${reason}: ${messageOf(error)}`)
  }
  if (!isObject(content)) throw problem(`${file} is no manifest: it must be a JSON object`)
  if ('format' in content || Array.isArray(content['operations'])) return readApollo(content, file)
  for (const [id, text] of Object.entries(content)) {
    if (id === '' || typeof text !== 'string') throw notAnId(id, file)
  }
  return entriesOf(json, file)
}

function notAnId(id: string, file: string): StartupError {
  return problem(`${file} is no manifest: ${JSON.stringify(id)} is not the id of a text`)
}

/** An id that the JSON object has twice is there twice, where a parser takes the last. */
function entriesOf(json: string, file: string): ManifestEntry[] {
  const entries: ManifestEntry[] = []
  let id: string | null = null
  for (const { string, before } of stringsOf(json)) {
    if (id === null) id = string
    else if (before.trim() !== ':') throw notAnId(id, file)
    else {
      entries.push({ id, name: null, text: string })
      id = null
    }
  }
  return entries
}

/** Every string of a JSON text, in order, with what stands between it and the one before. */
function* stringsOf(json: string): Generator<{ string: string; before: string }> {
  let ended = 0
  let start = json.indexOf('"')
  while (start !== -1) {
    let end = json.indexOf('"', start + 1)
    while (isEscaped(json, end)) end = json.indexOf('"', end + 1)
    yield { string: JSON.parse(json.slice(start, end + 1)) as string, before: json.slice(ended, start) }
    ended = end + 1
    start = json.indexOf('"', ended)
  }
}

function isEscaped(json: string, at: number): boolean {
  let backslashes = 0
  while (json[at - 1 - backslashes] === '\\') backslashes++
  return backslashes % 2 === 1
}

const apolloFormat = 'apollo-persisted-query-manifest'

function readApollo(content: Record<string, unknown>, file: string): ManifestEntry[] {
  const { format, version, operations } = content
  if (format !== apolloFormat) throw problem(`${file} is no manifest: format must be ${apolloFormat}`)
  if (version !== 1) throw problem(`${file} has version ${JSON.stringify(version)}: only 1 is known`)
  if (!Array.isArray(operations)) throw problem(`${file} is no manifest: operations must be a list`)
  return operations.map((operation: unknown, index) => {
    const { id, name, body } = isObject(operation) ? operation : {}
    if (typeof id !== 'string' || id === '' || typeof body !== 'string') {
      throw problem(`${file} is no manifest: operations[${index}] must have an id and a body`)
    }
    return { id, name: typeof name === 'string' ? name : null, text: body }
  })
}

/** How people find an entry: by its name, or by as much of its id as tells it apart. */
export function describeEntry({ id, name }: Pick<ManifestEntry, 'id' | 'name'>): string {
  const short = id.length > 20 ? `${id.slice(0, 16)}…` : id
  return name === null ? short : `${name} (${short})`
}

/** That of a document with one operation, where it has a name. */
export function nameOf(document: DocumentNode): string | null {
  const operations = document.definitions.filter((each) => each.kind === Kind.OPERATION_DEFINITION)
  return (operations.length === 1 ? operations[0]?.name?.value : null) ?? null
}

/** What can never run is a mistake of whoever made the manifest, or no manifest at all. */
function parseTrusted(text: string, what: string): DocumentNode {
  try {
    const document = parseWithinLimits(text)
    if (document.definitions.some(({ kind }) => kind === Kind.OPERATION_DEFINITION)) return document
    throw new GraphQLError('The document has no operation.')
  } catch (error) {
    throw problem(`${what} is no document to run: ${messageOf(error)}`)
  }
}

/** On one line, whatever it quotes. */
function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ')
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** For a line of the log. */
export function summarise({ manifests, texts }: TrustedTexts) {
  return { manifests, documents: texts.size }
}
