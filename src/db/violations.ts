/** Whether Postgres ended a transaction because it and another waited for each other. */
export function isDeadlock(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code, meta, cause } = error as { code?: unknown; meta?: unknown; cause?: unknown }
  return (
    code === 'P2034' || code === '40P01' || isDeadlock(cause) || JSON.stringify(meta ?? '').includes('40P01')
  )
}

/** Whether a row refers to one that is gone, as Prisma tells of it or as Postgres does. */
export function isForeignKeyViolation(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return code === 'P2003' || code === '23503'
}
