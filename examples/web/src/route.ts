import { useSyncExternalStore } from 'react'

/** The chat that is open, by the address: `/app/c/<id>`; null at `/app/`. */
export function useOpenChat(): string | null {
  return useSyncExternalStore(watch, read)
}

export function addressOf(chatId: string | null): string {
  return import.meta.env.BASE_URL + (chatId === null ? '' : `c/${chatId}`)
}

export function openChat(chatId: string | null, { replace = false } = {}): void {
  history[replace ? 'replaceState' : 'pushState'](null, '', addressOf(chatId))
  dispatchEvent(new PopStateEvent('popstate'))
}

function read(): string | null {
  return /\/c\/([^/]+)$/.exec(location.pathname)?.[1] ?? null
}

function watch(listener: () => void): () => void {
  addEventListener('popstate', listener)
  return () => removeEventListener('popstate', listener)
}
