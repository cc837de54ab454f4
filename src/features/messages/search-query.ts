import { type SearchWord, searchWords } from './search-words.ts'

/** Words that follow each other; a single one as a rule. One that ends with `*`, which is in no word, is a beginning. */
type Phrase = readonly string[]

/** A query as it was typed, understood: one of its alternatives is to be found, and of that everything wanted. */
export interface SearchQuery {
  /** For the database, as a `tsquery`. */
  readonly condition: string
  /** What is looked for, whatever is excluded. */
  readonly phrases: readonly Phrase[]
}

interface Alternative {
  readonly wanted: Phrase[]
  readonly excluded: Phrase[]
}

/** A quoted phrase, whose end may be missing, or anything up to a space or a quotation mark; each perhaps excluded. */
const term = /(-?)(?:"([^"]*)"?|([^\s"]+))/gu

/**
 * Reads a query as search engines do: words that must all be there, `"words in this order"`, `-without`, `begin*`,
 * and `or` between alternatives. There is no wrong syntax: what means nothing is left out.
 * @returns null where there is nothing to look for, in one of the alternatives at least
 */
export function parseSearchQuery(query: string): SearchQuery | null {
  const alternatives: Alternative[] = [{ wanted: [], excluded: [] }]
  const terms = [...query.matchAll(term)]
  for (const [i, [whole, minus, quoted, plain = '']] of terms.entries()) {
    // At either end it is a word like any other.
    if (/^or$/i.test(whole) && i > 0 && i < terms.length - 1) {
      alternatives.push({ wanted: [], excluded: [] })
      continue
    }
    const phrase = searchWords(quoted ?? plain).map(({ word }) => word)
    if (plain.endsWith('*') && phrase.length > 0) phrase.push(`${phrase.pop()}*`)
    const current = alternatives.at(-1)
    if (phrase.length > 0) (minus === '-' ? current?.excluded : current?.wanted)?.push(phrase)
  }
  const filled = alternatives.filter(({ wanted, excluded }) => wanted.length + excluded.length > 0)
  if (filled.length === 0 || filled.some(({ wanted }) => wanted.length === 0)) return null
  return {
    condition: filled.map(conditionOf).join(' | '),
    phrases: filled.flatMap(({ wanted }) => wanted),
  }
}

function conditionOf({ wanted, excluded }: Alternative): string {
  // There is no quotation mark in a word.
  const toLexeme = (word: string) => (word.endsWith('*') ? `'${word.slice(0, -1)}':*` : `'${word}'`)
  const toTsquery = (phrase: Phrase) => `(${phrase.map(toLexeme).join(' <-> ')})`
  return `(${[...wanted.map(toTsquery), ...excluded.map((phrase) => `!${toTsquery(phrase)}`)].join(' & ')})`
}

/** A part of a text in UTF-16 units. */
export interface TextRange {
  readonly start: number
  readonly length: number
}

/**
 * Where the phrases stand in the text, in its order; those that touch or overlap are one. It takes time by the words
 * of the text and the number of phrases, however both repeat themselves.
 */
export function findRanges(text: string, phrases: readonly Phrase[]): TextRange[] {
  const words = searchWords(text)
  const different = [...new Map(phrases.map((phrase) => [phrase.join(' '), phrase])).values()]
  const single = new Set(different.flatMap((phrase) => (phrase.length === 1 ? phrase : [])))
  const longer = different
    .filter((phrase) => phrase.length > 1 || phrase[0]?.endsWith('*'))
    .flatMap((phrase) => findPhrase(words, phrase))
  const found = [...words.filter(({ word }) => single.has(word)), ...longer].sort((a, b) => a.start - b.start)
  const ranges: { start: number; end: number }[] = []
  for (const { start, end } of found) {
    const last = ranges.at(-1)
    if (last !== undefined && start <= last.end) last.end = Math.max(last.end, end)
    else ranges.push({ start, end })
  }
  return ranges.map(({ start, end }) => ({ start, length: end - start }))
}

/** Knuth, Morris and Pratt, "Fast pattern matching in strings" (1977), over words; a beginning at the end is looked at by itself. */
function findPhrase(words: readonly SearchWord[], phrase: Phrase): { start: number; end: number }[] {
  const last = phrase.at(-1) ?? ''
  const beginning = last.endsWith('*') ? last.slice(0, -1) : null
  const whole = beginning === null ? phrase : phrase.slice(0, -1)
  const borders = bordersOf(whole)
  const found: { start: number; end: number }[] = []
  let matched = 0
  for (const [i, { word }] of words.entries()) {
    while (matched > 0 && (matched === whole.length || whole[matched] !== word))
      matched = borders[matched - 1] ?? 0
    if (whole[matched] === word) matched++
    if (matched < whole.length) continue
    const end = beginning === null ? i : i + (whole.length === 0 ? 0 : 1)
    if (beginning !== null && !words[end]?.word.startsWith(beginning)) continue
    found.push({ start: words[end - phrase.length + 1]?.start ?? 0, end: words[end]?.end ?? 0 })
  }
  return found
}

/** Of each beginning of the phrase, how long its longest own beginning is that it also ends with. */
function bordersOf(phrase: Phrase): number[] {
  const borders = [0]
  for (let i = 1, length = 0; i < phrase.length; i++) {
    while (length > 0 && phrase[i] !== phrase[length]) length = borders[length - 1] ?? 0
    if (phrase[i] === phrase[length]) length++
    borders.push(length)
  }
  return borders
}
