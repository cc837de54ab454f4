import { createHash } from 'node:crypto'
import type { DocumentNode } from 'graphql'
import type { Metrics } from '../../core/metrics.ts'
import { networkOf } from '../../limits/network.ts'
import type { Caller } from '../operation/caller.ts'
import { badRequest, type OperationRequest } from '../operation/request.ts'
import { summarise, type TrustedDocuments } from './manifests.ts'
import { createRegistered, type Registrar } from './registered.ts'
import { type DocumentName, hashMismatch, nameIn, notFound, notInList, notSupported } from './request.ts'

/** Whether texts and ids are taken, ids of manifests only, or texts only. */
export type PersistedMode = 'allow' | 'only' | 'off'

/** Registered texts, in a place that processes share. What fails there must fail nothing here. */
export interface SharedTexts {
  /** Null where there is none, or nobody to say; no longer than what would be put there. */
  get(hash: string): Promise<string | null>
  put(hash: string, text: string): void
  dispose(): Promise<void>
}

/** Which text is to run. */
export interface Resolution {
  readonly text: string
  /** To be called once the text has turned out to be a document that the caller may run. */
  readonly onValid?: () => void
}

export interface PersistedOperations {
  /**
   * The text that a request asks for; null where it names none, and is to run as it is.
   * @throws GraphQLError in place of an answer, at once or later
   */
  resolve(
    request: OperationRequest,
    caller: Pick<Caller, 'principal' | 'clientAddress'>,
  ): Resolution | null | Promise<Resolution>
  /** The document of a manifest, by its text. It stays the same object for as long as a manifest has it. */
  trustedDocument(text: string): DocumentNode | undefined
  /** How many manifests there are, and documents in them. */
  readonly trusted: ReturnType<typeof summarise>
  /**
   * Reads the manifests again. Operations under way go on with what they have.
   * @throws StartupError with one line; then all is as it was
   */
  reload(): Promise<ReturnType<typeof summarise>>
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const isSha256 = (key: string) => /^[0-9a-f]{64}$/.test(key)

/** @throws StartupError with one line where the manifests are not good */
export async function createPersistedOperations(options: {
  mode: PersistedMode
  /**
   * Reads the manifests.
   * @param known documents that are parsed already, by their texts
   * @throws StartupError with one line where they are not good
   */
  load: (known: TrustedDocuments['parsed']) => Promise<TrustedDocuments>
  shared: SharedTexts | null
  metrics: Metrics
}): Promise<PersistedOperations> {
  const { mode, load, shared } = options
  const registered = createRegistered()
  let trusted = await load(new Map())
  let reloading: Promise<unknown> = Promise.resolve()

  async function replace(): Promise<ReturnType<typeof summarise>> {
    // A document that was there before is validated and planned already.
    trusted = await load(trusted.parsed)
    return summarise(trusted)
  }

  const count = (outcome: 'trusted' | 'hit' | 'miss' | 'registered' | 'refused') =>
    options.metrics.persistedOperations.inc({ outcome })

  function refuse(error: Error): never {
    count('refused')
    throw error
  }

  function miss(name: DocumentName): never {
    count('miss')
    throw notFound(name)
  }

  function resolve(
    request: OperationRequest,
    caller: Pick<Caller, 'principal' | 'clientAddress'>,
  ): Resolution | null | Promise<Resolution> {
    const { query } = request
    const hasText = query != null && query !== ''
    const name = readName(request)
    if (name === null) return hasText && mode === 'only' ? refuse(notInList()) : null
    if (mode === 'off') refuse(notSupported(name))
    if (name.kind === 'id' && hasText) {
      refuse(badRequest('A request has either an id of a document or a text.'))
    }
    const text = trusted.texts.get(name.key)
    if (text !== undefined) {
      count('trusted')
      return { text }
    }
    if (mode === 'only') refuse(notInList())
    const registrar = registrarOf(caller)
    return hasText ? register(name.key, query, registrar) : lookUp(name, registrar)
  }

  function readName(request: OperationRequest): DocumentName | null {
    try {
      return nameIn(request)
    } catch (error) {
      return refuse(error as Error)
    }
  }

  /** It is kept when it has proved to be worth it. */
  function register(hash: string, text: unknown, registrar: Registrar): Resolution {
    if (typeof text !== 'string') return refuse(badRequest('query must be a string.'))
    if (registered.get(hash) === text) {
      count('hit')
      return { text }
    }
    if (sha256(text) !== hash) refuse(hashMismatch())
    return {
      text,
      onValid() {
        if (!registered.keep(hash, text, registrar)) return
        if (shared !== null && registered.admitToShared(text, registrar)) shared.put(hash, text)
        count('registered')
      },
    }
  }

  function lookUp(name: DocumentName, registrar: Registrar): Resolution | Promise<Resolution> {
    const text = registered.get(name.key)
    if (text !== undefined) {
      count('hit')
      return { text }
    }
    return shared === null || !isSha256(name.key) ? miss(name) : lookUpShared(shared, name, registrar)
  }

  async function lookUpShared(
    texts: SharedTexts,
    name: DocumentName,
    registrar: Registrar,
  ): Promise<Resolution> {
    const text = await texts.get(name.key)
    // What others can write to is not believed.
    if (text === null || sha256(text) !== name.key) return miss(name)
    count('hit')
    // Kept here, like what is registered here, when it has proved to be worth it.
    return { text, onValid: () => registered.keep(name.key, text, registrar) }
  }

  return {
    resolve,
    get trusted() {
      return summarise(trusted)
    },
    trustedDocument: (text) => trusted.parsed.get(text),
    // In turns, so that what was read last is what holds.
    reload() {
      const reloaded = reloading.then(replace)
      reloading = reloaded.catch(() => {})
      return reloaded
    },
  }
}

function registrarOf({ principal, clientAddress }: Pick<Caller, 'principal' | 'clientAddress'>): Registrar {
  return principal.kind === 'user'
    ? { kind: 'users', key: principal.userId }
    : { kind: 'strangers', key: networkOf(clientAddress) }
}
