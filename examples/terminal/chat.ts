// A chat in the terminal, on the standard WebSocket client:
//
//   node --import tsx examples/terminal/chat.ts --url http://127.0.0.1:4000 --as alice --password Password123 --with bob
//
// It shows the last 20 messages, and then what comes. A lost connection loses nothing and shows nothing twice: events
// are followed behind the last one that was applied, and a send is repeated under its own id until it is answered. After
// an absence that the server keeps no events of, messages are fetched; of more than 200 it says how many it leaves out,
// and what became of those on the screen is not told.
import { randomUUID } from 'node:crypto'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import WebSocket from 'ws'
import { createLiveClient, followEvents } from '../clients/graphql-ws.ts'
import { printable } from './lines.ts'
import { failure, Refusal, Session } from './session.ts'

const { values } = parseArgs({
  options: {
    url: { type: 'string', default: 'http://127.0.0.1:4000' },
    as: { type: 'string', default: '' },
    password: { type: 'string', default: '' },
    with: { type: 'string', default: '' },
  },
})

interface Message {
  readonly sequence: number
  readonly text: string | null
  readonly createdAt: string
  readonly author: { readonly username: string } | null
}
interface Event {
  readonly __typename: string
  readonly cursor: string
  readonly chat?: { readonly id: string }
  readonly message?: Message
}
interface Page {
  readonly edges: readonly { readonly node: Message }[]
  readonly pageInfo: { readonly startCursor: string | null; readonly hasPreviousPage: boolean }
}
const messageFields = 'sequence text createdAt author { username }'

const session = new Session(values.url)
const terminal = createInterface({ input: process.stdin, output: process.stdout, prompt: '> ' })
const isTyped = process.stdout.isTTY

/** Above what is being typed. Texts and names of others are a part of it, and Parley takes them as they are written. */
function say(text: string): void {
  const columns = isTyped ? process.stdout.columns : undefined
  process.stdout.write(`${isTyped ? '\r\x1b[K' : ''}${printable(text, columns)}\n`)
  if (isTyped) terminal.prompt(true)
}

/** The newest message on the screen: those of a chat are numbered, and their events come in that order. */
let shown = 0
function show(message: Message): void {
  if (message.sequence <= shown) return
  shown = message.sequence
  say(lineOf(message))
}

function lineOf({ createdAt, author, text }: Message): string {
  return `${createdAt.slice(11, 16)} ${author?.username ?? 'somebody'}: ${text ?? '(taken back)'}`
}

async function openChat(): Promise<string> {
  await session.login(values.as, values.password, 'Terminal')
  const { user } = await session.ask('query Find($name: String!) { user(username: $name) { id } }', {
    name: values.with,
  })
  if (user === null) throw new Refusal({ code: 'NOT_FOUND' })
  const create = `mutation Open($input: CreateDirectChatInput!) {
    createDirectChat(input: $input) { ... on CreateDirectChatPayload { chat { id } } ${failure} } }`
  return (await session.ask(create, { input: { userId: user.id } })).createDirectChat.chat.id
}

const pageQuery = `query Page($chatId: ID!, $last: Int!, $before: String) { viewer { eventCursor }
  chat(id: $chatId) { messages(last: $last, before: $before) {
    edges { node { ${messageFields} } } pageInfo { startCursor hasPreviousPage } } } }`
const mostMissed = 200

/** Shows the end of the chat. @returns from where to follow: what comes behind it may be shown already, but is all there */
async function showHistory(chatId: string): Promise<string> {
  const { viewer, chat } = await session.askUntilAnswered(pageQuery, { chatId, last: 20 })
  for (const { node } of chat.messages.edges) show(node)
  return viewer.eventCursor
}

/** Shows what is behind the newest message on the screen, of very much the end. @returns from where to follow */
async function showMissed(chatId: string): Promise<string> {
  const missed: Message[] = []
  let from: string | undefined
  for (let before: string | null = null; ; ) {
    const page = await session.askUntilAnswered(pageQuery, { chatId, last: 100, before })
    // Of the first page: what comes while the others are read is behind it.
    from ??= page.viewer.eventCursor as string
    const { edges, pageInfo } = page.chat.messages as Page
    missed.unshift(...edges.map(({ node }) => node).filter(({ sequence }) => sequence > shown))
    const oldest = missed[0]?.sequence ?? 0
    const isWhole = !pageInfo.hasPreviousPage || oldest <= shown + 1 || edges[0]?.node.sequence !== oldest
    if (!isWhole && missed.length < mostMissed) {
      before = pageInfo.startCursor
      continue
    }
    if (!isWhole) say(`… ${oldest - shown - 1} messages not shown`)
    missed.forEach(show)
    return from
  }
}

