import { type Client, createClient } from 'graphql-ws'
import type { Tokens } from '../apollo/tokens.ts'

export interface Socket {
  readonly client: Client
  /** Whether it is open. Calls back with each change. */
  watch(listener: (open: boolean) => void): () => void
  dispose(): void
}

/** What the server says of the token that a socket lasts as long as. */
interface Told {
  readonly authorization?: { readonly expiresAt?: string; readonly code?: string }
}

const pingMs = 8_000
const pongTimeoutMs = 4_000
const longestWaitMs = 5_000
const openingMs = 10_000

/** Gives up where nobody answers that it wants to open: a network that has gone silent says nothing of that. */
class ImpatientSocket extends WebSocket {
  constructor(url: string | URL, protocols?: string | string[]) {
    super(url, protocols)
    const timer = setTimeout(() => this.close(), openingMs)
    for (const end of ['open', 'close']) this.addEventListener(end, () => clearTimeout(timer))
  }
}

/**
 * One WebSocket for every subscription. It comes back by itself, and asks for a fresh token each time; before the token
 * ends, a new one goes to the server in a ping, and nothing has to be begun anew.
 */
export function createSocket(tokens: Tokens): Socket {
  const listeners = new Set<(open: boolean) => void>()
  const tell = (open: boolean) => {
    for (const listener of listeners) listener(open)
  }
  let socket: WebSocket | null = null
  let opening: ReturnType<typeof setTimeout> | undefined
  let renewal: ReturnType<typeof setTimeout> | undefined
  let silence: ReturnType<typeof setTimeout> | undefined
  let disposed = false

  const authorization = async () => ({ authorization: `Bearer ${await tokens.fresh()}` })

  /** Does not fail while there is no network: a client that cannot say who it is would give up for good. */
  async function connectionParams(): Promise<Record<string, unknown>> {
    for (;;) {
      try {
        return await authorization()
      } catch {
        if (disposed) return {}
        await waitForNetwork(1_000)
      }
    }
  }

  function plan(payload: Told | undefined): void {
    const { expiresAt, code } = payload?.authorization ?? {}
    if (expiresAt === undefined && code === undefined) return
    clearTimeout(renewal)
    // Not by `expiresAt`, which is a time of the server's clock.
    const ms = expiresAt === undefined ? 1_000 : tokens.lastsMs(sentLast ?? '') * 0.8
    renewal = setTimeout(renew, Math.max(ms, 500), socket)
  }

  async function renew(on: WebSocket | null): Promise<void> {
    try {
      const session = await tokens.fresh()
      // Four fifths of a token that lives long are more than `fresh` takes for used up.
      const token = session === sentLast && session !== null ? await tokens.instead(session) : session
      sentLast = token
      const payload = { authorization: `Bearer ${token}` }
      if (on === socket && on?.readyState === WebSocket.OPEN)
        on.send(JSON.stringify({ type: 'ping', payload }))
    } catch {
      // No token to be had now: the socket ends with the old one, and connecting anew asks again.
    }
  }
  let sentLast: string | null = null

  const client = createClient({
    url: new URL('/graphql', location.href.replace(/^http/, 'ws')).href,
    connectionParams: async () => {
      const params = await connectionParams()
      sentLast = String(params['authorization']).replace('Bearer ', '')
      return params
    },
    webSocketImpl: ImpatientSocket,
    lazy: true,
    keepAlive: pingMs,
    retryAttempts: Number.POSITIVE_INFINITY,
    shouldRetry: () => !disposed,
    retryWait: (attempt) => waitForNetwork(Math.min(250 * 2 ** attempt, longestWaitMs)),
    on: {
      opened: () => {
        opening = setTimeout(() => client.terminate(), openingMs)
      },
      connected: (opened, payload) => {
        clearTimeout(opening)
        socket = opened as WebSocket
        plan(payload as Told | undefined)
        tell(true)
      },
      ping: (received) => {
        // Of a connection that has died without a word nothing tells but this.
        if (!received) silence = setTimeout(() => client.terminate(), pongTimeoutMs)
      },
      pong: (received, payload) => {
        if (received) clearTimeout(silence)
        plan(payload as Told | undefined)
      },
      closed: (event) => {
        for (const timer of [opening, renewal, silence]) clearTimeout(timer)
        // Ended elsewhere, perhaps: then the next refresh is refused, and the way in is shown.
        if ((event as Partial<CloseEvent>).code === 4403 && sentLast !== null) tokens.distrust(sentLast)
        socket = null
        tell(false)
      },
    },
  })
  const cut = () => client.terminate()
  addEventListener('offline', cut)
  return {
    client,
    watch(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    dispose() {
      disposed = true
      removeEventListener('offline', cut)
      // It waits for an attempt to connect, which may fail.
      void Promise.resolve(client.dispose()).catch(() => {})
    },
  }
}

/** Resolves after a while, and sooner when the browser says that the network is back. */
export function waitForNetwork(ms: number): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      removeEventListener('online', done)
      resolve()
    }
    // Not all at once, where a server restarts that many are connected to.
    const timer = setTimeout(done, ms * (0.75 + Math.random() / 2))
    addEventListener('online', done)
  })
}
