import { randomBytes } from 'node:crypto'

/** The types that have a global id. */
export type NodeType = 'User' | 'Viewer' | 'Session' | 'Chat' | 'ChatMember' | 'Message' | 'DataExport'

const nodeTypes: ReadonlySet<string> = new Set<NodeType>([
  'User',
  'Viewer',
  'Session',
  'Chat',
  'ChatMember',
  'Message',
  'DataExport',
])
const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

const latest = { ms: 0, count: 0 }

/**
 * A UUID version 7 (RFC 9562): 48 bits of milliseconds, then random. Being ascending in time keeps
 * the indexes over it dense at their right end.
 */
export function uuidv7(now = Date.now()): string {
  const bytes = randomBytes(16)
  // Within a millisecond they count up from a random start, so that what is made later sorts later.
  if (now !== latest.ms) Object.assign(latest, { ms: now, count: bytes.readUInt16BE(6) & 0x7ff })
  else latest.count++
  bytes.writeUIntBE(now, 0, 6)
  bytes.writeUInt16BE(0x7000 | (latest.count & 0xfff), 6)
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** An opaque id, unique over all types: `Type:uuid` in base64url. */
export function toGlobalId(type: NodeType, id: string): string {
  return Buffer.from(`${type}:${id}`, 'latin1').toString('base64url')
}

/** The type and row id behind a global id, or null for anything that this server never gave out. */
export function parseGlobalId(globalId: string): { type: NodeType; id: string } | null {
  const [type, id, ...rest] = Buffer.from(globalId, 'base64url').toString('latin1').split(':')
  if (rest.length > 0 || id === undefined || !uuidPattern.test(id) || !isNodeType(type)) return null
  // One thing has one id: base64 that decodes to the same but is spelled otherwise is not ours.
  return toGlobalId(type, id) === globalId ? { type, id } : null
}

/** The row id behind a global id of the given type, or null. */
export function parseIdOf(type: NodeType, globalId: string): string | null {
  const parsed = parseGlobalId(globalId)
  return parsed?.type === type ? parsed.id : null
}

function isNodeType(type: string | undefined): type is NodeType {
  return nodeTypes.has(type ?? '')
}
