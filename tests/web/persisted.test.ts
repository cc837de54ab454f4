import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type DocumentNode, print } from 'graphql'
import { expect, test } from 'vitest'
import { createCache } from '../../examples/web/src/apollo/cache.ts'
import * as generated from '../../examples/web/src/gql/graphql.ts'

const manifest = JSON.parse(readFileSync('examples/web/persisted-documents.json', 'utf8')) as Record<
  string,
  string
>
const documents = Object.values<DocumentNode & { __meta__?: { hash: string } }>(generated).filter(
  ({ __meta__ }) => __meta__ !== undefined,
)

test('each operation has the hash of the text that Apollo sends, and is in the manifest under it', () => {
  const cache = createCache()
  expect(documents.length).toBeGreaterThan(15)
  for (const document of documents) {
    // What Apollo makes of a document before its links get it.
    const sent = cache.transformDocument(document)
    const hash = createHash('sha256').update(print(sent)).digest('hex')
    expect(document.__meta__?.hash).toBe(hash)
    expect(manifest[hash]).toBe(print(sent))
  }
  expect(Object.keys(manifest)).toHaveLength(documents.length)
})
