import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync, truncateSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { findManifests, loadManifests, readManifest } from '../../src/graphql/persisted/manifests.ts'
import { apolloManifest, manifestFolder, writeManifest } from '../testkit/manifests.ts'

const text = 'query Who { viewer { email } }'

test.each(['a pipe', 'a folder', 'a socket', 'a device', 'a link to a pipe'])(
  'what is %s is refused at once',
  async (what) => {
    const folder = manifestFolder({})
    const path = join(folder, 'a.json')
    const elsewhere = join(manifestFolder({}), 'pipe')
    const server = createServer()
    if (what === 'a pipe') execFileSync('mkfifo', [path])
    if (what === 'a folder') mkdirSync(path)
    if (what === 'a device') symlinkSync('/dev/zero', path)
    if (what === 'a socket') await new Promise<void>((resolve) => server.listen(path, resolve))
    if (what === 'a link to a pipe') {
      execFileSync('mkfifo', [elsewhere])
      symlinkSync(elsewhere, path)
    }
    await expect(findManifests(folder).then((files) => loadManifests(files))).rejects.toThrow(
      what === 'a socket' ? /a\.json cannot be read: \w+/ : /a\.json cannot be read: it is no regular file$/,
    )
    server.close()
  },
)

test('what is too large is refused, and a link to a file is followed', async () => {
  const folder = manifestFolder({ 'a.json': { a: text } })
  symlinkSync(join(folder, 'a.json'), join(folder, 'b.json'))
  expect(await readManifest(join(folder, 'b.json'))).toEqual([{ id: 'a', name: null, text }])
  truncateSync(join(folder, 'a.json'), 16_000_001)
  await expect(readManifest(join(folder, 'b.json'))).rejects.toThrow(
    /b\.json cannot be read: it has more than 16,000,000 bytes$/,
  )
})

test('a byte order mark is no matter, and what is not UTF-8 is named', async () => {
  const folder = manifestFolder({ 'a.json': `\uFEFF${JSON.stringify({ a: text })}` })
  expect(await readManifest(join(folder, 'a.json'))).toEqual([{ id: 'a', name: null, text }])
  const file = writeManifest(folder, 'b.json', Buffer.from(`\uFEFF{"a":"${text}"}`, 'utf16le'))
  await expect(readManifest(file)).rejects.toThrow(/b\.json cannot be read: it is not UTF-8$/)
})

test.each([
  ['in so many words', `{"a":"${text}","b":"${text}","a":"{ viewer { email } }"}`],
  ['with an escape', `{"a":"${text}","\\u0061":"{ viewer { email } }"}`],
  [
    'as Apollo writes it',
    apolloManifest([
      { id: 'a', name: 'A', body: text },
      { id: 'a', name: 'A', body: '{ viewer { email } }' },
    ]),
  ],
])('one id with two texts within one file is refused: %s', async (_how, content) => {
  const file = writeManifest(manifestFolder({}), 'a.json', content)
  await expect(loadManifests([file])).rejects.toThrow(/a\.json: a has another text in .*a\.json$/)
})

test('ids and texts are taken as JSON means them', async () => {
  const all = {
    '7': 'a',
    'quote"': '\\',
    '\\': '"',
    '\\"': 'x\\"',
    'brace{,': '}:"',
    é: '\u2028',
    __proto__x: '\n',
  }
  const file = writeManifest(manifestFolder({}), 'a.json', JSON.stringify(all, null, 2))
  const entries = await readManifest(file)
  expect(Object.fromEntries(entries.map((each) => [each.id, each.text]))).toEqual(all)
})

test('what a manifest has is printed without what would act on a terminal', async () => {
  const id = 'a\u001b[31m\u202eb\nc'
  for (const content of [{ [id]: '{' }, { [id]: 5 }]) {
    const file = writeManifest(manifestFolder({}), 'a.json', content)
    const message = await loadManifests([file]).then(
      () => '',
      (error: Error) => error.message,
    )
    expect(message).not.toMatch(/[\p{Cc}\p{Cf}]/u)
    expect(message).toContain('202e')
  }
})

test('others have their turn while many are parsed; those that are known are not parsed again', {
  timeout: 60_000,
}, async () => {
  const documents = Object.fromEntries(
    Array.from({ length: 4_000 }, (_, i) => [
      `${i}`,
      `query Q${i} { ${'viewer { email user { id } } '.repeat(20)} }`,
    ]),
  )
  const file = writeManifest(manifestFolder({}), 'a.json', documents)
  let [turns, longest, last] = [0, 0, 0]
  let open = true
  const turn = () => {
    longest = Math.max(longest, performance.now() - last)
    last = performance.now()
    turns++
    if (open) setImmediate(turn)
  }
  const began = performance.now()
  last = began
  setImmediate(turn)
  const first = await loadManifests([file])
  const took = performance.now() - began
  open = false
  // Without a pause it is a handful, for opening and reading the file.
  expect(turns).toBeGreaterThan(15)
  expect(longest).toBeLessThan(took / 2)
  const second = await loadManifests([file], first.parsed)
  for (const [key, document] of first.parsed) expect(second.parsed.get(key)).toBe(document)
})
