import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { ExecutionResult } from 'graphql'
import type { Logger } from '../core/logger.ts'
import type { Authenticator } from '../features/auth/sessions.ts'
import { exportsPath } from '../features/privacy/export-links.ts'
import { negotiate } from './accept.ts'
import type { ClientAddresses } from './client-address.ts'
import { trackConnections } from './connections.ts'
import { type HttpContext, sendEvents } from './event-stream.ts'
import type { SendExport } from './exports.ts'
import type { SendMetrics } from './metrics.ts'
import { corsHeaders, createPreflightHeaders, type Origins } from './origins.ts'
import { createPages, type Pages } from './pages.ts'
import { authenticate, checkRequest, type OnConnected } from './request.ts'
import type { Yoga } from './yoga.ts'

export const graphqlPath = '/graphql'

/** How often to look for connections that are needed no more, while the server drains, in milliseconds. */
const cutMs = 50

export interface HttpServerOptions {
  readonly yoga: Yoga
  readonly authenticator: Authenticator
  readonly addressOf: ClientAddresses
  /** Null when all is well, or what is missing. */
  readonly findUnreadiness: () => Promise<string | null>
  readonly sendExport: SendExport
  readonly sendMetrics: SendMetrics
  readonly onConnected: OnConnected
  readonly origins: Origins
  /** Request headers that pages of other origins may send besides those that clients need. */
  readonly corsAllowedHeaders: readonly string[]
  readonly graphiql: boolean
  /** Whether the web app is served. */
  readonly webApp: boolean
  /** Whether the demo accounts exist. */
  readonly demo: boolean
  /** Whether texts of documents are refused. */
  readonly onlyPersisted: boolean
  readonly logger: Logger
  /** Between comments in a stream of events, in milliseconds. */
  readonly heartbeatMs: number
}

interface DrainState {
  readonly state: { readonly draining: boolean }
  readonly preflightHeaders: Record<string, string>
}

/** The HTTP side: what sockets are upgraded on, and how to stop it. */
export interface HttpServer {
  readonly server: Server
  /** Streams of server-sent events that are open. */
  readonly streams: number
  /**
   * Stops accepting and lets requests in flight finish; what is still open after the grace is cut. Connections that
   * have no request in flight are cut at once, and so are streams of events, which are not completed: their clients
   * are to come back, elsewhere or later.
   */
  close(graceMs: number): Promise<void>
}

/** Routes: `/`, `/app`, `/graphql`, `/exports/<token>`, `/health/live`, `/health/ready`, `/metrics`; everything else is 404. */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { logger, graphiql, webApp, demo, onlyPersisted } = options
  const pages = createPages({ endpoint: graphqlPath, graphiql, webApp, demo, onlyPersisted })
  const connections = trackConnections()
  const state = { draining: false }
  const preflightHeaders = createPreflightHeaders(options.corsAllowedHeaders)
  const server = createServer({ connectionsCheckingInterval: 5_000 }, (request, response) => {
    connections.answer(request.socket, response)
    if (state.draining) response.setHeader('connection', 'close')
    route(request, response, { ...options, state, preflightHeaders }, pages).catch((error: unknown) => {
      logger.error({ err: error }, 'a request failed')
      if (response.headersSent) response.destroy()
      else send(response, 500, 'text/plain', 'Something went wrong on the server.\n')
    })
  })
  server.on('connection', connections.open)
  server.on('upgrade', (_request, socket: Socket) => {
    if (state.draining) socket.destroy()
    else connections.forget(socket)
  })
  // The bytes of headers are bounded (16 kB); one that is dropped for their number might be the one that tells the length.
  server.maxHeadersCount = 0
  // A client that trickles its request holds a socket, not a worker; still, not for ever.
  server.headersTimeout = 10_000
  server.requestTimeout = 30_000
  return {
    server,
    get streams() {
      return connections.streams
    },
    close: (graceMs) =>
      new Promise((resolve) => {
        state.draining = true
        const cutting = setInterval(connections.cutUnneeded, cutMs)
        const timer = setTimeout(() => connections.cutAll(), graceMs)
        // Where it never listened the callback gets an error, which is as good.
        server.close(() => {
          clearInterval(cutting)
          clearTimeout(timer)
          resolve()
        })
        connections.closeAfterAnswers()
      }),
  }
}

async function route(
  request: IncomingMessage,
  response: ServerResponse,
  options: HttpServerOptions & DrainState,
  pages: Pages,
): Promise<void> {
  const path = request.url?.split('?', 1)[0]
  response.setHeader('x-content-type-options', 'nosniff')
  if (await pages(request, response)) return
  if (path === graphqlPath) return graphql(request, response, options)
  if (request.method !== 'GET' && request.method !== 'HEAD') return notFound(response)
  if (path?.startsWith(exportsPath)) {
    return sendExport(request, response, options, path.slice(exportsPath.length))
  }
  switch (path) {
    case '/health/live':
      return send(response, 200, 'application/json', '{"status":"live"}\n')
    case '/health/ready': {
      const problem = options.state.draining ? 'the server is stopping' : await options.findUnreadiness()
      const body = JSON.stringify(problem === null ? { status: 'ready' } : { status: 'unready', problem })
      return send(response, problem === null ? 200 : 503, 'application/json', `${body}\n`)
    }
    case '/metrics':
      if (!(await options.sendMetrics(request, response))) notFound(response)
      return
    default:
      return notFound(response)
  }
}

