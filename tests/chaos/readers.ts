import { setMaxListeners } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { type Client, type ClientOptions, createClient } from 'graphql-ws'
import WebSocket from 'ws'
import { toGlobalId } from '../../src/core/ids.ts'
import type { Data } from '../testkit/client.ts'
import { connectionProblem, countError, createSession, pause, type Session, type World } from './client.ts'
import type { Chat, Person } from './scene.ts'

/** One event as a reader got it. */
export interface Heard {
  readonly position: number
  readonly type: string
  /** Global ids of what it is about, where it has them. */
  readonly chat: string | null
  readonly subject: string | null
  /** In milliseconds since 1970. */
  readonly at: number
  readonly sessionId: string
  /** When the request was made whose answer it is; null in a stream. */
  readonly asked: number | null
}

/** Up to where in the log a reader had got by when. */
export interface Mark {
  readonly position: number
  readonly at: number
}

/** What a reader got, in the order in which it came. */
export interface Recording {
  readonly name: string
  readonly userId: string
  /** Null: everything that concerns the user. Else new messages of this chat, and nothing else. */
  readonly chatId: string | null
  /** The cursor's position that it began behind. */
  start: number
  readonly heard: Heard[]
  /** Beyond what was heard: where a page ended. */
  readonly marks: Mark[]
  /** Sessions of its own that were ended, by when that was acknowledged. */
  readonly revoked: Map<string, number>
}

export type ReaderKind = 'iterate' | 'subscribe' | 'messageAdded' | 'sse' | 'poll'

export interface Reader {
  readonly person: Person
  readonly session: Session
  readonly recording: Recording
  /** How far it has come in the log. */
  readonly position: number
  /** How often it was told that its backlog has ended. */
  readonly caughtUp: number
  /** What it waits for, and since when: for whoever wonders why it does not get on. */
  readonly stage: string
  /** Cuts its connection, if it has one now, in one way or another. @returns whether it had one */
  cut(): boolean
  /** Stops reading for a while. @returns whether there was a connection to pause */
  pause(ms: number): boolean
  stop(): Promise<void>
}

const fields = `__typename cursor ... on ChatEvent { chat { id } } ... on MessageEvent { message { id } }
  ... on ChatDeleted { deletedChatId } ... on UserUpdated { user { id } } ... on MemberAdded { user { id } }
  ... on MemberRoleChanged { user { id } } ... on ChatRead { user { id } }`
const Events = `subscription Events($after: String) { events(after: $after) { ${fields} } }`
const MessageAdded = `subscription Added($chatId: ID, $after: String) {
  messageAdded(chatId: $chatId, after: $after) { __typename cursor chat { id } message { id } } }`
const Poll = `query Poll($after: String!) { viewer { events(after: $after, first: 50) {
  edges { node { ${fields} } } pageInfo { endCursor hasNextPage } } } }`
const Start = '{ viewer { eventCursor } }'

const positionOf = (cursor: string) => Number(Buffer.from(cursor, 'base64url').toString().split('|')[2])

/** What can be done to the connection that a reader has at the moment. */
interface Connection {
  cut(): void
  pause(ms: number): void
}

/** How long a client may take to end, in milliseconds. */
const stopMs = 5_000

