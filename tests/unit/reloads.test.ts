import { pino } from 'pino'
import { expect, test } from 'vitest'
import { createReloads } from '../../src/cli/reload.ts'

const read = { manifests: 1, documents: 1 }

function create() {
  const lines: string[] = []
  const reloads = createReloads(pino({}, { write: (line: string) => lines.push(JSON.parse(line).msg) }))
  const under: { resolve(): void; reject(error: Error): void }[] = []
  const app = {
    reloadOperations: () =>
      new Promise<typeof read>((resolve, reject) => under.push({ resolve: () => resolve(read), reject })),
  }
  return { reloads, lines, under, app }
}

test('wishes that come while one is followed are one more', async () => {
  const { reloads, lines, under, app } = create()
  reloads.begin(app)
  expect(under).toHaveLength(0)
  for (let i = 0; i < 5; i++) reloads.ask()
  expect(under).toHaveLength(1)
  under[0]?.reject(new Error('not good'))
  await expect.poll(() => under.length).toBe(2)
  under[1]?.resolve()
  await expect.poll(() => lines).toHaveLength(2)
  expect(lines[0]).toContain('are not good')
  expect(lines[1]).toContain('read again')
  reloads.ask()
  expect(under).toHaveLength(3)
})

test('wishes that come before there is an app are one', () => {
  const { reloads, under, app } = create()
  for (let i = 0; i < 5; i++) reloads.ask()
  reloads.begin(app)
  expect(under).toHaveLength(1)
})
