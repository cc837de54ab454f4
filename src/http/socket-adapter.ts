import type { IncomingMessage } from 'node:http'
import type { Server } from 'graphql-ws'
import type { WebSocket } from 'ws'
import type { Logger } from '../core/logger.ts'

/** What the protocol's core hands to our callbacks besides its own context. */
export interface SocketExtra extends Record<PropertyKey, unknown> {
  readonly socket: WebSocket
  readonly request: IncomingMessage
}

/** The standard client comes back after it; an internal error of the protocol's own it takes for final. */
export const tryAgainLater = 1013

/**
 * Bytes that may wait for a client. Answers wait for one another, so that a slow client holds a frame for
 * each of its operations; what goes beyond is a client that asks and does not read.
 */
const maxBufferedBytes = 4_000_000

/**
 * Connects one socket to graphql-ws's core, as the package's own adapter for `ws` does, but for two things:
 * whatever a client can provoke goes to the log's debug level instead of the standard error, and a failure
 * of ours lets the client come back.
 */
export function adaptSocket(options: {
  core: Server<SocketExtra>
  socket: WebSocket
  request: IncomingMessage
  logger: Logger
  /** Between pings, in milliseconds; a socket that has not answered by the next one is cut. */
  pingMs: number
}): void {
  const { core, socket, request, logger, pingMs } = options
  // A frame too large or malformed has its close code from the WebSocket layer already.
  socket.on('error', (error) => logger.debug({ err: error }, 'a socket failed'))

  let answered = true
  const pinging = setInterval(() => {
    if (!answered) return socket.terminate()
    answered = false
    socket.ping()
  }, pingMs)
  socket.on('pong', () => {
    answered = true
  })

  const closed = core.opened(
    {
      protocol: socket.protocol,
      send: (data) =>
        new Promise((resolve, reject) => {
          if (socket.readyState !== socket.OPEN) return resolve()
          socket.send(data, (error) => (error ? reject(error) : resolve()))
        }),
      // A reason may have 123 bytes, and one of the protocol's holds an id that the client made up.
      close: (code, reason) =>
        socket.close(
          code,
          Buffer.from(reason ?? '')
            .subarray(0, 100)
            .toString(),
        ),
      onMessage: (receive) => {
        socket.on('message', (data) => {
          // A socket that was told to close may go on talking for a while. Nothing of it counts.
          if (socket.readyState !== socket.OPEN) return
          if (socket.bufferedAmount > maxBufferedBytes) return socket.terminate()
          receive(String(data)).catch((error: unknown) => {
            logger.warn({ err: error }, 'a message on a socket could not be handled')
            socket.close(tryAgainLater, 'Try again later')
          })
        })
      },
    },
    { socket, request },
  )
  socket.once('close', (code, reason) => {
    clearInterval(pinging)
    void closed(code, String(reason))
  })
}
