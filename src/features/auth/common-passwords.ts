import { createRequire } from 'node:module'

/**
 * Whether a password is among the most common ones, whatever its case: some five thousand of the fifty
 * thousand in the list of zxcvbn, for the others break the rules of a password anyway.
 * @param except one that is let through all the same, as it is written
 */
export function createIsCommonPassword(except: string | null): (password: string) => boolean {
  let common: ReadonlySet<string> | null = null
  return (password) => {
    if (password === except) return false
    common ??= loadCommonPasswords()
    return common.has(password.toLowerCase())
  }
}

/** Takes some 40 ms, which the start of a server is spared: the first new password pays for it. */
function loadCommonPasswords(): ReadonlySet<string> {
  const require = createRequire(import.meta.url)
  const { dictionary }: typeof import('@zxcvbn-ts/language-common') = require('@zxcvbn-ts/language-common')
  return new Set(dictionary['passwords-common'].filter(couldPassTheRules))
}

/** In lower case, as the list is. */
function couldPassTheRules(password: string): boolean {
  return password.length >= 8 && /\p{Nd}/u.test(password) && /\p{L}.*\p{L}/u.test(password)
}
