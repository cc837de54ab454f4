// A chat in the terminal, on the standard WebSocket client. `--help` tells how it is used.
//
// It shows the last 20 messages, and then what comes. A lost connection loses nothing and shows nothing twice: events
// are followed behind the last one that was applied, and a send is repeated under its own id until it is answered. After
// an absence that the server keeps no events of, messages are fetched; of more than 100 it says how many it leaves out,
// and what became of those on the screen is not told.
import { randomUUID } from 'node:crypto'
import { createInterface, type Interface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import WebSocket from 'ws'
import { createLiveClient, followEvents } from '../clients/graphql-ws.ts'
import { logIn, Refusal, Session } from '../clients/session.ts'
import { readArguments } from './arguments.ts'
import { ask, askUntilAnswered, failure } from './ask.ts'
import { lineOf, type Message, messageFields, printable } from './lines.ts'

interface Event {
  readonly __typename: string
  readonly cursor: string
  readonly chat?: { readonly id: string }
  readonly message?: Message
}

const wanted = readArguments()
const url = new URL('/graphql', wanted.url).href
const session = new Session(url)
const client = createLiveClient({
  url: url.replace('http', 'ws'),
  session,
  webSocketImpl: WebSocket,
  retryWait: () => delay(500),
})
/** Null until there is a chat to send to: what is typed or piped before waits, and Ctrl-C is heard all the same. */
let terminal: Interface | null = null
const isTyped = process.stdout.isTTY

/** Above what is being typed. Texts and names of others are a part of it, and Parley takes them as they are written. */
function say(text: string): void {
  const columns = (isTyped && process.stdout.columns) || undefined
  process.stdout.write(`${isTyped ? '\r\x1b[K' : ''}${printable(text, columns)}\n`)
  if (isTyped) terminal?.prompt(true)
}

/** The newest message on the screen: those of a chat are numbered, and their events come in that order. */
let shown = 0
function show(message: Message): void {
  if (message.sequence <= shown) return
  shown = message.sequence
  say(lineOf(message))
}

async function openChat(): Promise<string> {
  session.begin(await logIn(url, wanted.as, wanted.password, 'Terminal'))
  const find = 'query Find($name: String!) { user(username: $name) { id } }'
  const { user } = await ask(url, session, find, { name: wanted.with })
  if (user === null) throw new Refusal(`There is nobody of the name ${wanted.with}.`)
  const open = `mutation Open($input: CreateDirectChatInput!) {
    createDirectChat(input: $input) { ... on CreateDirectChatPayload { chat { id } } ${failure} } }`
  return (await ask(url, session, open, { input: { userId: user.id } })).createDirectChat.chat.id
}

/** Of what is not on the screen yet. @returns from where to follow: what comes behind it may be shown already */
async function showEnd(chatId: string, isFirst: boolean): Promise<string> {
  const query = `query End($chatId: ID!, $last: Int!) { viewer { eventCursor }
    chat(id: $chatId) { messages(last: $last) { edges { node { ${messageFields} } } } } }`
  const last = isFirst ? 20 : 100
  const { viewer, chat } = await askUntilAnswered(url, session, query, { chatId, last })
  const messages: Message[] = chat.messages.edges.map(({ node }: { node: Message }) => node)
  const missing = (messages[0]?.sequence ?? 0) - shown - 1
  if (!isFirst && missing > 0) say(`… ${missing} messages not shown`)
  messages.forEach(show)
  return viewer.eventCursor
}

const events = `subscription Follow($after: String) { events(after: $after) { __typename cursor
  ... on MessageEvent { chat { id } message { ${messageFields} } } } }`

/** For ever: the client resumes by itself. @throws Refusal where the session has ended */
async function follow(chatId: string, start: string): Promise<never> {
  for (let after = start; ; await delay(500)) {
    try {
      for await (const event of followEvents<Event>(client, { query: events, variables: { after } })) {
        if (event.chat?.id === chatId && event.message) apply(event.__typename, event.message)
        after = event.cursor
      }
    } catch (problem) {
      if (problem instanceof Refusal) throw problem
      const [error] = problem instanceof AggregateError ? problem.errors : []
      if (error?.extensions?.code === 'CURSOR_EXPIRED') after = await showEnd(chatId, false)
    }
  }
}

function apply(kind: string, message: Message): void {
  if (kind === 'MessageAdded') show(message)
  else if (kind === 'MessageEdited') say(`${lineOf(message)} (edited)`)
  else if (kind === 'MessageDeleted') say(lineOf(message))
}

/** The texts, by their ids, that no answer has come to. */
const unsent = new Map<string, string>()
let sending = Promise.resolve()
/** One at a time, in the order of typing. Its event shows it, as it does on the other side. */
function send(chatId: string, text: string): void {
  const input = { chatId, text, clientMessageId: randomUUID() }
  const mutation = `mutation Send($input: SendMessageInput!) {
    sendMessage(input: $input) { ... on SendMessagePayload { deduplicated } ${failure} } }`
  unsent.set(input.clientMessageId, text)
  sending = sending
    .then(() => askUntilAnswered(url, session, mutation, { input }))
    .catch((problem: Error) => say(`Not sent: ${problem.message}`))
    .finally(() => unsent.delete(input.clientMessageId))
}

let isEnding = false
async function end(problem?: unknown): Promise<void> {
  if (isEnding) return
  isEnding = true
  // What was typed is sent, as long as one goes after the other. A server that is away is not waited for.
  for (let left = Number.POSITIVE_INFINITY; !problem && unsent.size > 0 && unsent.size < left; ) {
    left = unsent.size
    await Promise.race([sending, delay(1_500)])
  }
  terminal?.close()
  if (isTyped) console.log()
  for (const text of unsent.values()) console.log(printable(`Not sent: ${text}`))
  const logOut = () => ask(url, session, 'mutation LogOut { logout { success } }').catch(() => {})
  if (!problem) await Promise.race([logOut(), delay(unsent.size === 0 ? 2_000 : 500)])
  else
    console.error(printable(problem instanceof Refusal ? problem.message : `${wanted.url} does not answer.`))
  process.exit(problem ? 1 : 0)
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void end())
try {
  const chatId = await openChat()
  const start = await showEnd(chatId, true)
  say(`— you are ${wanted.as}, with ${wanted.with}; /quit ends —`)
  let isOnline = false
  client.on('connected', () => {
    isOnline = true
  })
  client.on('closed', () => {
    if (isOnline && !isEnding) say('reconnecting…')
    isOnline = false
  })
  follow(chatId, start).catch(end)
  terminal = createInterface({ input: process.stdin, output: process.stdout, prompt: '> ' })
  terminal.on('line', (line) => {
    // What was typed makes room for the message.
    if (isTyped) process.stdout.write('\x1b[1A\x1b[K')
    if (line.trim() === '/quit') void end()
    else if (line.trim() !== '' && !isEnding) send(chatId, line)
  })
  terminal.on('close', () => void end())
  terminal.on('SIGINT', () => void end())
  if (isTyped) terminal.prompt()
} catch (problem) {
  await end(problem)
}
