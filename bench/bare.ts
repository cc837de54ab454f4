import { createServer } from 'node:http'
import pg from 'pg'
import { findChatsStatement } from '../src/features/chats/access.ts'
import { sendStatement } from '../src/features/messages/actions.ts'
import { backwardStatement } from '../src/features/messages/lists.ts'

/**
 * The peer: the same statements, prepared over a pool of the same size, behind a bare `node:http`. No
 * GraphQL, no tokens, no validation: what the database and Node alone can do.
 */
const [databaseUrl, port, userId, chatId] = process.argv.slice(2)
const pool = new pg.Pool({ connectionString: databaseUrl, max: 10 })

async function page(): Promise<unknown> {
  const chats = await pool.query({ ...findChatsStatement, values: [userId, [chatId]] })
  const { rows } = await pool.query({
    ...backwardStatement,
    values: [[chatId], 0, 2_147_483_647, 51, userId],
  })
  const edges = rows
    .slice(0, 50)
    .reverse()
    .map((row) => ({
      cursor: String(row.sequence),
      node: {
        id: row.id,
        sequence: row.sequence,
        text: row.text,
        createdAt: row.created_at,
        editedAt: row.edited_at,
        deletedAt: row.deleted_at,
        author: { id: row.author_id, username: row.username, displayName: row.display_name },
      },
    }))
  return { data: { chat: { id: chats.rows[0].id, title: chats.rows[0].title, messages: { edges } } } }
}

async function send(body: { text: string; clientMessageId: string }): Promise<unknown> {
  const values = [null, chatId, userId, body.clientMessageId, 'USER', body.text, Buffer.alloc(32)]
  const { rows } = await pool.query({ ...sendStatement, values })
  return { data: { message: rows[0] } }
}

createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk) => chunks.push(chunk))
  request.on('end', async () => {
    const body = JSON.parse(Buffer.concat(chunks).toString())
    const result = request.url === '/page' ? await page() : await send(body)
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(result))
  })
}).listen(Number(port), '127.0.0.1', () => console.log('ready'))
