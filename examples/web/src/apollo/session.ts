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
const listeners = new Set<() => void>()
let known: { text: string | null; session: KeptSession | null } = { text: null, session: null }
let wasEnded = false
let isLeaving = false

/** The same object as long as the tokens are the same, as `useSyncExternalStore` wants it. */
export function readSession(): KeptSession | null {
  const text = localStorage.getItem(key)
  if (text !== known.text) known = { text, session: text === null ? null : (JSON.parse(text) as KeptSession) }
  return known.session
}

/** Begins one, unless another tab was faster, or ends the one that there is. */
export function saveSession(session: Session | null): void {
  if (session !== null && readSession() !== null) return
  // Not a UUID: pages that come over plain HTTP have none.
  keep(session && { ...session, id: `${Date.now()}.${Math.random()}` }, false)
}

/** Its end is wished for, whoever is the first to notice it. */
export function beginLogout(): void {
  isLeaving = true
}

/** What came of a refresh: null where the server says that the session is over. */
export function renewSession(id: string, renewed: Session | null): void {
  keep(renewed && { ...renewed, id }, renewed === null)
}

/** Whether the last session was ended by the server, and not by whoever was logged in here. */
export function wasSessionEnded(): boolean {
  return wasEnded
}

function keep(session: Omit<KeptSession, 'receivedAt'> | null, ended: boolean): void {
  wasEnded = ended && !isLeaving
  if (session !== null) isLeaving = false
  if (session === null) localStorage.removeItem(key)
  else localStorage.setItem(key, JSON.stringify({ ...session, receivedAt: Date.now() }))
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
