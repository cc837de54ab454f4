import { once } from 'node:events'
import WebSocket from 'ws'

export interface RawMessage {
  readonly type: string
  readonly id?: string
  // biome-ignore lint/suspicious/noExplicitAny: a payload has the shape of whatever was asked.
  readonly payload?: any
}

/** A socket without a client library, to say what a library never would. */
export interface RawSocket {
  readonly socket: WebSocket
  /** Everything that came, but for the server's pings. */
  readonly heard: readonly RawMessage[]
  send(message: object | string): void
  /** The next message. */
  next(): Promise<RawMessage>
  readonly closed: Promise<{ code: number; reason: string }>
}

export async function openRaw(
  url: string,
  {
    protocol = 'graphql-transport-ws',
    ...options
  }: Omit<WebSocket.ClientOptions, 'protocol'> & { protocol?: string | null } = {},
): Promise<RawSocket> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, protocol ?? [], options)
  const heard: RawMessage[] = []
  const inbox: RawMessage[] = []
  const waiting: ((message: RawMessage) => void)[] = []
  socket.on('message', (data) => {
    const message: RawMessage = JSON.parse(String(data))
    heard.push(message)
    const waiter = waiting.shift()
    if (waiter) waiter(message)
    else inbox.push(message)
  })
  socket.on('error', () => {})
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on('close', (code, reason) => resolve({ code, reason: String(reason) }))
  })
  await once(socket, 'open')
  return {
    socket,
    heard,
    closed,
    send: (message) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    next: () => {
      const message = inbox.shift()
      return message ? Promise.resolve(message) : new Promise((resolve) => waiting.push(resolve))
    },
  }
}

/** One that has said who it is, and was let in. */
export async function enterRaw(
  url: string,
  token?: string,
  options: Omit<WebSocket.ClientOptions, 'protocol'> = {},
): Promise<RawSocket> {
  const raw = await openRaw(url, options)
  raw.send(greet(token))
  const ack = await Promise.race([raw.next(), raw.closed])
  if (!('type' in ack) || ack.type !== 'connection_ack') throw new Error(`Not let in: ${JSON.stringify(ack)}`)
  return raw
}

export const greet = (token?: string) => ({
  type: 'connection_init',
  ...(token !== undefined && { payload: { authorization: `Bearer ${token}` } }),
})

export const subscribe = (id: string, query: string, variables?: object) => ({
  type: 'subscribe',
  id,
  payload: { query, variables },
})

/** Resolves once everything that was said before has been heard, and everything said in answer has come. */
export async function settled(raw: RawSocket): Promise<void> {
  const mark = `mark ${Math.random()}`
  const back = new Promise<void>((resolve) => {
    raw.socket.on('message', (data) => {
      const { type, payload } = JSON.parse(String(data))
      if (type === 'pong' && payload?.mark === mark) resolve()
    })
  })
  raw.send({ type: 'ping', payload: { mark } })
  await back
}
