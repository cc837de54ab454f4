import type { TokensFragment } from '../gql/graphql.ts'

/** The tokens of whoever is logged in. */
export type Session = Pick<TokensFragment, 'accessToken' | 'accessTokenExpiresAt' | 'refreshToken'>

/** As all tabs share it. */
export interface KeptSession extends Session {
  /** By the clock here, which may be off: of use for how long ago it was. */
  readonly receivedAt: number
}

const key = 'parley.session'
const listeners = new Set<() => void>()
let known: { text: string | null; session: KeptSession | null } = { text: null, session: null }

/** The same object as long as the tokens are the same, as `useSyncExternalStore` wants it. */
export function readSession(): KeptSession | null {
  const text = localStorage.getItem(key)
  if (text !== known.text) known = { text, session: text === null ? null : (JSON.parse(text) as KeptSession) }
  return known.session
}

export function saveSession(session: Session | null): void {
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
