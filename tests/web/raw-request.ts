import { connect } from 'node:net'

/** The answer to a path to the letter: `fetch` would tidy it up. */
export async function rawRequest(url: string, path: string): Promise<string> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.end(`GET ${path} HTTP/1.1\r\nHost: ${hostname}\r\nConnection: close\r\n\r\n`)
  let answer = ''
  for await (const data of socket) answer += data
  return answer
}
