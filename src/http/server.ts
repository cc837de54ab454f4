import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { ExecutionResult } from 'graphql'
import type { Logger } from '../core/logger.ts'
import { hasCode } from '../core/system-error.ts'
import type { Authenticator } from '../features/auth/sessions.ts'
import { exportsPath } from '../features/privacy/export-links.ts'
import { negotiate } from './accept.ts'
import { type Answer, sendAnswer } from './answer.ts'
import type { ClientAddresses } from './client-address.ts'
import { trackConnections } from './connections.ts'
import { type HttpContext, sendEvents } from './event-stream.ts'
import type { SendExport } from './exports.ts'
import type { SendMetrics } from './metrics.ts'
import { corsHeaders, createPreflightHeaders, type Origins } from './origins.ts'
import { createPages, type Pages } from './pages.ts'
import { isGraphqlPath } from './paths.ts'
import {
  authenticate,
  authenticationUnavailable,
  checkRequest,
  methodNotAllowed,
  notAcceptable,
  type OnConnected,
  type RequestProblem,
} from './request.ts'
import type { Yoga } from './yoga.ts'

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

interface RouteOptions extends HttpServerOptions {
  readonly state: { readonly draining: boolean }
  readonly pages: Pages
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
  const connections = trackConnections()
  const state = { draining: false }
  const routeOptions: RouteOptions = {
    ...options,
    state,
    pages: createPages({ graphiql, webApp, demo, onlyPersisted }),
    preflightHeaders: createPreflightHeaders(options.corsAllowedHeaders),
  }
  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    connections.answer(request.socket, response)
    if (state.draining) response.setHeader('connection', 'close')
    route(request, response, routeOptions).catch((error: unknown) => {
      const abandoned = request.destroyed && !request.complete && hasCode(error, 'ECONNRESET')
      logger[abandoned ? 'debug' : 'error']({ err: error }, 'a request failed')
      if (abandoned || response.headersSent) response.destroy()
      else void sendAnswer(request, response, text(500, 'Something went wrong on the server.\n'))
    })
  }
  const server = createServer({ connectionsCheckingInterval: 5_000 }, onRequest)
  // Node would ask for every body, and refuse other expectations without reading theirs.
  server.on('checkContinue', onRequest)
  server.on('checkExpectation', onRequest)
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
  options: RouteOptions,
): Promise<void> {
  const send = (answer: Answer) => sendAnswer(request, response, answer)
  response.setHeader('x-content-type-options', 'nosniff')
  if (await options.pages(request, response)) return
  if (isGraphqlPath(request.url)) return graphql(request, response, options)
  if (request.method !== 'GET' && request.method !== 'HEAD') return send(notFound)
  const path = request.url?.split('?', 1)[0]
  if (path?.startsWith(exportsPath)) {
    return sendExport(request, response, options, path.slice(exportsPath.length))
  }
  switch (path) {
    case '/health/live':
      return send(json(200, { status: 'live' }))
    case '/health/ready': {
      const problem = options.state.draining ? 'the server is stopping' : await options.findUnreadiness()
      return send(
        problem === null ? json(200, { status: 'ready' }) : json(503, { status: 'unready', problem }),
      )
    }
    case '/metrics':
      if (!(await options.sendMetrics(request, response))) await send(notFound)
      return
    default:
      return send(notFound)
  }
}

async function sendExport(
  request: IncomingMessage,
  response: ServerResponse,
  options: HttpServerOptions,
  token: string,
): Promise<void> {
  setCorsHeaders(request, response, options)
  const outcome = await options.sendExport(request, response, token)
  if (outcome === 'none') {
    const body = 'This link is over. Ask for a new one: `downloadUrl` of the export.\n'
    await sendAnswer(request, response, text(404, body))
  }
  if (outcome === 'busy') {
    response.setHeader('retry-after', '10')
    const body = 'Too many downloads are under way. Try again in a moment.\n'
    await sendAnswer(request, response, text(429, body))
  }
}

