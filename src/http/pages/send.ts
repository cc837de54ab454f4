import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import { brotliCompress, gzip, constants as zlib } from 'node:zlib'
import type { Asset } from './graphiql.ts'

export interface SendOptions {
  /** For a page: its content security policy. */
  readonly policy?: string
  /** Whether its path changes with its content. A page is asked for again each time, and mostly not sent. */
  readonly immutable?: boolean
}

type Send = (
  request: IncomingMessage,
  response: ServerResponse,
  asset: Asset,
  options: SendOptions,
) => Promise<void>

type Encoding = 'br' | 'gzip'

/** Level 5 is within a few percent of the best and takes a fifth of a second for five megabytes. */
const compress: Record<Encoding, (body: Buffer) => Promise<Buffer>> = {
  br: (body) => promisify(brotliCompress)(body, { params: { [zlib.BROTLI_PARAM_QUALITY]: 5 } }),
  gzip: promisify(gzip) as (body: Buffer) => Promise<Buffer>,
}

/** Sends files compressed. Each is compressed once for each encoding that somebody asks for. */
export function createSender(): Send {
  const known = new WeakMap<Asset, Prepared>()

  function prepare(asset: Asset): Prepared {
    const prepared = known.get(asset) ?? { etag: tagOf(asset.body), bodies: new Map() }
    known.set(asset, prepared)
    return prepared
  }

  function encode(asset: Asset, encoding: Encoding): Promise<Buffer> {
    const { bodies } = prepare(asset)
    const body = bodies.get(encoding) ?? compress[encoding](asset.body)
    bodies.set(encoding, body)
    return body
  }

  return async (request, response, asset, { policy, immutable = false }) => {
    const { etag } = prepare(asset)
    response.setHeader('etag', etag)
    response.setHeader('cache-control', immutable ? 'public, max-age=31536000, immutable' : 'no-cache')
    response.setHeader('vary', 'accept, accept-encoding')
    response.setHeader('x-content-type-options', 'nosniff')
    if (policy !== undefined) {
      response.setHeader('content-security-policy', policy)
      response.setHeader('referrer-policy', 'no-referrer')
    }
    if (request.headers['if-none-match']?.includes(etag)) {
      response.writeHead(304).end()
      return
    }
    const encoding = chooseEncoding(request)
    const body = encoding === null ? asset.body : await encode(asset, encoding)
    if (encoding !== null) response.setHeader('content-encoding', encoding)
    response.setHeader('content-type', `${asset.type}; charset=utf-8`)
    response.setHeader('content-length', body.byteLength)
    response.writeHead(200).end(request.method === 'HEAD' ? undefined : body)
  }
}

interface Prepared {
  readonly etag: string
  readonly bodies: Map<Encoding, Promise<Buffer>>
}

function tagOf(body: Buffer): string {
  return `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
}

function chooseEncoding(request: IncomingMessage): Encoding | null {
  return (['br', 'gzip'] as const).find((encoding) => accepts(request, encoding)) ?? null
}

/** Whether the client says that it reads this encoding. */
export function accepts(request: IncomingMessage, encoding: Encoding): boolean {
  return String(request.headers['accept-encoding'] ?? '')
    .split(',')
    .filter((item) => !/;\s*q=0(\.0*)?\s*$/.test(item))
    .some((item) => item.split(';', 1)[0]?.trim() === encoding)
}
