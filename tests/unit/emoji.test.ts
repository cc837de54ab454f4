import { expect, test } from 'vitest'
import { parseEmoji } from '../../src/features/messages/emoji.ts'

test.each([
  ['👍'],
  ['🏴󠁧󠁢󠁥󠁮󠁧󠁿'],
  ['🇩🇪'],
  ['👩🏽‍🚀'],
  ['🏳️‍🌈'],
  ['👩‍❤️‍💋‍👨'],
  ['☝🏽'],
  ['⛹🏻‍♀️'],
  ['🏽'],
  ['🧑‍🧑‍🧒‍🧒'],
  ['1️⃣'],
  ['©️'],
])('%s is an emoji in the form that it has', (emoji) => {
  expect(parseEmoji(emoji)).toBe(emoji)
})

test.each([
  ['❤', '❤️'],
  ['❤\ufe0e', '❤️'],
  ['1⃣', '1️⃣'],
  ['❤‍🔥', '❤️‍🔥'],
  ['🏳‍⚧', '🏳️‍⚧️'],
])('%s has one form', (written, emoji) => {
  expect(parseEmoji(written)).toBe(emoji)
})

test.each([
  [''],
  ['a'],
  ['1'],
  ['#'],
  ['👍👍'],
  ['👍a'],
  [' 👍'],
  ['🇩'],
  ['👨‍'],
  ['\u200d'],
  ['\ufe0f'],
  ['\ud83d'],
  ['😀\u0301'],
  ['👨‍👩‍👧'.repeat(50)],
  ['😀\u{e0061}\u{e0062}\u{e007f}'],
])('%j is none', (text) => {
  expect(parseEmoji(text)).toBeNull()
})

test('an emoji that is newer than the server works: what it is made of is reserved for such', () => {
  expect(parseEmoji('\u{1faf9}')).toBe('\u{1faf9}')
})
