import type { IncomingMessage, ServerResponse } from 'node:http'

/** An answer that is at hand whole. */
export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: string
}

/** How much of an unread body is read, and how long its connection stays open. */
export const unreadBodyLimits = { bytes: 1_048_576, ms: 2_000 } as const

const lingering = new WeakSet<ServerResponse>()

/** Whether the client has its answer, and the connection is only open for the rest of its request. */
export function isLingering(response: ServerResponse): boolean {
  return lingering.has(response)
}

/**
 * Answers a request, its body read or not. Closing a socket that still receives data resets it, and the reset can
 * reach the client before it has read the answer. So an answer to an unread body goes out at once, and the connection
 * is closed when the rest of the body has come, within `unreadBodyLimits` (RFC 9112, section 9.6). Clients that wait
 * for `100 Continue` get the answer instead of the invitation.
 */
export async function sendAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  { status, headers, body }: Answer,
): Promise<void> {
  const unread = hasUnreadBody(request)
  if (unread) response.setHeader('connection', 'close')
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) })
  if (!unread) {
    response.end(body)
    return
  }
  response.flushHeaders()
  response.write(body)
  lingering.add(response)
  await discardBody(request)
  response.end()
}

function hasUnreadBody({ complete, destroyed, headers }: IncomingMessage): boolean {
  if (complete || destroyed) return false
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

/**
 * Reads and drops a body. Of one that is too long, the rest is left to the buffers of the kernel, so that a client that
 * writes everything before reading can still finish.
 * @returns when the body has ended, its client has gone, or the time is up
 */
function discardBody(request: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    let bytes = 0
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > unreadBodyLimits.bytes) request.pause()
    })
    const stop = () => {
      clearTimeout(timer)
      request.pause()
      resolve()
    }
    const timer = setTimeout(stop, unreadBodyLimits.ms)
    for (const event of ['end', 'close', 'error']) request.once(event, stop)
  })
}
