import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { isLingering } from './answer.ts'

/** The connections of an HTTP server, and what is being answered on them. */
export interface Connections {
  /** Streams of server-sent events that are open. */
  readonly streams: number
  open(socket: Socket): void
  /** It speaks another protocol from now on. */
  forget(socket: Socket): void
  answer(socket: Socket, response: ServerResponse): void
  /** Lets clients know that a connection ends with the answer that is being prepared on it. */
  closeAfterAnswers(): void
  /** Cuts those on which nothing is being answered, or only a stream of events, which has no end of its own. */
  cutUnneeded(): void
  cutAll(): void
}

export function trackConnections(): Connections {
  const answersOf = new Map<Socket, Set<ServerResponse>>()
  const known = new WeakSet<Socket>()
  const answers = () => [...answersOf.values()].flatMap((responses) => [...responses])
  return {
    get streams() {
      return answers().filter(isEventStream).length
    },
    open(socket) {
      answersOf.set(socket, new Set())
      // One that asked for another protocol in vain is opened once more.
      if (!known.has(socket)) socket.once('close', () => answersOf.delete(socket))
      known.add(socket)
    },
    forget: (socket) => void answersOf.delete(socket),
    answer(socket, response) {
      answersOf.get(socket)?.add(response)
      response.once('close', () => answersOf.get(socket)?.delete(response))
    },
    closeAfterAnswers() {
      for (const response of answers()) if (!response.headersSent) response.setHeader('connection', 'close')
    },
    cutUnneeded() {
      for (const [socket, responses] of answersOf) {
        const isAnswered = [...responses].every(isLingering)
        // What has been answered is still on its way to a client that reads slowly.
        if (isAnswered && socket.writableLength === 0) socket.destroy()
        else if ([...responses].some(isEventStream)) socket.destroy()
      }
    },
    cutAll() {
      for (const socket of answersOf.keys()) socket.destroy()
    },
  }
}

/** Many clients accept streams with whatever they ask for; what counts is what they get. */
function isEventStream(response: ServerResponse): boolean {
  return !response.writableEnded && String(response.getHeader('content-type')).startsWith('text/event-stream')
}
