import { type Client, type ClientOptions, createClient } from 'graphql-ws'

/** What the server says of the token that a socket lasts as long as. */
interface Told {
  readonly authorization?: { readonly expiresAt?: string; readonly code?: string }
}

/**
 * The standard client, whose socket outlives its access token: before the token ends a new one goes to the server in a
 * `ping`. Where that comes too late the socket is closed with 4403, and the client connects anew by itself.
 *
 * @param options.accessToken gives a token that is still good for a while, and refreshes over HTTP where the one at hand
 *   is not; several calls at a time must share one refresh
 */
export function createRenewingClient({
  accessToken,
  ...options
}: ClientOptions & { accessToken: () => Promise<string> }): Client {
  const authorization = async () => ({ authorization: `Bearer ${await accessToken()}` })
  let socket: WebSocket | null = null
  let timer: ReturnType<typeof setTimeout> | undefined

  /** When four fifths of the time are over; where the server could not look, a second later. */
  function plan(payload: Told | undefined): void {
    const { expiresAt, code } = payload?.authorization ?? {}
    if (expiresAt === undefined && code === undefined) return
    clearTimeout(timer)
    const ms = expiresAt === undefined ? 1_000 : (Date.parse(expiresAt) - Date.now()) * 0.8
    timer = setTimeout(renew, Math.max(ms, 0), socket)
  }

  async function renew(on: WebSocket | null): Promise<void> {
    try {
      const payload = await authorization()
      if (on === socket && on?.readyState === 1) on.send(JSON.stringify({ type: 'ping', payload }))
    } catch {
      // No token to be had now: the socket ends with the old one, and connecting anew asks again.
    }
  }

  const client = createClient({ ...options, connectionParams: authorization })
  client.on('connected', (opened, payload) => {
    socket = opened as WebSocket
    plan(payload as Told)
  })
  client.on('pong', (_received, payload) => plan(payload as Told))
  client.on('closed', () => {
    clearTimeout(timer)
    socket = null
  })
  return client
}
