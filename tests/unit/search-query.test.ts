import fc from 'fast-check'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findRanges, parseSearchQuery } from '../../src/features/messages/search-query.ts'
import { searchWords } from '../../src/features/messages/search-words.ts'
import { createTestDatabase, type TestDatabase } from '../testkit/database.ts'

test.each([
  ['one two', `(('one') & ('two'))`],
  ['"one two" three', `(('one' <-> 'two') & ('three'))`],
  ['one -two -"three four"', `(('one') & !('two') & !('three' <-> 'four'))`],
  ['one or two three OR -four five', `(('one')) | (('two') & ('three')) | (('five') & !('four'))`],
  ['"never closed', `(('never' <-> 'closed'))`],
  ['foo-bar', `(('foo' <-> 'bar'))`],
  ['or', `(('or'))`],
  ['or one', `(('or') & ('one'))`],
  ['one or', `(('one') & ('or'))`],
  ['one or or two', `(('one')) | (('two'))`],
  ['"or"', `(('or'))`],
  ['ÉCLAIR Straße', `(('eclair') & ('strasse'))`],
  ['学校', `(('学' <-> '校'))`],
  ['🎉', `(('🎉'))`],
  ['scho* two', `(('scho':*) & ('two'))`],
  ['foo-ba* -ex*', `(('foo' <-> 'ba':*) & !('ex':*))`],
  ['* one', `(('one'))`],
  ['one !!! & | ( ) : * <-> \\ two', `(('one') & ('two'))`],
])('%s', (query, condition) => {
  expect(parseSearchQuery(query)?.condition).toBe(condition)
})

test.each(['', ' ', '!?', '""', '-one', '-"one two"', 'one or -two', '- -', '\u200b', '\u0301'])(
  'nothing to look for: %j',
  (query) => expect(parseSearchQuery(query)).toBeNull(),
)

describe('ranges', () => {
  const ranges = (text: string, query: string) =>
    findRanges(text, parseSearchQuery(query)?.phrases ?? []).map(({ start, length }) =>
      text.slice(start, start + length),
    )
  test.each([
    ['One two ONE.', 'one', ['One', 'ONE']],
    ['one two, one three', '"one three"', ['one three']],
    ['Cafe\u0301 Café cafe', 'cafe', ['Cafe\u0301', 'Café', 'cafe']],
    ['🙂🙂 hello 🎉!', 'hello 🎉', ['hello', '🎉']],
    ['大学校舎と学校', '学校', ['学校', '学校']],
    ['aa aa aa', '"aa aa"', ['aa aa aa']],
    ['one two', 'three or two -one', ['two']],
    ['ﷺ one', 'one', ['one']],
    ['one, ones and done', 'on*', ['one', 'ones']],
    ['foo bar foo bat foo', 'foo-ba*', ['foo bar', 'foo bat']],
  ])('%s, looked for by %s', (text, query, expected) => expect(ranges(text, query)).toEqual(expected))
})

test('phrases stand where comparing word by word finds them, whatever repeats itself', () => {
  const word = fc.constantFrom('a', 'b', 'ab')
  const phrase = fc.tuple(fc.array(word, { minLength: 1, maxLength: 5 }), fc.boolean())
  fc.assert(
    fc.property(fc.array(word, { maxLength: 30 }), fc.array(phrase, { maxLength: 4 }), (words, wanted) => {
      const text = words.join(' ')
      const phrases = wanted.map(([each, star]) => [...each.slice(0, -1), `${each.at(-1)}${star ? '*' : ''}`])
      const isWord = (found: string | undefined, each: string) =>
        each.endsWith('*') ? found?.startsWith(each.slice(0, -1)) : found === each
      const marked = new Set<number>()
      for (const i of words.keys()) {
        for (const each of phrases) {
          if (!each.every((one, n) => isWord(words[i + n], one))) continue
          for (const n of each.keys()) marked.add(i + n)
        }
      }
      const starts = words.map((_, i) => words.slice(0, i).join(' ').length + (i === 0 ? 0 : 1))
      const ranges = findRanges(text, phrases)
      const covered = starts.flatMap((start, i) =>
        ranges.some((range) => range.start <= start && start < range.start + range.length) ? [i] : [],
      )
      expect(covered).toEqual([...marked].sort((one, other) => one - other))
    }),
    { numRuns: 2_000 },
  )
})