async function graphql(
  request: IncomingMessage,
  response: ServerResponse,
  options: RouteOptions,
): Promise<void> {
  setCorsHeaders(request, response, options)
  if (request.method === 'OPTIONS') {
    response.writeHead(204, options.preflightHeaders).end()
    return
  }
  // An answer is for whoever asked: no cache that others share gives it to them.
  response.setHeader('vary', 'Origin, Authorization, Accept')
  response.setHeader('cache-control', 'private, no-cache')
  const transport = await authenticate(options.authenticator, request.headers.authorization, request, {
    closesWithSession: false,
    resumeAfter: resumptionIn(request),
    clientAddress: options.addressOf(request),
  }).catch((error: unknown) => {
    options.logger.error({ err: error }, 'a request could not be authenticated')
    return null
  })
  if (transport === null) return refuse(request, response, authenticationUnavailable)
  response.setHeader('x-request-id', transport.requestId)
  if (request.method !== 'GET' && request.method !== 'POST')
    return refuse(request, response, methodNotAllowed)
  const accepted = negotiate(request.headers.accept)
  // Before anything runs whose answer nobody could take.
  if (accepted === null) return refuse(request, response, notAcceptable)
  const problem = await checkRequest(request, response)
  if (problem !== null) return refuse(request, response, problem)
  let results: AsyncIterable<ExecutionResult> | null = null
  const takeResults: HttpContext['takeResults'] = (taken) => {
    results = taken
  }
  request.headers.accept = accepted.header
  // Yoga makes a URL of it, of which only the path and the parameters count.
  request.headers.host = 'localhost'
  const answer = await options.yoga.handleNodeRequestAndResponse(request, response, {
    ...transport,
    acceptsEvents: accepted.acceptsEvents,
    takeResults,
  })
  if (results === null) {
    const headers = Object.fromEntries(
      [...answer.headers].map(([name, value]) => [name.toLowerCase(), value]),
    )
    // What Yoga says of a stream of events that has ended already is no coding that there is.
    if (headers['content-encoding'] === 'none') delete headers['content-encoding']
    // Its headers of a stream of events, which this is not: connections and caches are ours to decide about.
    delete headers['connection']
    if (headers['cache-control'] === 'no-cache') delete headers['cache-control']
    const body = await answer.text()
    // A subscription of somebody who takes nothing that its refusal could be.
    if (answer.status === 406 && body === '') return refuse(request, response, notAcceptable)
    return sendAnswer(request, response, { status: answer.status, headers, body })
  }
  // It was on its way when the server was told to stop.
  if (options.state.draining) response.destroy()
  if (transport.principal.kind === 'user' && !response.destroyed) {
    response.once('close', options.onConnected(transport.principal.userId))
  }
  await sendEvents(response, results, options.heartbeatMs)
}

function setCorsHeaders(
  request: IncomingMessage,
  response: ServerResponse,
  options: HttpServerOptions,
): void {
  for (const [name, value] of Object.entries(corsHeaders(options.origins, request))) {
    response.setHeader(name, value)
  }
}

/** In the form of a GraphQL answer, though no operation has run. */
function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  { status, code, message, headers }: RequestProblem,
): Promise<void> {
  const answer = json(status, { errors: [{ message, extensions: { code } }] })
  return sendAnswer(request, response, { ...answer, headers: { ...answer.headers, ...headers } })
}

/** Where a client of server-sent events says it stopped. */
function resumptionIn(request: IncomingMessage): string | null {
  const id = request.headers['last-event-id']
  return typeof id === 'string' && id !== '' ? id : null
}

function text(status: number, body: string): Answer {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body }
}

function json(status: number, value: object): Answer {
  const body = `${JSON.stringify(value)}\n`
  return { status, headers: { 'content-type': 'application/json; charset=utf-8' }, body }
}

const notFound = text(404, 'There is nothing here. The API is at /graphql.\n')

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
