import { createHmac } from 'node:crypto'

/**
 * Recognises a value without storing it. The key is not in the database, not in the clear at least: a dump
 * alone does not let anyone try out short texts, names or addresses.
 */
export interface KeyedHash {
  /** @param purpose keeps equal values of different kinds apart */
  hash(purpose: string, value: string): Uint8Array<ArrayBuffer>
}

export function createKeyedHash(key: Uint8Array): KeyedHash {
  return {
    hash: (purpose, value) =>
      new Uint8Array(createHmac('sha256', key).update(`${purpose}\0${value}`).digest()),
  }
}
