const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' })

/** Signs that may follow each other: skin tones, which stand alone, too, and what is joined. */
const pictographs =
  /^(?:\p{Emoji_Modifier}|\p{Extended_Pictographic}(?:\p{Extended_Pictographic}|\p{Emoji_Modifier}|\u200d|\ufe0f)*)$/u
/** The flag of a part of a country: a black one, and the letters of a tag that nobody sees. */
const taggedFlag = /^\u{1f3f4}[\u{e0030}-\u{e0039}\u{e0061}-\u{e007a}]{3,6}\u{e007f}$/u
const flag = /^\p{Regional_Indicator}{2}$/u
const keycap = /^[0-9#*]\ufe0f?\u20e3$/

/** The longest that Unicode has are ten code points; this leaves room and no more. */
const longest = 16

/**
 * One emoji in the form that Unicode calls fully qualified, or null for anything else. "❤" and "❤️" are
 * the same emoji, and so that they count as one, so is what is stored. It asks for what an emoji is made
 * of and not for a list of them: one that is newer than this server works, too.
 */
export function parseEmoji(text: string): string | null {
  const points = [...text.replaceAll('\ufe0e', '')]
  const bare = points.filter((point) => point !== '\ufe0f')
  if (bare.length === 0 || bare.length > longest) return null
  const emoji = points.join('')
  if ([...segmenter.segment(emoji)].length !== 1) return null
  if (flag.test(emoji) || taggedFlag.test(emoji)) return emoji
  if (keycap.test(emoji)) return `${bare[0]}\ufe0f\u20e3`
  if (!pictographs.test(emoji) || bare.at(-1) === '\u200d') return null
  return bare
    .map((point, index) => (needsPresentation(point, bare[index + 1]) ? `${point}\ufe0f` : point))
    .join('')
}

/** Signs that are text by default say that they are meant as pictures, unless a skin tone says so already. */
function needsPresentation(point: string, next: string | undefined): boolean {
  if (!/\p{Extended_Pictographic}/u.test(point) || /\p{Emoji_Presentation}/u.test(point)) return false
  return /\p{Emoji}/u.test(point) && !(next !== undefined && /\p{Emoji_Modifier}/u.test(next))
}
