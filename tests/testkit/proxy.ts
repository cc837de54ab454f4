import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A way to a server that can be blocked for those who take it alone. */
export interface TestProxy {
  /** The server's address, by this way. */
  readonly url: string
  /** Connections stay, and nothing goes through, also of those that are opened from now on. */
  freeze(): void
  thaw(): void
  /** Nothing goes through the connections that there are, ever; new ones are good. */
  silence(): void
  /** What the server says goes no further, on any connection; what is said to it does. */
  deafen(): void
  /** Ends the connections that there are; new ones are good. */
  cut(): void
  /** Ends them, and refuses new ones. */
  refuse(): void
  /** Takes connections again. */
  mend(): void
  dispose(): Promise<void>
}

export async function createTestProxy(to: string): Promise<TestProxy> {
  const { hostname, port } = new URL(to)
  const sockets = new Set<Socket>()
  const fars = new Set<Socket>()
  let frozen = false
  let deaf = false
  let isRefusing = false
  const server = createServer((near) => {
    if (isRefusing) {
      near.destroy()
      return
    }
    const far = connect(Number(port), hostname)
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket)
      if (socket === far) fars.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        fars.delete(socket)
        other.destroy()
      })
      socket.on('data', (data) => other.write(data))
      if (frozen || (deaf && socket === far)) socket.pause()
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(to)
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`

  function cut(): void {
    frozen = false
    deaf = false
    for (const socket of sockets) socket.destroy()
  }

  return {
    url: url.href,
    freeze() {
      frozen = true
      for (const socket of sockets) socket.pause()
    },
    thaw() {
      frozen = false
      for (const socket of sockets) socket.resume()
    },
    silence() {
      for (const socket of sockets) socket.pause().removeAllListeners('data')
    },
    deafen() {
      deaf = true
      for (const socket of fars) socket.pause()
    },
    cut,
    refuse() {
      isRefusing = true
      cut()
    },
    mend() {
      isRefusing = false
    },
    async dispose() {
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, 'close')
    },
  }
}
