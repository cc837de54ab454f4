// Writes persisted-documents.json: every operation of the app by the SHA-256 of its text. The client preset hashes a
// sorted text of its own; a server that is told text and hash together checks that they belong together, so what
// counts here is the text that is sent, to the letter.
import { createHash } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type DocumentNode, print } from 'graphql'
import * as generated from '../src/gql/graphql.ts'

const file = new URL('../src/gql/graphql.ts', import.meta.url)
let source = readFileSync(file, 'utf8')
const manifest: Record<string, string> = {}
for (const document of Object.values<DocumentNode & { __meta__?: { hash?: string } }>(generated)) {
  const preliminary = document.__meta__?.hash
  if (preliminary === undefined) continue
  const text = print(document)
  const hash = createHash('sha256').update(text).digest('hex')
  manifest[hash] = text
  source = source.replaceAll(preliminary, hash)
}
writeFileSync(file, source)
writeFileSync(
  new URL('../persisted-documents.json', import.meta.url),
  `${JSON.stringify(manifest, null, 2)}\n`,
)
rmSync(new URL('../src/gql/persisted-documents.json', import.meta.url))
