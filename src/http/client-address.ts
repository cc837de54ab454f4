import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import type { Logger } from '../core/logger.ts'

/** The address that a request is counted under. */
export type ClientAddresses = (request: IncomingMessage) => string

/**
 * @param trustedProxies how many proxies of ours stand in front. Each adds to `X-Forwarded-For` whom it was
 *   asked by, so that the entry so far from the end is the client's; what is left of it the client made up.
 */
export function createClientAddresses(options: { trustedProxies: number; logger: Logger }): ClientAddresses {
  const { trustedProxies, logger } = options
  let warned = false
  return (request) => {
    const socketAddress = request.socket.remoteAddress ?? ''
    const forwarded = request.headers['x-forwarded-for']
    if (forwarded === undefined) return socketAddress
    if (trustedProxies === 0) {
      if (!warned) logger.warn('X-Forwarded-For is not read: if a proxy of yours sent it, set TRUST_PROXY')
      warned = true
      return socketAddress
    }
    const entry = String(forwarded).split(',').at(-trustedProxies) ?? ''
    return addressIn(entry.trim()) ?? socketAddress
  }
}

/** An address, whose port some proxies tell as well. */
function addressIn(entry: string): string | null {
  const [, bracketed, dotted] = /^(?:\[(.+)\]|([\d.]+))(?::\d+)?$/.exec(entry) ?? []
  const address = bracketed ?? dotted ?? entry
  return isIP(address) === 0 ? null : address
}
