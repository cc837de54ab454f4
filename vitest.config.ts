import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: {
    // The package has a CommonJS and an ES build, and two copies of graphql refuse each other's schemas.
    alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }],
  },
  test: {
    include: ['tests/**/*.test.ts'],
    globalSetup: ['tests/testkit/global-setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 30_000,
    teardownTimeout: 30_000,
    // Whoever waits for a condition waits for it on a busy machine, too.
    expect: { poll: { timeout: 10_000 } },
  },
})
