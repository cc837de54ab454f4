import type { Client, ClientOptions } from 'graphql-ws'
import WebSocket from 'ws'
import { createLiveClient } from '../../examples/clients/graphql-ws.ts'
import type { Session } from '../../examples/clients/session.ts'

/** As the examples have it; it connects anew without waiting. */
export const connectLive = (url: string, session: Session, options: Partial<ClientOptions> = {}): Client =>
  createLiveClient({
    url: url.replace('http', 'ws'),
    webSocketImpl: WebSocket,
    accessToken: session.lastingToken,
    retryWait: async () => {},
    ...options,
  })
