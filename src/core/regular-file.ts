import { constants, open } from 'node:fs/promises'

/**
 * The text of a file; a byte order mark is left out. Pipes, devices and the like, which may never end, are not read.
 * @param maxBytes how large it may be
 * @throws Error that says why not
 */
export async function readRegularFile(path: string, maxBytes: number): Promise<string> {
  // Otherwise a pipe that nobody writes to would not even open.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    if (!(await file.stat()).isFile()) throw new Error('it is no regular file')
    const chunks: Buffer[] = []
    // One byte more than it may have tells that it has more; what its size is said to be need not be true.
    for await (const chunk of file.createReadStream({ end: maxBytes, autoClose: false })) chunks.push(chunk)
    const bytes = Buffer.concat(chunks)
    if (bytes.length > maxBytes) throw new Error(`it has more than ${maxBytes.toLocaleString('en')} bytes`)
    return decode(bytes)
  } finally {
    await file.close()
  }
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new Error('it is not UTF-8')
  }
}
