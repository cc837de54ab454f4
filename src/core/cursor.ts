import { RequestError } from './errors.ts'

/**
 * Cursors carry the position itself (a keyset), so that a row which is gone never breaks a page.
 * They are opaque to clients: base64url of a tag, which says what list the cursor belongs to, and
 * the position's values.
 */
export type CursorTag = 'm' | 'vm' | 'um' | 'ms' | 'c' | 'cm' | 'u' | 's' | 'b' | 'x' | 'r' | 'v'
export type CursorValue = string | number
/** `int` is of four bytes, as the database has it; `time` is in milliseconds since 1970. */
type Shape = 'int' | 'time' | 'uuid'
type Values<Shapes extends readonly Shape[]> = {
  [K in keyof Shapes]: Shapes[K] extends 'uuid' ? string : number
}

export function encodeCursor(tag: CursorTag, ...values: readonly CursorValue[]): string {
  return Buffer.from(`${tag}|${values.join('|')}`, 'utf8').toString('base64url')
}

/**
 * The values behind a cursor.
 * @param shape what each value must be; a value of another shape makes the cursor invalid
 * @throws RequestError `VALIDATION_FAILED` for a cursor that is not of this list
 */
function decodeCursor<const Shapes extends readonly Shape[]>(
  tag: CursorTag,
  cursor: string,
  shape: Shapes,
): Values<Shapes> {
  const [actualTag, ...values] = Buffer.from(cursor, 'base64url').toString('utf8').split('|')
  const decoded = values.map((value, i) => decodeValue(value, shape[i]))
  if (actualTag !== tag || values.length !== shape.length || decoded.includes(null)) {
    throw new RequestError('VALIDATION_FAILED', 'The cursor is not one of this list.')
  }
  return decoded as unknown as Values<Shapes>
}

const latestTime = Date.UTC(9999, 11, 31)

/** The places between which a page lies, null where it is open. @throws as `decodeCursor` */
export function decodeBounds<const Shapes extends readonly Shape[]>(
  tag: CursorTag,
  page: { readonly after: string | null; readonly before: string | null },
  shape: Shapes,
): { after: Values<Shapes> | null; before: Values<Shapes> | null } {
  const decode = (cursor: string | null) => (cursor === null ? null : decodeCursor(tag, cursor, shape))
  return { after: decode(page.after), before: decode(page.before) }
}

function decodeValue(value: string, shape: Shape | undefined): CursorValue | null {
  switch (shape) {
    case 'int':
      return /^-?\d{1,10}$/.test(value) && Math.abs(Number(value)) < 2 ** 31 ? Number(value) : null
    case 'time':
      return /^\d{1,15}$/.test(value) && Number(value) <= latestTime ? Number(value) : null
    case 'uuid':
      return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value) ? value : null
    case undefined:
      return null
  }
}