async function sendExport(
  request: IncomingMessage,
  response: ServerResponse,
  options: HttpServerOptions,
  token: string,
): Promise<void> {
  for (const [name, value] of Object.entries(corsHeaders(options.origins, request))) {
    response.setHeader(name, value)
  }
  const outcome = await options.sendExport(request, response, token)
  if (outcome === 'none') {
    send(response, 404, 'text/plain', 'This link is over. Ask for a new one: `downloadUrl` of the export.\n')
  }
  if (outcome === 'busy') {
    response.setHeader('retry-after', '10')
    send(response, 429, 'text/plain', 'Too many downloads are under way. Try again in a moment.\n')
  }
}

async function graphql(
  request: IncomingMessage,
  response: ServerResponse,
  options: HttpServerOptions & DrainState,
): Promise<void> {
  for (const [name, value] of Object.entries(corsHeaders(options.origins, request))) {
    response.setHeader(name, value)
  }
  if (request.method === 'OPTIONS') {
    response.writeHead(204, options.preflightHeaders).end()
    return
  }
  // An answer is for whoever asked: no cache that others share gives it to them.
  response.setHeader('vary', 'Origin, Authorization')
  response.setHeader('cache-control', 'private, no-cache')
  const transport = await authenticate(options.authenticator, request.headers.authorization, request, {
    closesWithSession: false,
    resumeAfter: resumptionIn(request),
    clientAddress: options.addressOf(request),
  }).catch((error: unknown) => {
    options.logger.error({ err: error }, 'a request could not be authenticated')
    return null
  })
  if (transport === null) {
    response.setHeader('retry-after', '1')
    const message = 'The server cannot tell who is asking right now. Try again.'
    const errors = [{ message, extensions: { code: 'SERVICE_UNAVAILABLE' } }]
    return send(response, 503, 'application/json', JSON.stringify({ errors }))
  }
  response.setHeader('x-request-id', transport.requestId)
  const problem = await checkRequest(request)
  if (problem !== null) {
    // What is left of the body is not read.
    response.setHeader('connection', 'close')
    const errors = [{ message: problem.message, extensions: { code: problem.code } }]
    return send(response, problem.status, 'application/json', JSON.stringify({ errors }))
  }
  let results: AsyncIterable<ExecutionResult> | null = null
  const takeResults: HttpContext['takeResults'] = (taken) => {
    results = taken
  }
  const accepted = negotiate(request.headers.accept)
  // Before anything runs whose answer nobody could take.
  if (accepted === null) return notAcceptable(response)
  request.headers.accept = accepted.header
  const answer = await options.yoga.handleNodeRequestAndResponse(request, response, {
    ...transport,
    acceptsEvents: accepted.acceptsEvents,
    takeResults,
  })
  if (results === null) {
    const headers = Object.fromEntries(answer.headers)
    // What Yoga says of a stream of events that has ended already is no coding that there is.
    if (headers['content-encoding'] === 'none') delete headers['content-encoding']
    const body = await answer.text()
    // A subscription of somebody who takes nothing that its refusal could be.
    if (answer.status === 406 && body === '') return notAcceptable(response)
    response.writeHead(answer.status, headers).end(body)
    return
  }
  // It was on its way when the server was told to stop.
  if (options.state.draining) response.destroy()
  if (transport.principal.kind === 'user' && !response.destroyed) {
    response.once('close', options.onConnected(transport.principal.userId))
  }
  await sendEvents(response, results, options.heartbeatMs)
}

function notAcceptable(response: ServerResponse): void {
  const message =
    'Answers are application/graphql-response+json or application/json, and text/event-stream for a subscription: accept one of them.'
  const errors = [{ message, extensions: { code: 'NOT_ACCEPTABLE' } }]
  send(response, 406, 'application/json', JSON.stringify({ errors }))
}

/** Where a client of server-sent events says it stopped. */
function resumptionIn(request: IncomingMessage): string | null {
  const id = request.headers['last-event-id']
  return typeof id === 'string' && id !== '' ? id : null
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, {
    'content-type': `${type}; charset=utf-8`,
    'content-length': Buffer.byteLength(body),
  })
  response.end(body)
}

function notFound(response: ServerResponse): void {
  send(response, 404, 'text/plain', 'There is nothing here. The API is at /graphql.\n')
}

/** Resolves with the port once the server accepts connections. */
export function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve((server.address() as AddressInfo).port)
    })
  })
}
