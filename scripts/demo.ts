// What Parley does, told as it happens, by two new people on a server that runs:
//
//   npm run demo [-- http://127.0.0.1:4000]      or PARLEY_URL in the environment
//
// They delete their accounts in the end, and where it ends halfway, whatever answers were lost. Exit code 0, or 1 with one
// line that says what went wrong.
import { randomBytes, randomUUID } from 'node:crypto'
import { type Client, createClient } from 'graphql-ws'
import WebSocket from 'ws'
import { followEvents } from '../examples/clients/graphql-ws.ts'

const url = process.argv[2] ?? process.env['PARLEY_URL'] ?? 'http://127.0.0.1:4000'
const patienceMs = 10_000

// biome-ignore lint/suspicious/noExplicitAny: an answer has the shape of whatever was asked.
type Data = any

class Problem extends Error {
  readonly code: string
  constructor(message: string, code = '') {
    super(message)
    this.code = code
  }
}

const say = (line: string) => console.log(`  ${line}`)
const chapter = (title: string) => console.log(`\n${title}`)

const otherServer = `No Parley answers at ${url}. Start one with npm start.`

/** The only field of an operation. @throws Problem what the server says where it refuses */
async function ask(query: string, variables: object = {}, token?: string): Promise<Data> {
  const { data, errors } = await post({ query, variables }, token).catch(() => {
    throw new Problem(otherServer)
  })
  if (errors?.[0]) throw new Problem(meaningOf(errors[0]))
  const [result] = Object.values<Data>(Object(data))
  // Null says that there is nothing of that kind; no field at all, that this is no GraphQL.
  if (result === undefined) throw new Problem(otherServer)
  if (result?.code) throw new Problem(`${result.code}: ${result.reason}`, result.code)
  return result
}

interface Failure {
  readonly message: string
  readonly extensions?: { readonly code?: string }
}

function meaningOf({ message, extensions }: Failure): string {
  if (extensions?.code === 'PERSISTED_QUERY_NOT_IN_LIST')
    return `${url} runs the operations of its manifests only (PERSISTED_OPERATIONS=only), and the demo's are in none.`
  if (extensions?.code === 'GRAPHQL_VALIDATION_FAILED')
    return `${url} is of another version than this demo: ${message}`
  return String(message)
}

async function post(body: object, token?: string): Promise<{ data?: Data; errors?: Failure[] }> {
  const response = await fetch(new URL('/graphql', url), {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(patienceMs),
  })
  return Object(await response.json())
}

/** What comes in time. @throws Problem */
async function inTime<Result>(coming: Promise<Result>, otherwise: string): Promise<Result> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Problem(otherwise)), patienceMs)
  })
  return Promise.race([coming, late]).finally(() => clearTimeout(timer))
}

const failure = '... on UserError { code reason }'
const eventsQuery = `subscription Demo($after: String) { events(after: $after) { __typename cursor
  ... on MessageEvent { message { id sequence text author { displayName } reactions { emoji count } } } } }`

interface Event {
  readonly __typename: string
  readonly cursor: string
  readonly message?: { sequence: number; text: string; reactions: { emoji: string; count: number }[] }
}

/** Somebody with an account and a socket. */
class Person {
  readonly name: string
  readonly username: string
  id = ''
  token = ''
  readonly #password = `Aa1${randomUUID()}`
  readonly heard: Event[] = []
  readonly #sockets: WebSocket[] = []
  #client: Client | null = null
  #check = () => {}

  constructor(name: string) {
    this.name = name
    this.username = `${name.toLowerCase()}_${randomBytes(4).toString('hex')}`
  }

  ask(query: string, variables: object = {}): Promise<Data> {
    return ask(query, variables, this.token)
  }

  #registering: Promise<void> | null = null
  register(): Promise<void> {
    if (isStopped) throw stop
    this.#registering = this.#register()
    return this.#registering
  }

  async #register(): Promise<void> {
    const { username, name: displayName } = this
    const input = { username, displayName, email: `${username}@example.com`, password: this.#password }
    const { viewer, tokens } = await ask(
      `mutation Register($input: RegisterInput!) { register(input: $input) { ${failure}
        ... on RegisterPayload { viewer { user { id } } tokens { accessToken } } } }`,
      { input },
    )
    this.id = viewer.user.id
    this.token = tokens.accessToken
  }

  send(chatId: string, text: string, clientMessageId: string = randomUUID()): Promise<Data> {
    return this.ask(
      `mutation Send($input: SendMessageInput!) { sendMessage(input: $input) { ${failure}
        ... on SendMessagePayload { deduplicated message { id sequence } } } }`,
      { input: { chatId, text, clientMessageId } },
    )
  }

