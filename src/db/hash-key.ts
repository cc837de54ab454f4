import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'
import type { Logger } from '../core/logger.ts'
import type { Database, Transaction } from './client.ts'

/**
 * The key of what is kept as a keyed hash, the same for as long as the database lives. It is stored encrypted
 * by each of the signing secrets: whoever rotates those keeps it, and a dump without any of them does not have
 * it. Where all of them were replaced at once it is lost; then a new one is made, and nothing that was hashed
 * before is recognised any more.
 */
export async function loadHashKey(
  database: Database,
  secrets: readonly string[],
  logger: Logger,
): Promise<Uint8Array> {
  return database.prisma.$transaction(async (prisma) => {
    // Of processes that start at the same time one makes it.
    await prisma.$executeRaw`SELECT pg_advisory_xact_lock(${startLock})`
    const rows = await prisma.hashKey.findMany()
    const ours = secrets.flatMap((secret) => {
      const row = rows.find(({ secretId }) => Buffer.from(idOf(secret)).equals(secretId))
      return row === undefined ? [] : [decrypt(row.encrypted, secret)]
    })
    const known = ours.filter((key) => key !== null)
    if (ours.length > 0 && known.length === 0) {
      throw new Error('The table hash_keys was damaged: restore it, or empty it to begin with a new key.')
    }
    if (rows.length > 0 && known.length === 0) {
      logger.warn(
        'No secret of JWT_SECRET is one that this database knew: names that erased accounts had are free again, and a message that is sent once more under its old clientMessageId is refused',
      )
    }
    const key = known[0] ?? randomBytes(keyBytes)
    await replaceRows(prisma, key, secrets)
    return key
  })
}

/** By the secrets that are in use, and by no others: one that was given up must not open it for ever. */
async function replaceRows(prisma: Transaction, key: Uint8Array, secrets: readonly string[]): Promise<void> {
  await prisma.hashKey.deleteMany()
  const data = [...new Set(secrets)].map((secret) => ({
    secretId: idOf(secret),
    encrypted: encrypt(key, secret),
  }))
  await prisma.hashKey.createMany({ data })
}

const startLock = 72707373
const keyBytes = 32
const nonceBytes = 12
const tagBytes = 16

/** Which secret it was, without telling the secret. */
function idOf(secret: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHmac('sha256', secret).update('parley hash key id').digest())
}

function wrappingKey(secret: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, '', 'parley hash key', keyBytes))
}

function encrypt(key: Uint8Array, secret: string): Uint8Array<ArrayBuffer> {
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv('aes-256-gcm', wrappingKey(secret), nonce)
  return new Uint8Array(Buffer.concat([nonce, cipher.update(key), cipher.final(), cipher.getAuthTag()]))
}

/** Null for what this secret did not encrypt, or what was changed since. */
function decrypt(encrypted: Uint8Array, secret: string): Uint8Array | null {
  if (encrypted.length !== nonceBytes + keyBytes + tagBytes) return null
  const decipher = createDecipheriv('aes-256-gcm', wrappingKey(secret), encrypted.subarray(0, nonceBytes))
  decipher.setAuthTag(encrypted.subarray(-tagBytes))
  try {
    return Buffer.concat([decipher.update(encrypted.subarray(nonceBytes, -tagBytes)), decipher.final()])
  } catch {
    return null
  }
}
