import { type MouseEvent, useSyncExternalStore } from 'react'

/** The chat that is open, by the address: `/app/c/<id>`; null at `/app/`. */
export function useOpenChat(): string | null {
  return useSyncExternalStore(watch, readChat)
}

/** The message that is asked for in the open chat, by its number there: `/app/c/<id>#m42`; null once it is in sight. */
export function useWantedMessage(): number | null {
  return useSyncExternalStore(watch, readMessage)
}

export function addressOf(chatId: string | null, sequence?: number): string {
  const fragment = sequence === undefined ? '' : `#m${sequence}`
  return import.meta.env.BASE_URL + (chatId === null ? '' : `c/${chatId}${fragment}`)
}

interface Opening {
  readonly replace?: boolean
  readonly sequence?: number
}

export function openChat(chatId: string | null, { replace = false, sequence }: Opening = {}): void {
  history[replace ? 'replaceState' : 'pushState'](null, '', addressOf(chatId, sequence))
  dispatchEvent(new PopStateEvent('popstate'))
}

/** Opens what a link leads to; where a new tab or window is wanted the browser follows the link. */
export function follow(event: MouseEvent, open: () => void): void {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return
  event.preventDefault()
  open()
}

function readChat(): string | null {
  return /\/c\/([^/]+)$/.exec(location.pathname)?.[1] ?? null
}

function readMessage(): number | null {
  const sequence = /^#m(\d{1,10})$/.exec(location.hash)?.[1]
  return sequence === undefined ? null : Number(sequence)
}

function watch(listener: () => void): () => void {
  addEventListener('popstate', listener)
  return () => removeEventListener('popstate', listener)
}
