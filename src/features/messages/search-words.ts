/**
 * Words as search sees them. The database has the same rules in its function `search_vector`, which makes what is
 * searched: what is changed here has to be changed there.
 *
 * Text is folded (compatibility decomposition, no marks, lower case), so that case, accents and width do not matter.
 * Scripts that are written without spaces (and Korean, whose particles cling to words) are taken sign by sign, and so
 * are emoji and other pictures: a run of them is a phrase. Everything else is split at punctuation and spaces.
 */

/** Marks upon letters that do not make another letter of it, and what shows nothing. */
const marks =
  '\\u00AD\\u0300-\\u036F\\u0483-\\u0489\\u0591-\\u05BD\\u05BF\\u05C1\\u05C2\\u05C4\\u05C5\\u05C7\\u0610-\\u061A\\u0640' +
  '\\u064B-\\u065F\\u0670\\u06D6-\\u06DC\\u06DF-\\u06E4\\u06E7\\u06E8\\u06EA-\\u06ED\\u1AB0-\\u1AFF\\u1DC0-\\u1DFF' +
  '\\u2060-\\u2064\\u20D0-\\u20FF\\u2DE0-\\u2DFF\\u302A-\\u302F\\uFE00-\\uFE0F\\uFE20-\\uFE2F\\uFEFF' +
  '\\u{1F3FB}-\\u{1F3FF}\\u{E0000}-\\u{E0FFF}'

/** Signs that are words by themselves: Thai, Lao, Burmese, Khmer, ideographs, kana, hangul; emoji, arrows, symbols. */
const signs =
  '\\u0E00-\\u0EDF\\u1000-\\u109F\\u1100-\\u11FF\\u1780-\\u17FF\\u1950-\\u19FF\\u1A20-\\u1AAF\\u2190-\\u2BFF' +
  '\\u2E80-\\u2FDF\\u3005-\\u3007\\u3021-\\u3029\\u3031-\\u3035\\u3038-\\u303C\\u3041-\\uA4CF\\uA960-\\uA97F' +
  '\\uAA60-\\uAADF\\uAC00-\\uD7FF\\uF900-\\uFAFF\\u{16FE0}-\\u{18FFF}\\u{1AFF0}-\\u{1B2FF}\\u{1F000}-\\u{1FAFF}' +
  '\\u{20000}-\\u{3FFFF}'

/** Between words. None of the characters that mean something in a `tsquery` is in a word. */
const gaps =
  '\\u0000-\\u002F\\u003A-\\u0040\\u005B-\\u0060\\u007B-\\u00BF\\u00D7\\u00F7\\u037E\\u0387\\u055A-\\u055F\\u0589-\\u058F' +
  '\\u05BE\\u05C0\\u05C3\\u05C6\\u05F3-\\u060F\\u061B-\\u061F\\u066A-\\u066D\\u06D4\\u0700-\\u070F\\u0964\\u0965' +
  '\\u0F04-\\u0F14\\u0F3A-\\u0F3D\\u10FB\\u1360-\\u1368\\u1680\\u1800-\\u180E\\u2000-\\u218F\\u2E00-\\u2E7F' +
  '\\u2FE0-\\u3004\\u3008-\\u3020\\u3030\\u3036\\u3037\\u303D-\\u3040\\uFFF0-\\uFFFF'

const mark = new RegExp(`[${marks}]+`, 'gu')
const sign = new RegExp(`[${signs}]`, 'u')
const gap = new RegExp(`[${gaps}]`, 'u')

/** What folding takes as a whole: a letter with its marks and what shows nothing, and the parts of Korean syllables. */
const after = `[${marks}\\p{M}]*`
const cluster = new RegExp(
  `[\\u1100-\\u11FF\\uAC00-\\uD7A3](?:${after}[\\u1100-\\u11FF])*${after}|[^]${after}`,
  'gu',
)

/** Letters that have no accent to take off, and yet are found by the plain one; and the sigma at a word's end. */
const plain: Readonly<Record<string, string>> = { ø: 'o', ł: 'l', đ: 'd', ı: 'i', ς: 'σ', ß: 'ss' }

function fold(text: string): string {
  const folded = text.normalize('NFKD').replace(mark, '').toLowerCase().normalize('NFC')
  return folded.replace(/[øłđıςß]/g, (letter) => plain[letter] ?? letter)
}

/** A longer word is found by its beginning. */
const longestWord = 100

/** A word of a text, and where it stands there: UTF-16 units, as strings of JavaScript count. */
export interface SearchWord {
  readonly word: string
  readonly start: number
  readonly end: number
}

/** The words of a text in their order. */
export function searchWords(text: string): SearchWord[] {
  const words: { word: string; start: number; end: number }[] = []
  const folded = new Map<string, string>()
  let inWord = false
  for (const { 0: found, index } of text.matchAll(cluster)) {
    let letters = folded.get(found)
    if (letters === undefined) {
      letters = fold(found)
      folded.set(found, letters)
    }
    const end = index + found.length
    for (const letter of letters) {
      const last = words.at(-1)
      if (gap.test(letter)) inWord = false
      else if (sign.test(letter)) {
        words.push({ word: letter, start: index, end })
        inWord = false
      } else if (inWord && last !== undefined) {
        last.word += letter
        last.end = end
      } else {
        words.push({ word: letter, start: index, end })
        inWord = true
      }
    }
  }
  for (const each of words) {
    if (each.word.length > longestWord) each.word = [...each.word].slice(0, longestWord).join('')
  }
  return words
}
