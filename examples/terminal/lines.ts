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

/** A terminal would go on at its left edge. What is not ASCII may be twice as wide. */
function broken(line: string, width: number): string[] {
  const lines = ['']
  let used = 0
  for (const { segment } of segmenter.segment(line)) {
    const wide = segment >= ' ' && segment <= '~' ? 1 : 2
    if (used + wide > Math.max(width, 20)) {
      lines.push('')
      used = 0
    }
    lines[lines.length - 1] += segment
    used += wide
  }
  return lines
}
