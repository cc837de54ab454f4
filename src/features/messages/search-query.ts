import { searchWords } from './search-words.ts'

/** Words that follow each other; a single one as a rule. */
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
 * Reads a query as search engines do: words that must all be there, `"words in this order"`, `-without`, and `or`
 * between alternatives. There is no wrong syntax: what means nothing is left out.
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
  const toTsquery = (phrase: Phrase) => `(${phrase.map((word) => `'${word}'`).join(' <-> ')})`
  return `(${[...wanted.map(toTsquery), ...excluded.map((phrase) => `!${toTsquery(phrase)}`)].join(' & ')})`
}

/** A part of a text in UTF-16 units. */
export interface TextRange {
  readonly start: number
  readonly length: number
}

/** Where the phrases stand in the text, in its order; those that touch or overlap are one. */
export function findRanges(text: string, phrases: readonly Phrase[]): TextRange[] {
  const words = searchWords(text)
  const found: { start: number; end: number }[] = []
  for (const i of words.keys()) {
    for (const phrase of phrases) {
      if (!phrase.every((word, n) => words[i + n]?.word === word)) continue
      const [start, end] = [words[i]?.start ?? 0, words[i + phrase.length - 1]?.end ?? 0]
      const last = found.at(-1)
      if (last !== undefined && start <= last.end) last.end = Math.max(last.end, end)
      else found.push({ start, end })
    }
  }
  return found.map(({ start, end }) => ({ start, length: end - start }))
}