  /** Follows everything that concerns them, from now on, over reconnects. */
  async listen(): Promise<void> {
    this.#client = createClient({
      url: new URL('/graphql', url.replace(/^http/, 'ws')).href,
      webSocketImpl: WebSocket,
      connectionParams: { authorization: `Bearer ${this.token}` },
      retryAttempts: 5,
      retryWait: async () => this.#away,
      on: { opened: (socket) => this.#sockets.push(socket as WebSocket) },
    })
    const { eventCursor } = await this.ask('{ viewer { eventCursor } }')
    const client = this.#client
    ;(async () => {
      for await (const event of followEvents<Event>(client, {
        query: eventsQuery,
        variables: { after: eventCursor },
      })) {
        this.heard.push(event)
        this.#check()
      }
    })().catch(() => {})
    await this.hears('CaughtUp')
  }

  async watchTyping(chatId: string): Promise<() => Promise<boolean>> {
    const typing = this.#client?.iterate<{ typing: { isTyping: boolean } }>({
      query: 'subscription Typing($chatId: ID!) { typing(chatId: $chatId) { isTyping } }',
      variables: { chatId },
    })
    return async () => (await typing?.next())?.value?.data.typing.isTyping
  }

  /** The first event from the one at `from` on that is of this type. */
  async hears(type: string, from = 0): Promise<Event> {
    const find = () => this.heard.find((event, i) => i >= from && event.__typename === type)
    const found = find()
    if (found !== undefined) return found
    const coming = new Promise<Event>((resolve) => {
      this.#check = () => {
        const event = find()
        if (event === undefined) return
        this.#check = () => {}
        resolve(event)
      }
    })
    return inTime(coming, `${this.name} did not hear of ${type} within ${patienceMs / 1_000} s.`)
  }

  #away: Promise<void> = Promise.resolve()
  /** Cuts the connection. @returns what lets the client come back */
  cut(): () => void {
    let comeBack = () => {}
    this.#away = new Promise((resolve) => {
      comeBack = resolve
    })
    this.#sockets.at(-1)?.terminate()
    return comeBack
  }

  /** For good, with what was written. */
  async deleteAccount(): Promise<void> {
    void this.#client?.dispose()
    await this.ask(
      `mutation Delete($input: DeleteAccountInput!) { deleteAccount(input: $input) { ${failure}
        ... on DeleteAccountPayload { deletedUserId } } }`,
      { input: { password: this.#password, messages: 'ERASE' } },
    )
    this.#isGone = true
  }
  #isGone = false

  /** A lost answer says nothing of whether there is an account; that one can log in does. */
  async leaveNothing(): Promise<void> {
    if (this.#registering === null || this.#isGone) return
    await this.#registering.catch(() => {})
    try {
      const { tokens } = await ask(
        `mutation LogIn($input: LoginInput!) { login(input: $input) { ${failure}
          ... on LoginPayload { tokens { accessToken } } } }`,
        { input: { identifier: this.username, password: this.#password } },
      )
      this.token = tokens.accessToken
      await this.deleteAccount()
    } catch (problem) {
      if (!(problem instanceof Problem) || problem.code !== 'INVALID_CREDENTIALS') throw problem
    }
  }
}

function expect(holds: boolean, otherwise: string): void {
  if (!holds) throw new Problem(otherwise)
}

async function tell(ada: Person, ben: Person): Promise<void> {
  await ask('{ viewer { email } }')
  chapter(`Two people register at ${url}.`)
  for (const person of [ada, ben]) {
    await person.register()
    say(`${person.name} is @${person.username} now, and logged in.`)
  }

  chapter('Ada finds Ben and opens a chat.')
  const found = await ada.ask(
    'query Find($search: String!) { users(search: $search, first: 1) { edges { node { id username } } } }',
    { search: ben.username },
  )
  expect(found.edges[0]?.node.id === ben.id, 'Ada did not find Ben.')
  say(`Searching for "${ben.username}" finds @${found.edges[0].node.username}.`)
  const { chat } = await ada.ask(
    `mutation Open($input: CreateDirectChatInput!) { createDirectChat(input: $input) { ${failure}
      ... on CreateDirectChatPayload { chat { id } } } }`,
    { input: { userId: ben.id } },
  )
  say('The chat of the two is there; opening it again would give the same one.')
  await Promise.all([ada.listen(), ben.listen()])

  chapter('Ada writes, and Ben hears it live.')
  const id = randomUUID()
  const begun = performance.now()
  const [{ message }, added] = await Promise.all([
    ada.send(chat.id, 'Hello Ben!', id),
    ben.hears('MessageAdded'),
  ])
  say(
    `Ben hears "${added.message?.text}" ${Math.round(performance.now() - begun)} ms after Ada began to send it.`,
  )

  chapter('Ada does not know whether it arrived, and sends it again.')
  const again = await ada.send(chat.id, 'Hello Ben!', id)
  expect(again.deduplicated && again.message.id === message.id, 'The retry was doubled.')
  say(`The answer is the same message, number ${again.message.sequence}: nothing is doubled.`)

  chapter('Ada edits it, and Ben reacts.')
  await ada.ask(
    `mutation Edit($input: EditMessageInput!) { editMessage(input: $input) { ${failure} ... on EditMessagePayload { message { id } } } }`,
    { input: { messageId: message.id, text: 'Hello, dear Ben!' } },
  )
  say(`Ben sees "${(await ben.hears('MessageEdited')).message?.text}".`)
  await ben.ask(
    `mutation React($input: AddReactionInput!) { addReaction(input: $input) { ${failure} ... on AddReactionPayload { message { id } } } }`,
    { input: { messageId: message.id, emoji: '👍' } },
  )
  const [reaction] = (await ada.hears('ReactionAdded')).message?.reactions ?? []
  say(`Ada sees ${reaction?.emoji} ${reaction?.count}.`)

  chapter('Ben types.')
  const typing = await ada.watchTyping(chat.id)
  const isTyping = typing()
  // Waited for below; until then nobody would take its failure.
  isTyping.catch(() => {})
  // Who types is told to those who listen at that moment: again, until it has come.
  const timer = setInterval(type, 500)
  async function type(): Promise<void> {
    await ben
      .ask(
        `mutation Type($input: SetTypingInput!) { setTyping(input: $input) { ${failure} ... on SetTypingPayload { isTyping } } }`,
        { input: { chatId: chat.id, isTyping: true } },
      )
      .catch(() => {})
  }
  await type()
  const unseen = 'Ada did not see that Ben types.'
  expect(await inTime(isTyping, unseen).finally(() => clearInterval(timer)), unseen)
  say('Ada sees that Ben is typing.')

  chapter("Ben's connection is cut, and Ada goes on.")
  const from = ben.heard.length
  const comeBack = ben.cut()
  for (const text of ['Are you there?', 'Ben?', 'Well then.']) await ada.send(chat.id, text)
  say(`Ada sends three messages. Ben has heard ${ben.heard.length - from} of them.`)
  comeBack()
  await ben.hears('CaughtUp', from)
  const missed = ben.heard.slice(from).filter((event) => event.__typename === 'MessageAdded')
  const texts = missed.map((event) => event.message?.text)
  expect(texts.join() === 'Are you there?,Ben?,Well then.', `Ben heard: ${texts.join(', ')}`)
  say(`Ben is back, and hears what he missed, each once and in order: ${texts.join(' · ')}`)

  chapter('Ben reads.')
  say(`Unread: ${(await ben.ask('{ viewer { unreadCount } }')).unreadCount}.`)
  const read = await ben.ask(
    `mutation Read($input: MarkChatReadInput!) { markChatRead(input: $input) { ${failure} ... on MarkChatReadPayload { viewer { unreadCount } } } }`,
    { input: { chatId: chat.id, sequence: missed.at(-1)?.message?.sequence } },
  )
  expect(read.viewer.unreadCount === 0, 'Something is unread still.')
  say('He has read everything. Unread: 0.')

  chapter('Ada and Ben delete their accounts, and everything they wrote.')
  for (const person of [ada, ben]) await person.deleteAccount()
  const refused = await ada.ask('{ viewer { email } }').catch((problem: Error) => problem.message)
  expect(typeof refused === 'string', "Ada's token is good still.")
  say('Their tokens are worth nothing from this moment on.')
}

const people = [new Person('Ada'), new Person('Ben')] as const
const stop = new Problem('Stopped.')
let isStopped = false
const stopped = new Promise<never>((_resolve, reject) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      isStopped = true
      reject(stop)
    })
})
try {
  await Promise.race([tell(...people), stopped])
  console.log('\nThat was Parley.')
  process.exit(0)
} catch (problem) {
  isStopped = true
  const left: string[] = []
  const cleanUp = (person: Person) => person.leaveNothing().catch(() => left.push(`@${person.username}`))
  await Promise.all(people.map(cleanUp))
  const what = problem instanceof Problem ? problem.message : `${url} answers otherwise than Parley does.`
  console.error(left.length === 0 ? what : `${what} Not deleted: ${left.join(', ')}.`)
  process.exit(1)
}
