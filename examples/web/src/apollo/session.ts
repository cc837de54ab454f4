import type { TokensFragment } from '../gql/graphql.ts'

/** The tokens of whoever is logged in, shared by all tabs. */
export type Session = Pick<TokensFragment, 'accessToken' | 'accessTokenExpiresAt' | 'refreshToken'>

const key = 'parley.session'
const listeners = new Set<() => void>()
let known: { text: string | null; session: Session | null } = { text: null, session: null }

/** The same object as long as the tokens are the same, as `useSyncExternalStore` wants it. */
export function readSession(): Session | null {
  const text = localStorage.getItem(key)
  if (text !== known.text) known = { text, session: text === null ? null : (JSON.parse(text) as Session) }
  return known.session
}

export function saveSession(session: Session | null): void {
  if (session === null) localStorage.removeItem(key)
  else localStorage.setItem(key, JSON.stringify(session))
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
