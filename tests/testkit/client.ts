import { type Client, createClient } from 'graphql-ws'
import WebSocket from 'ws'
import { type Collected, collect } from './collect.ts'

// biome-ignore lint/suspicious/noExplicitAny: an answer has the shape of whatever was asked.
export type Data = any

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly data: Data
  readonly errors: { message: string; path?: (string | number)[]; extensions: Record<string, unknown> }[]
}

export interface TestClient {
  /** Sends an operation over HTTP, whatever comes back. */
  send(query: string, variables?: object, headers?: Record<string, string>): Promise<Answer>
  /** The data of an operation that must not fail; the failure tells what was sent and what came back. */
  run(query: string, variables?: object): Promise<Data>
  /** The code of the first top-level error, or of the error member of the only root field's union. */
  codeOf(query: string, variables?: object): Promise<string | null>
  /** Starts a subscription over a WebSocket of its own. */
  subscribe(query: string, variables?: object): Collected
  /** A WebSocket client with this client's token; close it with `dispose`. */
  socket(options?: {
    lazy?: boolean
    retryAttempts?: number
    onClosed?: (event: unknown) => void
    webSocketImpl?: unknown
  }): Client
}

export function createTestClient(url: string, token?: string): TestClient {
  const authorization = token === undefined ? undefined : `Bearer ${token}`

  async function send(query: string, variables?: object, headers?: Record<string, string>): Promise<Answer> {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/graphql-response+json',
        ...(authorization && { authorization }),
        ...headers,
      },
      body: JSON.stringify({ query, variables }),
    })
    const body = (await response.json()) as { data?: Data; errors?: Answer['errors'] }
    return { status: response.status, headers: response.headers, data: body.data, errors: body.errors ?? [] }
  }

  function socket(options: Parameters<TestClient['socket']>[0] = {}): Client {
    const { onClosed, ...rest } = options
    return createClient({
      url: `${url.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      retryAttempts: 0,
      // Whoever waits for it hears of a close by `onClosed`.
      onNonLazyError: () => {},
      ...(authorization && { connectionParams: { authorization } }),
      ...(onClosed && { on: { closed: onClosed } }),
      ...rest,
    })
  }

  return {
    send,
    socket,
    async run(query, variables) {
      const answer = await send(query, variables)
      if (answer.errors.length > 0) throw new Error(describe(query, variables, answer))
      return answer.data
    },
    async codeOf(query, variables) {
      const { data, errors } = await send(query, variables)
      if (errors.length > 0) return String(errors[0]?.extensions['code'])
      const [only] = Object.values<Data>(data ?? {})
      return only?.code ?? null
    },
    subscribe: (query, variables) => collect(socket(), query, variables),
  }
}

function describe(query: string, variables: object | undefined, answer: Answer): string {
  return `The operation failed (${answer.status}).
${query}
variables: ${JSON.stringify(variables)}
errors: ${JSON.stringify(answer.errors, null, 2)}`
}
