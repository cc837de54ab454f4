import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { createDirectChat, createGroupChat, sendMessage } from '../testkit/chats.ts'
import type { Data } from '../testkit/client.ts'
import { ChatMessages, DeleteMessage, EditMessage } from '../testkit/operations.ts'

let app: TestApp
let owner: TestUser
let admin: TestUser
let author: TestUser
let member: TestUser
let groupId: string
let message: Data
beforeAll(async () => {
  app = await startTestApp()
  ;[owner, admin, author, member] = (await Promise.all(
    ['owner', 'admin', 'author', 'member'].map((name) => app.register(name)),
  )) as [TestUser, TestUser, TestUser, TestUser]
  groupId = await createGroupChat(owner, [admin.id, author.id, member.id])
  await sql("UPDATE chat_members SET role = 'ADMIN' WHERE user_id = $1", rowId(admin.id))
})
beforeEach(async () => {
  message = await sendMessage(author, groupId, 'as it was sent')
})
afterAll(() => app.dispose())

const rowId = (id: string) => Buffer.from(id, 'base64url').toString().split(':')[1] ?? ''
const sql = (text: string, ...values: unknown[]) =>
  app.app.database.query<Record<string, unknown>>({ name: text.slice(0, 60), text }, values)

async function edit(viewer: TestUser, text = 'edited', messageId = message.id): Promise<Data> {
  return (await viewer.run(EditMessage, { input: { messageId, text } })).editMessage
}

async function remove(viewer: TestUser, messageId = message.id): Promise<Data> {
  return (await viewer.run(DeleteMessage, { input: { messageId } })).deleteMessage
}

async function seenBy(viewer: TestUser, id = message.id): Promise<Data> {
  const Ask =
    'query ($id: ID!) { node(id: $id) { ... on Message { text editedAt deletedAt viewerCanEdit viewerCanDelete } } }'
  return (await viewer.run(Ask, { id })).node
}

describe('in a group', () => {
  test.each<[string, () => TestUser, edits: boolean, deletes: boolean]>([
    ['its author edits and deletes a message', () => author, true, true],
    ['its owner deletes a message of another, and does not edit it', () => owner, false, true],
    ['an admin deletes a message of another, and does not edit it', () => admin, false, true],
    ['a member does neither with a message of another', () => member, false, false],
  ])('%s', async (_what, who, edits, deletes) => {
    expect(await seenBy(who())).toMatchObject({ viewerCanEdit: edits, viewerCanDelete: deletes })
    const edited = await edit(who())
    expect(edited.code ?? edited.message.text).toBe(edits ? 'edited' : 'FORBIDDEN')
    const deleted = await remove(who())
    expect(deleted.code ?? deleted.deletedMessageId).toBe(deletes ? message.id : 'FORBIDDEN')
    expect(await seenBy(author)).toMatchObject(
      deletes
        ? { text: null, deletedAt: expect.any(String), viewerCanEdit: false, viewerCanDelete: false }
        : { text: 'as it was sent', editedAt: null, deletedAt: null },
    )
  })
})

test('in a direct chat neither side deletes a message of the other', async () => {
  const chatId = await createDirectChat(owner, author.id)
  const { id } = await sendMessage(author, chatId, 'hello')
  expect(await seenBy(owner, id)).toMatchObject({ viewerCanEdit: false, viewerCanDelete: false })
  expect((await remove(owner, id)).code).toBe('FORBIDDEN')
  expect((await edit(owner, 'x', id)).code).toBe('FORBIDDEN')
  expect((await remove(author, id)).message).toMatchObject({ id, text: null })
})

test('an edit keeps the place, the author and the time of sending', async () => {
  const { message: edited } = await edit(author)
  expect(edited).toEqual({ ...message, text: 'edited', editedAt: expect.any(String) })
  expect(Date.parse(edited.editedAt)).toBeGreaterThanOrEqual(Date.parse(message.createdAt))
  const { chat } = await member.run(ChatMessages, { id: groupId, last: 1 })
  expect(chat.messages.edges[0].node).toMatchObject({ id: message.id, text: 'edited' })
})

test('the same text again is no edit', async () => {
  expect((await edit(author, 'as it was sent')).message).toEqual(message)
  expect((await edit(author, 'as it was sent ')).message.editedAt).not.toBeNull()
})

test('a deleted message cannot be edited, and deleting it again changes nothing', async () => {
  const { message: tombstone } = await remove(author)
  expect(tombstone).toEqual({ ...message, text: null, deletedAt: expect.any(String) })
  expect(await edit(author)).toMatchObject({ __typename: 'ConflictError', code: 'CONFLICT' })
  expect((await remove(author)).message).toEqual(tombstone)
  expect((await remove(owner)).message).toMatchObject({ id: message.id, deletedAt: tombstone.deletedAt })
})

test('a deleted text is gone from the database, and so is what it was before an edit', async () => {
  await edit(author, 'a text to be found nowhere')
  await remove(author)
  const [row] = await sql('SELECT * FROM messages WHERE id = $1', rowId(message.id))
  expect(row).toMatchObject({ text: null })
  expect(JSON.stringify(row)).not.toMatch(/nowhere|as it was sent/)
})

test('a deleted message keeps its place', async () => {
  const after = await sendMessage(author, groupId, 'after')
  await remove(author)
  const { chat } = await member.run(ChatMessages, { id: groupId, last: 2 })
  expect(chat.messages.edges.map(({ node }: Data) => [node.sequence, node.text])).toEqual([
    [message.sequence, null],
    [after.sequence, 'after'],
  ])
  expect(after.sequence).toBe(message.sequence + 1)
})

test('an edit and a deletion at once leave a tombstone without a text', async () => {
  for (let i = 0; i < 10; i++) {
    const { id } = await sendMessage(author, groupId, 'short-lived')
    const [edited, deleted] = await Promise.all([edit(author, 'too late', id), remove(owner, id)])
    expect(deleted.deletedMessageId).toBe(id)
    expect([undefined, 'CONFLICT']).toContain(edited.code)
    expect(await seenBy(author, id)).toMatchObject({ text: null, deletedAt: expect.any(String) })
  }
})

test('ten deletions at once are one', async () => {
  const payloads = await Promise.all(Array.from({ length: 10 }, () => remove(author)))
  expect(new Set(payloads.map((payload) => payload.message.deletedAt)).size).toBe(1)
})
