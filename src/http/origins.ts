import type { IncomingMessage } from 'node:http'

/** Which pages of other origins may talk to this server from a browser. */
export interface Origins {
  /** Whether a request with this `Origin` header may be answered; a request without one may. */
  allows(origin: string | undefined, host: string | undefined): boolean
}

const loopback = /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/

/** @param configured the list of origins; null, in development, for any page on this machine */
export function createOrigins(configured: readonly string[] | null): Origins {
  const listed = new Set(configured)
  return {
    allows(origin, host) {
      if (origin === undefined) return true
      // The server's own pages, under whatever name it was reached.
      if (host !== undefined && (origin === `http://${host}` || origin === `https://${host}`)) return true
      return configured === null ? loopback.test(origin) : listed.has(origin)
    },
  }
}

/** Headers of answers that pages may read besides the few that browsers let through. */
const exposedHeaders = ['x-request-id', 'retry-after', 'allow', 'content-disposition'].join(', ')

/** The headers of an answer to another origin's page, or none. Nothing of ours travels in cookies. */
export function corsHeaders(origins: Origins, request: IncomingMessage): Record<string, string> {
  const { origin, host } = request.headers
  if (origin === undefined || !origins.allows(origin, host)) return { vary: 'Origin' }
  return {
    'access-control-allow-origin': origin,
    'access-control-expose-headers': exposedHeaders,
    vary: 'Origin',
  }
}

/** What Parley reads, and what clients and their tracing add without being asked. */
const allowedHeaders = [
  'authorization',
  'content-type',
  'accept',
  'last-event-id',
  'x-request-id',
  'apollo-require-preflight',
  'apollographql-client-name',
  'apollographql-client-version',
  'traceparent',
  'tracestate',
  'baggage',
]

/**
 * The answer to what a browser asks before it sends JSON from another origin.
 * @param configured names of request headers that pages may send besides
 */
export function createPreflightHeaders(configured: readonly string[]): Record<string, string> {
  return {
    'access-control-allow-methods': 'GET, POST, OPTIONS',
    'access-control-allow-headers': [...new Set([...allowedHeaders, ...configured])].join(', '),
    'access-control-max-age': '7200',
  }
}
