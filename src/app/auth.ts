import type { Config } from '../config.ts'
import type { Store } from '../events/store.ts'
import type { Auth } from '../features/auth/actions.ts'
import { createIsCommonPassword } from '../features/auth/common-passwords.ts'
import { createPasswords, type PasswordCost } from '../features/auth/passwords.ts'
import { createAuthenticator } from '../features/auth/sessions.ts'
import { createAccessTokens } from '../features/auth/tokens.ts'
import type { RateLimiter } from '../limits/rate-limiter.ts'
import { seedPassword } from '../seed/rows.ts'

/** What logging in and being logged in take; the shell uses it without a server. */
export async function createAuth(options: {
  store: Store
  config: Config
  jwtSecrets: readonly string[]
  limits: RateLimiter
  passwordCost?: PasswordCost
}): Promise<Auth> {
  const { store, config } = options
  const accessTokens = createAccessTokens({
    secrets: options.jwtSecrets,
    ttlSeconds: config.accessTokenTtlSeconds,
  })
  return {
    passwords: await createPasswords(options.passwordCost && { cost: options.passwordCost }),
    accessTokens,
    authenticator: createAuthenticator({ store, accessTokens }),
    refreshTokenTtlSeconds: config.refreshTokenTtlSeconds,
    // The password of the demo accounts is common, and whoever tries things out uses it.
    isCommonPassword: createIsCommonPassword(config.production ? null : seedPassword),
    limits: options.limits,
  }
}
