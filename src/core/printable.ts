/**
 * Text from elsewhere, as it may be printed: what would move the cursor, end the line or hide letters (control and
 * format characters, halves of letters) stands there as its escape.
 */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu,
    (each) => `\\u{${each.codePointAt(0)?.toString(16)}}`,
  )
}
