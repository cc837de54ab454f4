import { once } from 'node:events'
import { connect } from 'node:net'
import { eventually } from './eventually.ts'

/** An answer as it came over the wire. */
export interface RawAnswer {
  readonly status: number
  /** By name, in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** A connection on which requests are written by hand, in as many pieces as one likes. */
export interface RawHttp {
  /** Resolves when the bytes are on their way, or the connection is closed. */
  write(bytes: string | Buffer): Promise<void>
  /** What the server has sent so far. */
  readonly received: string
  /** The first answer, once it is here whole; interim ones do not count. */
  answer(): Promise<RawAnswer>
  /** Resolves when the server sends nothing more, whether it closed the connection or reset it. */
  readonly ended: Promise<void>
  /**
   * Writes nothing more, and closes the connection after the server.
   * @returns the code of the error that broke it, such as `ECONNRESET`, or null
   */
  finish(): Promise<string | null>
  /** Goes away without a word. */
  destroy(): void
}

export async function openRawHttp(url: string): Promise<RawHttp> {
  const { hostname, port } = new URL(url)
  // One that closes with the server never writes into a connection that the server has closed, and never sees a reset.
  const socket = connect({ port: Number(port), host: hostname, noDelay: true, allowHalfOpen: true })
  let received = ''
  let failure: string | null = null
  socket.setEncoding('latin1')
  socket.on('data', (text: string) => {
    received += text
  })
  socket.on('error', ({ code = 'unknown' }: NodeJS.ErrnoException) => {
    failure ??= code
  })
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  const ended = Promise.race([closed, new Promise<void>((resolve) => socket.once('end', resolve))])
  await once(socket, 'connect')
  return {
    get received() {
      return received
    },
    ended,
    async finish() {
      await ended
      socket.end()
      await closed
      return failure
    },
    async write(bytes) {
      const written = new Promise<unknown>((resolve) => socket.writable && socket.write(bytes, resolve))
      await Promise.race([written, closed])
    },
    answer: () =>
      eventually(() => {
        const answer = parseAnswer(received)
        if (answer === null) throw new Error(`No answer has come whole: ${JSON.stringify(received)}`)
        return answer
      }),
    destroy: () => void socket.destroy(),
  }
}

/** @returns null while some of it is missing */
function parseAnswer(text: string): RawAnswer | null {
  const end = text.indexOf('\r\n\r\n')
  if (end === -1) return null
  const [first = '', ...lines] = text.slice(0, end).split('\r\n')
  const rest = text.slice(end + 4)
  const status = Number(first.split(' ')[1])
  if (status < 200) return parseAnswer(rest)
  const headers = Object.fromEntries(
    lines.map((line) => {
      const [name = '', ...value] = line.split(':')
      return [name.toLowerCase(), value.join(':').trim()]
    }),
  )
  const length = Number(headers['content-length'] ?? 0)
  return rest.length < length ? null : { status, headers, body: rest.slice(0, length) }
}
