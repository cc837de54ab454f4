import { test, vi } from 'vitest'
import { only, takeJourney } from './journey.ts'
import { createRelayClient } from './relay/client.tsx'

// It waits for tokens to end, twice and more.
vi.setConfig({ testTimeout: 60_000 })

test('Relay, where only its documents may run', async () => {
  await takeJourney(createRelayClient, only('relay'))
})
