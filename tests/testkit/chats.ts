import type { Data, TestClient } from './client.ts'
import { CreateDirectChat, CreateGroupChat, SendMessage } from './operations.ts'

/** What most tests begin with; each fails with the answer when it did not work. */

export async function createDirectChat(client: TestClient, userId: string): Promise<string> {
  const { createDirectChat: payload } = await client.run(CreateDirectChat, { input: { userId } })
  return expectPayload(payload).chat.id
}

export async function createGroupChat(
  client: TestClient,
  memberIds: readonly string[] = [],
  title = 'A group',
): Promise<string> {
  const { createGroupChat: payload } = await client.run(CreateGroupChat, { input: { title, memberIds } })
  return expectPayload(payload).chat.id
}

let count = 0

export async function sendMessage(client: TestClient, chatId: string, text: string): Promise<Data> {
  const input = { chatId, text, clientMessageId: `m${++count}` }
  const { sendMessage: payload } = await client.run(SendMessage, { input })
  return expectPayload(payload).message
}

function expectPayload(payload: Data): Data {
  if (!payload.__typename.endsWith('Payload')) throw new Error(`Refused: ${JSON.stringify(payload)}`)
  return payload
}
