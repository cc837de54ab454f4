import { z } from 'zod'
import { codePointLength, hasForbiddenCharacter, isBlank, lineOfText } from '../../core/parse.ts'

const username = z
  .string()
  .refine((name) => name.length >= 3 && name.length <= 80, 'The username must have 3 to 80 characters.')
  .refine((name) => /^[A-Za-z0-9_]*$/.test(name), {
    message: 'The username may have only letters A to Z, digits and underscores.',
  })

/**
 * Whether an address works is for a mail to find out; this refuses what cannot be one. Non-ASCII
 * addresses are refused too: two spellings of one address could look alike.
 */
const email = z
  .string()
  .refine((address) => address.length <= 120, 'The email must have at most 120 characters.')
  .refine((address) => /^[!-?A-~]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$/.test(address), {
    message: 'The email must be an address such as name@example.com.',
  })

/** The longest password, in Unicode code points. */
const longestPassword = 128

const newPassword = z
  .string()
  .refine((password) => codePointLength(password) >= 8, 'The password must have at least 8 characters.')
  .refine((password) => codePointLength(password) <= longestPassword, {
    message: `The password must have at most ${longestPassword} characters.`,
  })
  .refine((password) => /\p{Lu}/u.test(password), 'The password must have an upper-case letter.')
  .refine((password) => /\p{Ll}/u.test(password), 'The password must have a lower-case letter.')
  .refine((password) => /\p{Nd}/u.test(password), 'The password must have a digit.')
  .refine((password) => !hasForbiddenCharacter(password), {
    message: 'The password must not contain control characters.',
  })

/** What an attacker tries first. Reported only where nothing else is wrong with the password. */
function refuseGuessable<Path extends string, Input extends Readonly<Record<Path, string>>>(
  path: Path,
  isCommon: (password: string) => boolean,
  namesOf: (input: Input) => { username: string; email: string },
) {
  return ({ value, issues }: { value: Input; issues: z.core.$ZodRawIssue[] }) => {
    if (issues.some((issue) => issue.path?.[0] === path)) return
    const password: string = value[path]
    const { username, email } = namesOf(value)
    const names = [username, email, email.replace(/@.*/, '')]
    const refuse = (message: string) =>
      issues.push({ code: 'custom', path: [path], input: password, message })
    if (names.some((name) => name.toLowerCase() === password.toLowerCase())) {
      refuse('The password must not be the username or the email.')
    } else if (isCommon(password)) refuse('This password is one of the most common ones.')
  }
}

const displayName = lineOfText('The display name', { min: 1, max: 80 })
const deviceName = lineOfText('The device name', { min: 1, max: 80 })

export const registerInput = (isCommon: (password: string) => boolean) =>
  z
    .object({
      username,
      email,
      password: newPassword,
      displayName: displayName.nullish(),
      deviceName: deviceName.nullish(),
    })
    .check(refuseGuessable('password', isCommon, (input) => input))

export const changePasswordInput = (
  isCommon: (password: string) => boolean,
  account: { username: string; email: string },
) =>
  z
    .object({ currentPassword: z.string(), newPassword })
    .check(refuseGuessable('newPassword', isCommon, () => account))
    .refine((input) => input.newPassword !== input.currentPassword, {
      path: ['newPassword'],
      message: 'The new password must be another one.',
    })

/** The longest bio, in Unicode code points. */
const longestBio = 500

const bio = z
  .string()
  .trim()
  .transform((text) => text.replaceAll('\r\n', '\n'))
  .refine(
    (text) => codePointLength(text) <= longestBio,
    `The bio must have at most ${longestBio} characters.`,
  )
  .refine((text) => !hasForbiddenCharacter(text) && !text.includes('\t'), {
    message: 'The bio must not contain control characters other than line breaks.',
  })
  .transform((text) => (isBlank(text) ? null : text))

export const updateProfileInput = z.object({
  username: username.nullish(),
  displayName: displayName.nullish(),
  bio: bio.nullish(),
})

export const changeEmailInput = z.object({ password: z.string(), email })

/** A login is checked for nothing but its device name: what is wrong with the rest is not told. */
export const loginInput = z.object({
  identifier: z.string(),
  password: z.string(),
  deviceName: deviceName.nullish(),
})

/** A password longer than any account's is wrong; hashing it would only cost time. */
export function couldBePassword(password: string): boolean {
  return password.length <= longestPassword * 2
}
