import { createHmac } from 'node:crypto'

/**
 * Recognises a value without storing it. The key is the server's and not the database's: a dump alone
 * does not let anyone try out short texts, names or addresses.
 */
export interface KeyedHash {
  /** @param purpose keeps equal values of different kinds apart */
  hash(purpose: string, value: string): Uint8Array<ArrayBuffer>
  /** By every secret that is still known, the newest first: for what was stored before a rotation. */
  hashes(purpose: string, value: string): Uint8Array<ArrayBuffer>[]
}

export function createKeyedHash(secrets: readonly string[]): KeyedHash {
  const [newest] = secrets
  if (newest === undefined) throw new Error('A keyed hash needs a secret.')
  const hashWith = (secret: string, purpose: string, value: string) =>
    new Uint8Array(createHmac('sha256', secret).update(`parley:${purpose}\0${value}`).digest())
  return {
    hash: (purpose, value) => hashWith(newest, purpose, value),
    hashes: (purpose, value) => secrets.map((secret) => hashWith(secret, purpose, value)),
  }
}
