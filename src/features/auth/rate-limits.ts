import { networkOf } from '../../limits/network.ts'
import type { Claim, Rule } from '../../limits/rate-limiter.ts'
import { emailSearchLimit } from '../users/search.ts'

/** Every limit on attempts; docs/errors.md has the table for people. */
export const rateLimits = {
  /** Someone who tries passwords for one account. */
  loginByIdentifierAndAddress: { name: 'login/identifier+address', burst: 10, intervalMs: 30_000 },
  /** The same from many addresses. */
  loginByIdentifier: { name: 'login/identifier', burst: 50, intervalMs: 20_000 },
  /** Someone who tries one password for many accounts. An office may be behind one address. */
  loginByAddress: { name: 'login/address', burst: 100, intervalMs: 1_000 },
  registerByAddress: { name: 'register/address', burst: 20, intervalMs: 60_000 },
  refreshBySession: { name: 'refresh/session', burst: 20, intervalMs: 5_000 },
  refreshByAddress: { name: 'refresh/address', burst: 300, intervalMs: 200 },
  emailSearchByUser: emailSearchLimit,
  /** Someone who found a device unlocked and tries passwords there. */
  passwordCheckBySession: { name: 'password/session', burst: 10, intervalMs: 30_000 },
} as const satisfies Record<string, Rule>

/**
 * A login's budgets. They go by what was typed and never by whose account it is: known and unknown names are
 * limited alike, and nothing is shared by a username and an email of one account.
 * @param identifier as the login looks it up
 */
export function loginClaims(identifier: string, address: string): { account: Claim[]; address: Claim } {
  const network = networkOf(address)
  return {
    account: [
      { rule: rateLimits.loginByIdentifierAndAddress, subject: `${network}\0${identifier}` },
      { rule: rateLimits.loginByIdentifier, subject: identifier },
    ],
    address: { rule: rateLimits.loginByAddress, subject: network },
  }
}

/** What anyone at an address may do together. */
export function addressClaim(rule: Rule, address: string): Claim {
  return { rule, subject: networkOf(address) }
}
