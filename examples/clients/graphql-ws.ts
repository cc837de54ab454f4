import { type Client, type ClientOptions, createClient, type SubscribePayload } from 'graphql-ws'
import { type Session, SessionEnded } from './session.ts'

/** What the server says of the token that a socket lasts as long as. */
interface Told {
  readonly authorization?: { readonly expiresAt?: string; readonly code?: string }
}

export interface LiveOptions extends ClientOptions {
  readonly session: Pick<Session, 'lastingToken' | 'lastsMs' | 'distrust'>
  /** Where there is no global one, as in Node before 22: that of `ws`. */
  readonly webSocketImpl?: unknown
  /** For how long an answer is waited for: a connection that has gone silent does not say so. @default 10000 */
  readonly timeoutMs?: number
}

/** Gives up where nobody answers that it wants to open. Of an open one the client itself takes care. */
function impatient(Socket: typeof WebSocket, timeoutMs: number): typeof WebSocket {
  return class extends Socket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols)
      const timer = setTimeout(() => this.close(), timeoutMs)
      for (const end of ['open', 'close']) this.addEventListener(end, () => clearTimeout(timer))
    }
  }
}

/**
 * The standard client, whose socket outlives its access token: before the token ends a new one goes to the server in a
 * `ping`. Where that comes too late the socket is closed with 4403, and the client connects anew by itself, with another
 * token. One that has gone silent is given up within 20 s, one that does not open within 10 s. A session that has ended
 * has no token: then subscriptions end with the error `SessionEnded`.
 */
export function createLiveClient({ session, timeoutMs = 10_000, ...options }: LiveOptions): Client {
  let token = ''
  async function authorization() {
    token = await session.lastingToken()
    return { authorization: `Bearer ${token}` }
  }
  let socket: WebSocket | null = null
  let timer: ReturnType<typeof setTimeout> | undefined
  let silence: ReturnType<typeof setTimeout> | undefined

  function expectAnswer(): void {
    clearTimeout(silence)
    silence = setTimeout(() => client.terminate(), timeoutMs)
  }

  /**
   * When four fifths of the time are over, not by `expiresAt`, which is a time of the server's clock; where the server
   * could not look, a second later.
   */
  function plan(payload: Told | undefined): void {
    const { expiresAt, code } = payload?.authorization ?? {}
    if (expiresAt === undefined && code === undefined) return
    clearTimeout(timer)
    const ms = expiresAt === undefined ? 1_000 : session.lastsMs(token) * 0.8
    timer = setTimeout(renew, Math.max(ms, 500), socket)
  }

  async function renew(on: WebSocket | null): Promise<void> {
    try {
      const payload = await authorization()
      if (on === socket && on?.readyState === 1) on.send(JSON.stringify({ type: 'ping', payload }))
    } catch {
      // No token to be had now: the socket ends with the old one, and connecting anew asks again.
    }
  }

  const client = createClient({
    retryAttempts: Number.POSITIVE_INFINITY,
    // By itself it waits twice as long each time, without end: as long again as the server was away.
    retryWait: (count) =>
      new Promise((resolve) =>
        setTimeout(resolve, Math.min(2 ** count * 250, 5_000) * (0.5 + Math.random() / 2)),
      ),
    // Whatever else fails may be mended by the time of another attempt.
    shouldRetry: (problem) => !(problem instanceof SessionEnded),
    keepAlive: 10_000,
    ...options,
    webSocketImpl: impatient((options.webSocketImpl as typeof WebSocket | undefined) ?? WebSocket, timeoutMs),
    connectionParams: authorization,
  })
  client.on('opened', expectAnswer)
  client.on('connected', (opened, payload) => {
    clearTimeout(silence)
    socket = opened as WebSocket
    plan(payload as Told)
  })
  client.on('ping', (received) => {
    if (!received) expectAnswer()
  })
  client.on('pong', (received, payload) => {
    if (!received) return
    clearTimeout(silence)
    plan(payload as Told)
  })
  client.on('closed', (event) => {
    clearTimeout(timer)
    clearTimeout(silence)
    if (Object(event).code === 4403) session.distrust(token)
    socket = null
  })
  return client
}

/** `query`, or in its place whatever names a persisted one: `documentId`, `doc_id` or `extensions`. */
interface Request extends Omit<SubscribePayload, 'query'> {
  readonly query?: string | undefined
  readonly documentId?: string
  readonly doc_id?: string
}

/**
 * The request, for a client that repeats it by itself when its connection comes back: it goes on behind the last event
 * that was seen. The client reads the variables anew for each connection, and a getter hands it the newest cursor
 * instead of the first one. An event of the log has a `cursor`: select it, and declare `$after: String`. `typing` and
 * `presence` have none, and begin anew.
 */
function resuming(request: Request): { request: SubscribePayload; saw(data: unknown): void } {
  let after = request.variables?.['after']
  const variables = Object.defineProperty({ ...request.variables }, 'after', {
    enumerable: true,
    get: () => after,
  })
  return {
    // The client insists on a text, be it empty.
    request: { ...request, query: request.query ?? '', variables },
    saw(data) {
      for (const event of Object.values(Object(data))) after = Object(event).cursor ?? after
    },
  }
}

/** Of Apollo, urql or Relay: whom a subscription tells. */
interface Sink {
  next(result: never): void
  error(problem: Error): void
  complete(): void
}

/** `client.subscribe`, resuming; a refusal is an `AggregateError` of what the server says. @returns what ends it */
export function subscribe(client: Client, asked: Request, sink: Sink): () => void {
  const { request, saw } = resuming(asked)
  return client.subscribe<Record<string, unknown>>(request, {
    next(result) {
      sink.next(result as never)
      saw(result.data)
    },
    error: (problem) => sink.error(errorOf(problem)),
    complete: () => sink.complete(),
  })
}

/** Follows `events`, over reconnects, each event once. @throws `AggregateError` where it was refused; `SessionEnded` */
export async function* followEvents<Event>(client: Client, asked: Request): AsyncGenerator<Event> {
  const { request, saw } = resuming(asked)
  try {
    for await (const { data, errors } of client.iterate<{ events: Event }>(request)) {
      if (errors) throw errors
      if (!data) continue
      // Applied first, then taken note of: whoever stops in between gets it again.
      yield data.events
      saw(data)
    }
  } catch (problem) {
    throw errorOf(problem)
  }
}

/** The client fails with errors of GraphQL, with what closed its socket, or with an error as such. */
function errorOf(problem: unknown): Error {
  if (problem instanceof Error) return problem
  if (Array.isArray(problem)) return new AggregateError(problem, problem[0]?.message)
  return new Error(`The connection was closed: ${Object(problem).code} ${Object(problem).reason}`)
}