const client = createLiveClient({
  url: new URL('/graphql', values.url.replace(/^http/, 'ws')).href,
  webSocketImpl: WebSocket,
  session,
  retryAttempts: Number.POSITIVE_INFINITY,
  retryWait: () => delay(500),
  shouldRetry: (problem) => !(problem instanceof Refusal),
  keepAlive: 10_000,
})
// A network that is gone says nothing: what does not answer is cut off.
let patience: NodeJS.Timeout | undefined
client.on('ping', (isReceived) => {
  if (!isReceived) patience = setTimeout(() => client.terminate(), 5_000)
})
client.on('pong', () => clearTimeout(patience))
let isOnline = false
client.on('connected', () => {
  isOnline = true
})
client.on('closed', (event) => {
  clearTimeout(patience)
  if ((event as { code?: number }).code === 4403) session.distrust()
  if (isOnline && !ending) say('reconnecting…')
  isOnline = false
})

const events = `subscription Follow($after: String) { events(after: $after) { __typename cursor
  ... on MessageEvent { chat { id } message { ${messageFields} } } } }`

/** For ever. The client resumes by itself; what ends its attempts is looked into here. @throws Refusal */
async function follow(chatId: string, start: string): Promise<never> {
  for (let after = start; ; ) {
    try {
      for await (const event of followEvents<Event>(client, { query: events, variables: { after } })) {
        if (event.chat?.id === chatId && event.message) apply(event.__typename, event.message)
        after = event.cursor
      }
    } catch (problem) {
      // Either way the server is asked with a good token: without one there is nothing to go on with.
      if (JSON.stringify(problem).includes('CURSOR_EXPIRED')) after = await showMissed(chatId)
      else await session.askUntilAnswered('{ viewer { id } }')
      await delay(500)
    }
  }
}

function apply(kind: string, message: Message): void {
  if (kind === 'MessageAdded') show(message)
  else if (kind === 'MessageEdited') say(`${lineOf(message)} (edited)`)
  else if (kind === 'MessageDeleted') say(lineOf(message))
}

/** One at a time, in the order of typing. Its event shows it, as it does on the other side. */
let sending = Promise.resolve()
/** The texts, by their ids, that no answer has come to. */
const unsent = new Map<string, string>()
function send(chatId: string, text: string): void {
  const input = { chatId, text, clientMessageId: randomUUID() }
  const mutation = `mutation Send($input: SendMessageInput!) {
    sendMessage(input: $input) { ... on SendMessagePayload { deduplicated } ${failure} } }`
  unsent.set(input.clientMessageId, text)
  sending = sending
    .then(() => session.askUntilAnswered(mutation, { input }))
    .catch((problem: Error) => say(`Not sent: ${problem.message}`))
    .finally(() => unsent.delete(input.clientMessageId))
}

/** As long as one goes after the other. */
async function finishSending(): Promise<void> {
  for (let left = Number.POSITIVE_INFINITY; unsent.size > 0 && unsent.size < left; ) {
    left = unsent.size
    await Promise.race([sending, delay(1_500)])
  }
}

let ending: Promise<never> | undefined
function end(problem?: unknown): Promise<never> {
  ending ??= (async () => {
    if (problem === undefined) await finishSending()
    terminal.close()
    if (isTyped) process.stdout.write('\n')
    for (const text of unsent.values()) console.log(printable(`Not sent: ${text}`))
    // A server that is away is not waited for.
    if (problem === undefined) await Promise.race([session.logout(), delay(unsent.size === 0 ? 2_000 : 500)])
    else
      console.error(
        printable(problem instanceof Refusal ? problem.message : `${values.url} does not answer.`),
      )
    process.exit(problem === undefined ? 0 : 1)
  })()
  return ending
}

try {
  const chatId = await openChat()
  const start = await showHistory(chatId)
  say(`— you are ${values.as}, with ${values.with}; /quit ends —`)
  follow(chatId, start).catch(end)
  terminal.on('line', (line) => {
    // What was typed makes room for the message.
    if (isTyped) process.stdout.write('\x1b[1A\x1b[K')
    if (line.trim() === '/quit') void end()
    else if (line.trim() !== '' && !ending) send(chatId, line)
  })
  terminal.on('close', () => void end())
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void end())
  terminal.on('SIGINT', () => void end())
} catch (problem) {
  await end(problem)
}
