import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { addressOf, newFolder, run } from './cli.ts'

// Each of these makes a Postgres of its own and starts whole processes.
vi.setConfig({ testTimeout: 60_000 })

const conversation = `
const alice = await as('alice')
const { chat } = await createDirectChat(store, alice, { userId: toGlobalId('User', (await as('bob')).userId) })
const sent = await sendMessage(store, alice, { chatId: toGlobalId('Chat', chat.id), clientMessageId: 'one', text: 'From the shell' })
console.log('sent', sent.message.sequence === chat.lastSequence + 1, await prisma.user.count())
`

test('a shell speaks for anyone through the actions, and leaves nothing running', async () => {
  const dataDir = newFolder()
  await run(['seed'], { env: { DATA_DIR: dataDir } }).ended
  const { code, stdout, stderr } = await run(['shell'], { env: { DATA_DIR: dataDir }, input: conversation })
    .ended
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toContain('sent true 3')
  expect(existsSync(join(dataDir, 'lock'))).toBe(false)
})

test('a shell works beside the running server, on its database', async () => {
  const dataDir = newFolder()
  const server = run(['serve'], { env: { DATA_DIR: dataDir } })
  try {
    await addressOf(server)
    const { code, stdout } = await run(['shell'], { env: { DATA_DIR: dataDir }, input: conversation }).ended
    expect(code).toBe(0)
    expect(stdout).toContain('sent true 3')
  } finally {
    server.child.kill('SIGTERM')
    expect(await server.ended).toMatchObject({ code: 0, stderr: '' })
  }
})
