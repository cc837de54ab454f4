import { pino } from 'pino'
import { expect, test } from 'vitest'
import type { App } from '../../src/app.ts'
import { drain } from '../../src/cli/drain.ts'
import { createParts } from '../../src/core/parts.ts'

test('what does not end is waited for for eight seconds, and then named', async () => {
  const lines: unknown[] = []
  const logger = pino({}, { write: (line: string) => lines.push(JSON.parse(line)) })
  const parts = createParts(logger)
  parts.add('sockets', () => {})
  parts.add('database', () => new Promise(() => {}))
  parts.addBusy('answers', () => {})
  const app = {
    dispose: parts.dispose,
    get undisposed() {
      return parts.left
    },
  } as App
  await drain(app, logger)
  const msg = expect.stringContaining('not everything has ended in time')
  expect(lines).toMatchObject([{ msg, left: ['sockets', 'database'] }])
})
