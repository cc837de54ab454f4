import { type IncomingMessage, request } from 'node:http'
import { vi } from 'vitest'

export interface StreamEvent {
  readonly id: string | null
  readonly event: string
  // biome-ignore lint/suspicious/noExplicitAny: an answer has the shape of whatever was asked.
  readonly data: any
}

/** A stream of server-sent events. */
export interface EventStream {
  readonly response: IncomingMessage
  readonly events: readonly StreamEvent[]
  /** How many comments came: signs of life. */
  readonly comments: number
  /** Resolves with everything up to the event that fits. */
  until(fits: (event: StreamEvent) => boolean): Promise<readonly StreamEvent[]>
  /** Whether it was completed, or cut: once it has ended. */
  readonly ended: Promise<'completed' | 'cut'>
  /** Goes away without a word. */
  leave(): void
}

export interface StreamRequest {
  readonly token?: string
  readonly query: string
  readonly variables?: object
  readonly method?: 'GET' | 'POST'
  readonly headers?: Record<string, string>
}

/** @param url of a server, or of its API by another path than `/graphql` */
export async function openStream(url: string, options: StreamRequest): Promise<EventStream> {
  const { token, query, variables = {}, method = 'POST' } = options
  const parameters = new URLSearchParams({ query, variables: JSON.stringify(variables) })
  const endpoint = new URL(url).pathname === '/' ? `${url}/graphql` : url
  const outgoing = request(`${endpoint}${method === 'GET' ? `?${parameters}` : ''}`, {
    method,
    headers: {
      accept: 'text/event-stream',
      ...(method === 'POST' && { 'content-type': 'application/json' }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...options.headers,
    },
  })
  outgoing.on('error', () => {})
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve)
    outgoing.once('error', reject)
    outgoing.end(method === 'POST' ? JSON.stringify({ query, variables }) : undefined)
  })
  const events: StreamEvent[] = []
  let comments = 0
  let pending = ''
  let completed = false
  response.setEncoding('utf8')
  response.on('data', (text: string) => {
    pending += text
    for (let end = pending.indexOf('\n\n'); end !== -1; end = pending.indexOf('\n\n')) {
      const block = pending.slice(0, end)
      pending = pending.slice(end + 2)
      if (block.startsWith(':')) comments++
      else events.push(parse(block))
    }
    completed = events.at(-1)?.event === 'complete'
  })
  const ended = new Promise<'completed' | 'cut'>((resolve) => {
    response.on('error', () => {})
    response.on('close', () => resolve(completed ? 'completed' : 'cut'))
  })
  return {
    response,
    events,
    get comments() {
      return comments
    },
    until: (fits) =>
      vi.waitFor(
        () => {
          const index = events.findIndex(fits)
          if (index === -1) throw new Error(`It did not come: ${JSON.stringify(events).slice(0, 2_000)}`)
          return events.slice(0, index + 1)
        },
        { timeout: 10_000, interval: 5 },
      ),
    ended,
    leave: () => outgoing.destroy(),
  }
}

function parse(block: string): StreamEvent {
  const fields = new Map(
    block.split('\n').map((line) => {
      const [name = '', ...value] = line.split(':')
      return [name, value.join(':').replace(/^ /, '')] as const
    }),
  )
  const data = fields.get('data') ?? ''
  return {
    id: fields.get('id') ?? null,
    event: fields.get('event') ?? 'message',
    data: data === '' ? null : JSON.parse(data),
  }
}
