/** What is asked for of a message, and what comes of it. */
export const messageFields = 'sequence text createdAt author { username }'
export interface Message {
  readonly sequence: number
  readonly text: string | null
  readonly createdAt: string
  readonly author: { readonly username: string } | null
}

export function lineOf({ createdAt, author, text }: Message): string {
  return `${createdAt.slice(11, 16)} ${author?.username ?? 'somebody'}: ${text ?? '(taken back)'}`
}

/** Before the further lines of what is said: below the time of day, so that none passes for a line of its own. */
const gutter = '      │ '

/** What a terminal obeys, or shows in another order than it was written. */
const unseen = /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/gu

/** Text by whomever, as it may be printed: a line, and whatever comes behind that by itself or by its length indented. */
export function printable(text: string, columns = Number.POSITIVE_INFINITY): string {
  return text
    .split(/\r?\n/)
    .map((line) => line.replace(unseen, escaped))
    .flatMap((line) => broken(line, columns - gutter.length))
    .join(`\n${gutter}`)
}

function escaped(character: string): string {
  if (character === '\t') return '\\t'
  return `\\u${Number(character.codePointAt(0)).toString(16).padStart(4, '0')}`
}

const segmenter = new Intl.Segmenter()

/** At the most: a terminal may draw each code point of what reads as one character by itself, two columns wide. */
function widthOf(text: string): number {
  let width = 0
  for (const point of text) width += point >= ' ' && point <= '~' ? 1 : 2
  return width
}

/** A terminal would go on at its left edge. */
function broken(line: string, columns: number): string[] {
  const width = Math.max(columns, 20)
  const lines = ['']
  let used = 0
  for (const { segment } of segmenter.segment(line)) {
    for (const piece of widthOf(segment) > width ? segment : [segment]) {
      const wide = widthOf(piece)
      if (used + wide > width) {
        lines.push('')
        used = 0
      }
      lines[lines.length - 1] += piece
      used += wide
    }
  }
  return lines
}
