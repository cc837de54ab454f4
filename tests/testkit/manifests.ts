import { mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inject } from 'vitest'

/** A folder of manifests, or of anything else that is in one. */
export function manifestFolder(files: Readonly<Record<string, unknown>>): string {
  const folder = mkdtempSync(join(inject('scratchDir'), 'manifests-'))
  for (const [name, content] of Object.entries(files)) writeManifest(folder, name, content)
  return folder
}

/** @returns its path */
export function writeManifest(folder: string, name: string, content: unknown): string {
  const path = join(folder, name)
  const isWritten = typeof content === 'string' || Buffer.isBuffer(content)
  writeFileSync(path, isWritten ? content : JSON.stringify(content))
  return path
}

/** As Apollo's tool writes them. */
export const apolloManifest = (operations: readonly { id: string; name: string; body: string }[]) => ({
  format: 'apollo-persisted-query-manifest',
  version: 1,
  operations: operations.map((each) => ({ ...each, type: 'query' })),
})