/** Begins to read behind where the log stands now. */
export async function startReader(
  world: World,
  { kind, person, chat }: { kind: ReaderKind; person: Person; chat: Chat | null },
): Promise<Reader> {
  const session = createSession(world, person.name)
  const { viewer } = await session.run(Start, {})
  let after: string = viewer.eventCursor
  let position = positionOf(after)
  let caughtUp = 0
  let stopped = false
  let connection: Connection | null = null
  let connections = 0
  let stage = ''
  const enter = (next: string) => {
    stage = `${next} since ${new Date().toISOString().slice(11, 23)}`
  }
  const ended = new AbortController()
  const name = `${kind} of ${person.name}${chat === null ? '' : ` in ${chat.id}`}`
  const recording: Recording = {
    name,
    userId: person.id,
    chatId: chat?.id ?? null,
    start: position,
    heard: [],
    marks: [{ position, at: Date.now() }],
    revoked: new Map(),
  }
  const here = { ...world, over: ended.signal }
  world.over.addEventListener('abort', () => ended.abort())
  setMaxListeners(0, here.over)

  function hear(event: Data, sessionId: string, asked: number | null): void {
    if (stopped) return
    const at = Date.now()
    const now = positionOf(event.cursor)
    if (event.__typename === 'CaughtUp') caughtUp++
    recording.heard.push({
      position: now,
      type: event.__typename,
      chat: event.chat?.id ?? event.deletedChatId ?? null,
      subject: event.message?.id ?? event.user?.id ?? null,
      at,
      sessionId,
      asked,
    })
    position = Math.max(position, now)
    after = event.cursor
  }

  function connected(made: Connection): void {
    if (connections++ > 0) world.tally.resumes++
    connection = made
  }

  /** After a cut most come back soon, and some stay away for a while. */
  const stayAway = () =>
    (here.dice.chance(0.1) ? pause(here, 1_000, 4_000) : pause(here, 10, 300)).catch(() => {})
  const query = chat === null ? Events : MessageAdded
  const variables = {
    ...(chat !== null && { chatId: toGlobalId('Chat', chat.id) }),
    get after() {
      return after
    },
  }

  /** A client whose sockets can be cut and paused, which asks for a fresh token whenever it connects. */
  function openClient(options: Partial<ClientOptions>) {
    let token = { token: '', sessionId: '' }
    const client = createClient({
      url: () => `${here.dice.pick(here.urls).replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: async () => {
        token = await session.token()
        return { authorization: `Bearer ${token.token}` }
      },
      ...options,
      on: {
        connected: (socket) => {
          connected(controlsOf(socket as WebSocket, here))
          // It was on its way when the reader was stopped.
          if (here.over.aborted) (socket as WebSocket).close(1000)
        },
        closed: (event) => {
          connection = null
          const { code, reason } = event as { code: number; reason: string }
          countError(here, `socket: ${code}${reason === '' ? '' : ` ${reason}`}`)
          if (code === 4403) session.refuse(token.token)
        },
      },
    })
    return { client, sessionId: () => token.sessionId }
  }

  type Next = { data?: Data; errors?: readonly Data[] }
  function take({ data, errors }: Next, sessionId: string, asked: number | null = null): void {
    if (errors !== undefined) throw new Error(errors[0]?.extensions?.code ?? errors[0]?.message)
    hear(data.events ?? data.messageAdded, sessionId, asked)
  }

  /** With the standard client's own reconnecting, as in docs/realtime.md. */
  async function iterate(): Promise<void> {
    const { client, sessionId } = openClient({
      retryAttempts: Number.POSITIVE_INFINITY,
      shouldRetry: () => !here.over.aborted,
      retryWait: stayAway,
    })
    await within(client, async () => {
      for await (const next of client.iterate({ query, variables })) take(next as Next, sessionId())
    })
  }

  /** Coming back by hand. */
  async function subscribe(): Promise<void> {
    const { client, sessionId } = openClient({ retryAttempts: 0 })
    await within(
      client,
      () =>
        new Promise<void>((resolve, reject) => {
          client.subscribe(
            { query, variables },
            {
              next: (next) => take(next as Next, sessionId()),
              error: reject,
              complete: resolve,
            },
          )
        }),
    )
  }

  async function within(client: Client, work: () => Promise<void>): Promise<void> {
    const dispose = async () => {
      try {
        await client.dispose()
      } catch {
        // The connection that was under way has failed.
      }
    }
    here.over.addEventListener('abort', dispose)
    try {
      await work()
    } finally {
      here.over.removeEventListener('abort', dispose)
      await dispose()
    }
  }

  async function readStream(): Promise<void> {
    enter('waits for a token')
    const { token, sessionId } = await session.token()
    const departure = new AbortController()
    const depart = () => departure.abort()
    here.over.addEventListener('abort', depart)
    try {
      await readResponse(token, sessionId, departure)
    } finally {
      here.over.removeEventListener('abort', depart)
      departure.abort()
    }
  }

  async function readResponse(token: string, sessionId: string, departure: AbortController): Promise<void> {
    const url = here.dice.pick(here.urls)
    enter(`waits for the headers of ${url}`)
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'text/event-stream',
        authorization: `Bearer ${token}`,
      },
      body: JSON.stringify({ query, variables: { after } }),
      signal: departure.signal,
    })
    if (response.status === 401) session.refuse(token)
    if (!response.ok || response.body === null) throw new Error(`HTTP ${response.status}`)
    let pausing = Promise.resolve()
    connected({
      cut: () => departure.abort(),
      pause: (ms) => {
        pausing = delay(ms)
      },
    })
    let text = ''
    const decoder = new TextDecoder()
    const body = response.body.getReader()
    // `fetch` of Node 20 forgets an abort that comes between a response's end and the reading of its last pieces.
    departure.signal.addEventListener('abort', () => void body.cancel().catch(() => {}))
    enter(`waits for the stream of ${url}`)
    for (;;) {
      const { done, value: chunk } = await body.read()
      if (done) break
      await pausing
      enter(`waits for the stream of ${url}`)
      text += decoder.decode(chunk, { stream: true })
      const messages = text.split('\n\n')
      text = messages.pop() ?? ''
      for (const message of messages) {
        const next = dataOf(message)
        if (next === null) continue
        if (next.errors?.[0]?.extensions?.code === 'UNAUTHENTICATED') session.refuse(token)
        take(next, sessionId)
      }
    }
  }

  async function poll(): Promise<void> {
    await session.token()
    const asked = Date.now()
    const { data, code, sessionId } = await session.ask(Poll, { after })
    if (code !== null) throw new Error(code)
    const { edges, pageInfo } = data.viewer.events
    for (const { node } of edges) hear(node, sessionId, asked)
    const end = positionOf(pageInfo.endCursor)
    recording.marks.push({ position: end, at: Date.now() })
    position = Math.max(position, end)
    after = pageInfo.endCursor
    if (pageInfo.hasNextPage) return
    caughtUp++
    await pause(here, 100, 700)
  }

  const ways = { iterate, messageAdded: iterate, subscribe, sse: readStream, poll }

  async function read(): Promise<void> {
    while (!stopped) {
      try {
        await ways[kind]()
        if (kind === 'poll') continue
      } catch (error) {
        if (here.over.aborted) return
        countError(here, `${kind}: ${codeOf(error)}`)
      }
      connection = null
      enter('stays away')
      await stayAway()
    }
  }

  const running = read()
  return {
    person,
    session,
    recording,
    get position() {
      return position
    },
    get caughtUp() {
      return caughtUp
    },
    get stage() {
      return stage
    },
    cut() {
      const had = connection
      connection = null
      had?.cut()
      return had !== null
    },
    pause(ms) {
      connection?.pause(ms)
      return connection !== null
    },
    async stop() {
      stopped = true
      ended.abort()
      // A client library that never tells of its end must not hold up the verdict: nothing is recorded any more.
      await Promise.race([running, delay(stopMs, undefined, { ref: false })])
    },
  }
}

function controlsOf(socket: WebSocket, { dice }: World): Connection {
  const raw = (socket as unknown as { _socket: import('node:net').Socket })._socket
  return {
    cut() {
      const how = dice.below(3)
      if (how === 0) socket.close(1001)
      else if (how === 1) raw.resetAndDestroy()
      else raw.destroy()
    },
    pause(ms) {
      socket.pause()
      setTimeout(() => socket.resume(), ms)
    },
  }
}

/** Of one server-sent event; null for those that carry no result. */
function dataOf(message: string): Data | null {
  const lines = message.split('\n')
  if (!lines.includes('event: next')) return null
  const data = lines.filter((line) => line.startsWith('data: ')).map((line) => line.slice(6))
  return JSON.parse(data.join('\n'))
}

function codeOf(error: unknown): string {
  if (Array.isArray(error)) return error[0]?.extensions?.code ?? error[0]?.message
  const { code, reason, name, error: cause } = error as Partial<Record<string, unknown>>
  if (typeof reason === 'string') return `closed ${code}`
  // What a socket that could not be opened says.
  if (cause !== undefined) return connectionProblem(cause)
  if (name === 'AbortError') return 'cut'
  return error instanceof Error && error.constructor === Error ? error.message : connectionProblem(error)
}
