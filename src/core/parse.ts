import { z } from 'zod'
import { ValidationError } from './errors.ts'

/** From untrusted to typed: every problem of the input at once, each with its path. */
export function parseInput<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const result = schema.safeParse(input)
  if (result.success) return result.data
  throw new ValidationError(
    result.error.issues.map((issue) => ({ path: issue.path.map(String), message: issue.message })),
  )
}

/** Length in Unicode code points: what a person counts, near enough, and the same on every platform. */
export function codePointLength(text: string): number {
  let length = 0
  for (const _ of text) length++
  return length
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for.
const controlCharacter = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/

/** Whether text has a control character other than tab and newline, or half of a surrogate pair. */
export function hasForbiddenCharacter(text: string): boolean {
  return controlCharacter.test(text) || !text.isWellFormed()
}

/**
 * Blank to a reader: white space, and characters that show nothing (zero-width space and joiners,
 * word joiner, soft hyphen, fillers, variation selectors).
 */
export function isBlank(text: string): boolean {
  return /^[\s\p{Default_Ignorable_Code_Point}\u2800]*$/u.test(text)
}

/** Line and paragraph separators, and what turns the direction of the text that stands around a name. */
const notInLine = /[\n\t\u2028\u2029\u202a-\u202e\u2066-\u2069]/

/** One line of visible text within limits, trimmed: a title, a display name, a device name. */
export function lineOfText(name: string, limits: { min: number; max: number }) {
  const article = `${name} must have ${limits.min} to ${limits.max} characters.`
  return z
    .string()
    .trim()
    .refine((text) => codePointLength(text) >= limits.min && codePointLength(text) <= limits.max, article)
    .refine((text) => text === '' || !isBlank(text), `${name} must not be blank.`)
    .refine((text) => !hasForbiddenCharacter(text) && !notInLine.test(text), {
      message: `${name} must not contain control characters or line breaks.`,
    })
}
