import type { IncomingMessage, ServerResponse } from 'node:http'
import { BlockList } from 'node:net'
import { networkOf } from '../limits/network.ts'

/** Who may read `/metrics`: whoever asks from a private network and not through a proxy, everybody, or nobody. */
export type MetricsAccess = 'private' | 'on' | 'off'

/** Answers with the metrics; false where they are not for whoever asks. */
export type SendMetrics = (request: IncomingMessage, response: ServerResponse) => Promise<boolean>

const privateNetworks = new BlockList()
for (const [network, prefix] of [
  ['127.0.0.0', 8],
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['169.254.0.0', 16],
  // What carriers, clouds and overlay networks use among themselves.
  ['100.64.0.0', 10],
] as const) {
  privateNetworks.addSubnet(network, prefix, 'ipv4')
}
privateNetworks.addAddress('::1', 'ipv6')
privateNetworks.addSubnet('fc00::', 7, 'ipv6')
privateNetworks.addSubnet('fe80::', 10, 'ipv6')

export function createMetricsSender(options: {
  access: MetricsAccess
  /** In Prometheus' text format. */
  render: () => Promise<string>
}): SendMetrics {
  return async (request, response) => {
    if (options.access === 'off' || (options.access === 'private' && !isPrivate(request))) return false
    const body = await options.render()
    response.writeHead(200, {
      'content-type': 'text/plain; version=0.0.4; charset=utf-8',
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
    })
    response.end(request.method === 'HEAD' ? undefined : body)
    return true
  }
}

const fromProxies = /^(forwarded|via|x-(forwarded-.+|real-ip|client-ip)|cf-connecting-ip|true-client-ip)$/

/** A proxy's own address is private, too: whoever it speaks for is a stranger. */
function isPrivate({ headers, socket }: IncomingMessage): boolean {
  if (Object.keys(headers).some((name) => fromProxies.test(name))) return false
  const [address = ''] = (socket.remoteAddress ?? '').split('%', 1)
  const plain = networkOf(address)
  if (!plain.includes(':')) return plain !== '' && privateNetworks.check(plain, 'ipv4')
  return privateNetworks.check(address, 'ipv6')
}
