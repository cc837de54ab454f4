import type { TokensFragment } from '../gql/graphql.ts'

/** The tokens of whoever is logged in. */
export type Session = Pick<TokensFragment, 'accessToken' | 'accessTokenExpiresAt' | 'refreshToken'>

/** As all tabs share it. */
export interface KeptSession extends Session {
  /** Of one login, through all its tokens: another one is somebody else's, or somebody's who begins anew. */
  readonly id: string
  /** By the clock here, which may be off: of use for how long ago it was. */
  readonly receivedAt: number
}

const key = 'parley.session'
/** Says, to every tab, that the server has ended the last session. */
const endedKey = 'parley.ended'
/** The id of the session whose end is wished for. */
const leavingKey = 'parley.leaving'
const listeners = new Set<() => void>()
let known: { text: string | null; session: KeptSession | null } = { text: null, session: null }

/** The same object as long as the tokens are the same, as `useSyncExternalStore` wants it. */
export function readSession(): KeptSession | null {
  const text = localStorage.getItem(key)
  if (text !== known.text) known = { text, session: text === null ? null : (JSON.parse(text) as KeptSession) }
  return known.session
}

/** @returns whether it has begun: not where another tab was faster */
export function beginSession(session: Session): boolean {
  if (readSession() !== null) return false
  localStorage.removeItem(endedKey)
  // Not a UUID: pages that come over plain HTTP have none.
  keep({ ...session, id: `${Date.now()}.${Math.random()}` })
  return true
}

/** Its end is wished for, whichever tab is the first to notice it. */
export function beginLogout(id: string): void {
  localStorage.setItem(leavingKey, id)
}

/** Another one that has begun meanwhile, in another tab, goes on. */
export function endSession(id: string): void {
  if (localStorage.getItem(leavingKey) === id) localStorage.removeItem(leavingKey)
  if (readSession()?.id === id) forget()
}

/** What came of a refresh: null where the server says that the session is over. */
export function renewSession(id: string, renewed: Session | null): void {
  if (renewed === null) {
    // Before the session goes, which is what the other tabs notice.
    if (localStorage.getItem(leavingKey) !== id) localStorage.setItem(endedKey, 'true')
    forget()
  } else keep({ ...renewed, id })
}

/** Whether the last session was ended by the server, and not by whoever was logged in here. */
export function wasSessionEnded(): boolean {
  return localStorage.getItem(endedKey) !== null
}

function keep(session: Omit<KeptSession, 'receivedAt'>): void {
  localStorage.setItem(key, JSON.stringify({ ...session, receivedAt: Date.now() }))
  tell()
}

function forget(): void {
  localStorage.removeItem(key)
  tell()
}

function tell(): void {
  for (const listener of listeners) listener()
}

/** Calls back when the session changes, in another tab too. */
export function watchSession(listener: () => void): () => void {
  listeners.add(listener)
  addEventListener('storage', listener)
  return () => {
    listeners.delete(listener)
    removeEventListener('storage', listener)
  }
}
