import type { Client } from 'graphql-ws'
import WebSocket from 'ws'
import { createLiveClient, type LiveOptions } from '../../examples/clients/graphql-ws.ts'
import type { Session } from '../../examples/clients/session.ts'

/** As the examples have it; it connects anew without waiting, which is for tests alone. */
export function connectLive(url: string, session: Session, more: Partial<LiveOptions> = {}): Client {
  const options = { retryWait: async () => {}, ...more }
  return createLiveClient({
    url: url.replace('http', 'ws'),
    webSocketImpl: WebSocket,
    session,
    ...options,
  })
}