describe('the database finds the same words', () => {
  let database: TestDatabase
  let client: pg.Client
  beforeAll(async () => {
    database = await createTestDatabase()
    client = new pg.Client(database.url)
    await client.connect()
  })
  afterAll(async () => {
    await client.end()
    await database.dispose()
  })

  /** In their order, the one for the chat left out. Null for a text with characters that its Unicode does not have yet. */
  async function wordsInDatabase(texts: readonly string[]): Promise<(string[] | null)[]> {
    const { rows } = await client.query<{ words: string[] | null; known: boolean }>(
      `SELECT (SELECT array_agg(lexeme ORDER BY place) FROM unnest(search_vector(gen_random_uuid(), t)) AS v,
          unnest(v.positions) AS place) AS words,
          unicode_assigned(t) AS known
        FROM unnest($1::text[]) WITH ORDINALITY AS x(t, n) ORDER BY n`,
      [texts],
    )
    return rows.map(({ words, known }) => (known ? (words ?? []) : null))
  }
  const wordsHere = (text: string) => searchWords(text).map(({ word }) => word)

  test('in texts of any characters', async () => {
    const character = fc.oneof(
      fc.constantFrom(...'aAéÉøßςΣ İıﬁ½ー々학한ก็ข้😀👍🏽❤️\u200d\u00ad\u0301\u1112\u1161\u11abوَﷺ-_"\'.'),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }).filter((c) => /\p{Assigned}/u.test(c)),
    )
    const text = fc
      .array(character, { maxLength: 40 })
      .map((characters) => characters.join('').replaceAll('\0', ''))
      .filter((each) => each.isWellFormed())
    // Parts of a syllable that come together once what shows nothing is gone.
    const apart = [
      '\u1112\ufe0f\u1161\u00ad\u11ab',
      '\ud558\u0301\u11ab',
      'e\u00ad\u0301',
      '\u09c7\u00ad\u09be',
    ]
    expect(await wordsInDatabase(apart)).toEqual(apart.map(wordsHere))
    await fc.assert(
      fc.asyncProperty(fc.array(text, { minLength: 50, maxLength: 50 }), async (texts) => {
        const found = await wordsInDatabase(texts)
        expect(found).toEqual(texts.map((each, i) => (found[i] === null ? null : wordsHere(each))))
      }),
      { numRuns: 40 },
    )
  })

  test('of every character there is', async () => {
    const characters = Array.from({ length: 0x10ffff }, (_, i) => i + 1)
      .filter((code) => code < 0xd800 || code > 0xdfff)
      .map((code) => String.fromCodePoint(code))
      .filter((character) => /[\p{L}\p{M}\p{N}\p{P}\p{S}\p{Z}\p{Cc}\p{Cf}]/u.test(character))
    const found = await wordsInDatabase(characters)
    const differing = characters.filter((character, i) => {
      const words = found[i]
      return words != null && words.join(' ') !== wordsHere(character).join(' ')
    })
    expect(found.filter((words) => words === null).length).toBeLessThan(6000)
    expect(differing).toEqual([])
  })

  test('in the longest text, and of a word that is longer than it is kept', async () => {
    const texts = ['w'.repeat(5000), '字'.repeat(200), 'ﷺ'.repeat(5000), `${'é'.repeat(150)} end`]
    const [word, signs, , cut] = await wordsInDatabase(texts)
    expect([word, signs]).toEqual([['w'.repeat(100)], Array(200).fill('字')])
    expect(cut).toEqual([`${'e'.repeat(100)}`, 'end'])
    expect(wordsHere(texts[3] ?? '')).toEqual(cut)
  })

  test('and every query is one that it understands', async () => {
    const query = fc
      .string({ unit: 'binary', maxLength: 60 })
      .map((each) => `a ${each.toWellFormed().replaceAll('\0', '')}`)
    const tricky = fc
      .array(
        fc.constantFrom(
          'a',
          "'",
          '\\',
          '"',
          '-',
          ':',
          '*',
          '&',
          '|',
          '!',
          '(',
          ')',
          '<->',
          ' or ',
          ' ',
          '字',
          '#',
        ),
        {
          maxLength: 30,
        },
      )
      .map((parts) => `a ${parts.join('')}`)
    await fc.assert(
      fc.asyncProperty(fc.oneof(query, tricky), async (each) => {
        const parsed = parseSearchQuery(each)
        if (parsed !== null) await client.query('SELECT $1::tsquery', [parsed.condition])
      }),
      { numRuns: 300 },
    )
  })
})
