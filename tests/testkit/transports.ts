import { createHash } from 'node:crypto'
import { request } from 'node:http'
import type { Data } from './client.ts'
import { enterRaw, type RawSocket } from './raw-socket.ts'

/** What a client may put into a request, right or wrong. */
export type Parameters = Readonly<Record<string, unknown>>

export interface PlainAnswer {
  /** Null where there is none: on a socket. */
  readonly status: number | null
  readonly headers: Headers
  readonly data: Data
  readonly errors: readonly { message: string; extensions: Record<string, unknown> }[]
}

/** Every way to ask. Over a socket it is the same one for all of them. */
export interface Transports {
  post(parameters: Parameters, headers?: Record<string, string>): Promise<PlainAnswer>
  get(parameters: Parameters, headers?: Record<string, string>): Promise<PlainAnswer>
  socket(parameters: Parameters): Promise<PlainAnswer>
  /** The socket itself. */
  raw(): Promise<RawSocket>
  /** The first event of a stream, which is left then. */
  stream(parameters: Parameters, method?: 'GET' | 'POST'): Promise<PlainAnswer>
  dispose(): void
}

export const hashOf = (text: string) => createHash('sha256').update(text).digest('hex')

export const byHash = (sha256Hash: unknown, more: object = {}) => ({
  extensions: { persistedQuery: { version: 1, sha256Hash } },
  ...more,
})

export function openTransports(url: string, token?: string): Transports {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const accept = 'application/graphql-response+json'
  let socket: Promise<RawSocket> | null = null
  let asked = 0
  const raw = () => {
    socket ??= enterRaw(url, token)
    return socket
  }
  return {
    async post(parameters, headers) {
      const response = await fetch(`${url}/graphql`, {
        method: 'POST',
        headers: { accept, 'content-type': 'application/json', ...authorization, ...headers },
        body: JSON.stringify(parameters),
      })
      return answerOf(response.status, response.headers, await response.text())
    },
    async get(parameters, headers) {
      const response = await fetch(`${url}/graphql?${queryOf(parameters)}`, {
        headers: { accept, ...authorization, ...headers },
      })
      return answerOf(response.status, response.headers, await response.text())
    },
    raw,
    async socket(payload) {
      const opened = await raw()
      const id = `asked ${++asked}`
      const heard = new Promise<string>((resolve, reject) => {
        const hear = (data: unknown) => {
          const message = JSON.parse(String(data))
          if (message.id !== id || message.type === 'complete') return
          opened.socket.off('message', hear)
          resolve(JSON.stringify(message.type === 'error' ? { errors: message.payload } : message.payload))
        }
        opened.socket.on('message', hear)
        void opened.closed.then(({ code }) => reject(new Error(`The socket was closed with ${code}.`)))
      })
      opened.send({ type: 'subscribe', id, payload })
      return answerOf(null, new Headers(), await heard)
    },
    stream(parameters, method = 'POST') {
      return new Promise((resolve, reject) => {
        const isGet = method === 'GET'
        const headers = {
          accept: 'text/event-stream',
          ...(isGet ? {} : { 'content-type': 'application/json' }),
          ...authorization,
        }
        const query = isGet ? `?${queryOf(parameters)}` : ''
        const outgoing = request(`${url}/graphql${query}`, { method, headers })
        outgoing.on('error', reject)
        outgoing.on('response', (response) => {
          let text = ''
          response.setEncoding('utf8').on('data', (more: string) => {
            text += more
            const event = /event: next\ndata: (.*)\n\n/.exec(text)?.[1]
            if (event === undefined) return
            resolve(answerOf(response.statusCode ?? null, new Headers(), event))
            outgoing.off('error', reject).on('error', () => {})
            outgoing.destroy()
          })
          response.on('end', () => reject(new Error(`No event came: ${response.statusCode} ${text}`)))
          response.on('error', () => {})
        })
        outgoing.end(isGet ? undefined : JSON.stringify(parameters))
      })
    },
    dispose() {
      void socket?.then((raw) => raw.socket.terminate())
    },
  }
}

function queryOf(parameters: Parameters): URLSearchParams {
  return new URLSearchParams(
    Object.entries(parameters).map(([name, value]) => [
      name,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]),
  )
}

function answerOf(status: number | null, headers: Headers, text: string): PlainAnswer {
  const { data, errors = [] } = JSON.parse(text)
  return { status, headers, data, errors }
}
