import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Logger } from '../core/logger.ts'
import type { Database } from '../db/client.ts'
import type { Authenticator } from '../features/auth/sessions.ts'
import { findUnreadiness } from './health.ts'
import { corsHeaders, type Origins, preflightHeaders } from './origins.ts'
import { renderGraphiql, renderWelcome } from './pages.ts'
import { authenticate, boundBody } from './request.ts'
import type { Yoga } from './yoga.ts'

export const graphqlPath = '/graphql'

export interface HttpServerOptions {
  readonly yoga: Yoga
  readonly authenticator: Authenticator
  readonly database: Database
  readonly origins: Origins
  readonly graphiql: boolean
  readonly logger: Logger
}

/** Routes: `/`, `/graphql`, `/health/live`, `/health/ready`; everything else is 404. */
export function createHttpServer(options: HttpServerOptions): Server {
  const { logger } = options
  const server = createServer((request, response) => {
    route(request, response, options).catch((error: unknown) => {
      logger.error({ err: error }, 'a request failed')
      if (response.headersSent) response.destroy()
      else send(response, 500, 'text/plain', 'Something went wrong on the server.\n')
    })
  })
  // A client that trickles its request holds a socket, not a worker; still, not for ever.
  server.headersTimeout = 10_000
  server.requestTimeout = 30_000
  return server
}

async function route(
  request: IncomingMessage,
  response: ServerResponse,
  options: HttpServerOptions,
): Promise<void> {
  const path = request.url?.split('?', 1)[0]
  response.setHeader('x-content-type-options', 'nosniff')
  if (path === graphqlPath) return graphql(request, response, options)
  if (request.method !== 'GET' && request.method !== 'HEAD') return notFound(response)
  switch (path) {
    case '/':
      return send(response, 200, 'text/html', renderWelcome({ graphiql: options.graphiql }), pageHeaders)
    case '/health/live':
      return send(response, 200, 'application/json', '{"status":"live"}\n')
    case '/health/ready': {
      const problem = await findUnreadiness(options.database)
      const body = JSON.stringify(problem === null ? { status: 'ready' } : { status: 'unready', problem })
      return send(response, problem === null ? 200 : 503, 'application/json', `${body}\n`)
    }
    default:
      return notFound(response)
  }
}

async function graphql(
  request: IncomingMessage,
  response: ServerResponse,
  options: HttpServerOptions,
): Promise<void> {
  for (const [name, value] of Object.entries(corsHeaders(options.origins, request))) {
    response.setHeader(name, value)
  }
  if (request.method === 'OPTIONS') {
    response.writeHead(204, preflightHeaders).end()
    return
  }
  if (request.method === 'GET' && wantsPage(request)) {
    if (!options.graphiql) return notFound(response)
    return send(response, 200, 'text/html', await renderGraphiql(graphqlPath), pageHeaders)
  }
  const transport = await authenticate(options.authenticator, request.headers.authorization, request)
  response.setHeader('x-request-id', transport.requestId)
  const bound = await boundBody(request)
  if (!bound.ok) {
    response.setHeader('connection', 'close')
    const message = 'The request body is too large: at most 100,000 bytes.'
    const errors = [{ message, extensions: { code: 'REQUEST_TOO_LARGE' } }]
    return send(response, 413, 'application/json', JSON.stringify({ errors }))
  }
  if (bound.body !== null) Object.assign(request, { body: bound.body })
  await options.yoga.handle(request, response, transport)
}

/** A browser that navigates, not a client that asks for data. */
function wantsPage(request: IncomingMessage): boolean {
  const accept = request.headers.accept ?? ''
  return accept.includes('text/html') && !/[?&](query|extensions|documentId|doc_id)=/.test(request.url ?? '')
}

/** Our pages run their own scripts and talk to this server; nothing of them comes from elsewhere. */
const pageHeaders = {
  'content-security-policy':
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; worker-src blob:; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self' ws: wss:; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
}

function send(
  response: ServerResponse,
  status: number,
  type: string,
  body: string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, {
    'content-type': `${type}; charset=utf-8`,
    'content-length': Buffer.byteLength(body),
    ...headers,
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

/** Stops accepting, lets requests in flight finish, and drops what stays open past the grace. */
export function closeServer(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), graceMs)
    server.close(() => {
      clearTimeout(timer)
      resolve()
    })
    server.closeIdleConnections()
  })
}
