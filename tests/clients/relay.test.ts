import { test } from 'vitest'
import { only, takeJourney } from './journey.ts'
import { createRelayClient } from './relay/client.tsx'

test('Relay, where only its documents may run', async () => {
  await takeJourney(createRelayClient, only('relay'))
})
