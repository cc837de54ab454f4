import { type ApolloClient, CombinedGraphQLErrors, ServerError } from '@apollo/client'
import { codeOf } from '../apollo/links.ts'
import { reasonOf } from '../failure.ts'
import { type MessageRowFragment, SendMessageDocument } from '../gql/graphql.ts'
import { addMessage } from './lists.ts'
import { waitForNetwork } from './socket.ts'
import { createStore, type Store } from './store.ts'

/** A message that the server has not confirmed. */
export interface Outgoing {
  /** What the server knows a retry by: however often this is sent, it is one message. */
  readonly clientMessageId: string
  readonly chatId: string
  readonly text: string
  readonly replyTo: NonNullable<MessageRowFragment['replyTo']> | null
  /**
   * `waiting`: for the network, and `limited`: until the server takes more; it is tried again by itself. `refused`: by the
   * server, which says why.
   */
  readonly state: 'sending' | 'waiting' | 'limited' | 'refused'
  readonly reason: string | null
}

export interface Outbox extends Pick<Store<readonly Outgoing[]>, 'read' | 'watch'> {
  send(message: Pick<Outgoing, 'chatId' | 'text' | 'replyTo'>): void
  /** Now rather than when its turn comes. */
  tryAgain(clientMessageId: string): void
  discard(clientMessageId: string): void
  /** The network is back. */
  flush(): void
  /** Sends what waits, and what comes, until `dispose`. */
  start(): void
  dispose(): void
}

const longestWaitMs = 15_000

/** Where the server does not say how long. */
const limitMs = 5_000

/** So often an answer that says no more than that it did not work is taken for chance. */
const mostAnswers = 3

/**
 * Sends messages, those of a chat one after the other so that their order stays, and repeats what the network swallowed.
 * One that cannot pass holds up nothing for long.
 */
export function createOutbox(apollo: ApolloClient, userId: string): Outbox {
  const key = `parley.outbox.${userId}`
  const store = createStore<readonly Outgoing[]>(restore(key))
  const working = new Set<string>()
  const attempts = new Map<string, number>()
  const answers = new Map<string, number>()
  const sleepers: (() => void)[] = []
  let disposed = true

  function write(messages: readonly Outgoing[]): void {
    if (messages.length > 0) sessionStorage.setItem(key, JSON.stringify(messages))
    else sessionStorage.removeItem(key)
    store.write(messages)
  }
  const remove = (id: string) => write(store.read().filter((each) => each.clientMessageId !== id))
  const change = (id: string, values: Partial<Outgoing>) =>
    write(store.read().map((each) => (each.clientMessageId === id ? { ...each, ...values } : each)))

  function wake(): void {
    for (const each of sleepers.splice(0)) each()
  }

  function work(): void {
    for (const chatId of new Set(store.read().map((each) => each.chatId))) void workOn(chatId)
  }

  async function workOn(chatId: string): Promise<void> {
    if (working.has(chatId)) return
    working.add(chatId)
    for (;;) {
      const next = store.read().find((each) => each.chatId === chatId && each.state !== 'refused')
      if (next === undefined || disposed) break
      const { clientMessageId: id } = next
      change(id, { state: 'sending' })
      try {
        await deliver(next)
        attempts.delete(chatId)
      } catch (error) {
        if (disposed) break
        const limit = limitOf(error)
        if (limit !== null) {
          change(id, { state: 'limited' })
          await waitFor(id, limit)
          continue
        }
        const answer = answerOf(error)
        const count = (answers.get(id) ?? 0) + (answer === null ? 0 : 1)
        answers.set(id, count)
        if (answer !== null && count >= mostAnswers) {
          answers.delete(id)
          change(id, { state: 'refused', reason: answer })
          continue
        }
        // Whether it got there nobody knows. Sent again under the same id it is there once either way.
        change(id, { state: 'waiting' })
        const attempt = attempts.get(chatId) ?? 0
        attempts.set(chatId, attempt + 1)
        const pause = waitForNetwork(Math.min(500 * 2 ** attempt, longestWaitMs))
        await Promise.race([pause, new Promise<void>((resolve) => sleepers.push(resolve))])
      }
    }
    working.delete(chatId)
  }

  /** Not shorter because the network is back: the server would refuse it again. */
  async function waitFor(id: string, ms: number): Promise<void> {
    const until = performance.now() + ms
    const isWanted = () => !disposed && store.read().some((each) => each.clientMessageId === id)
    while (isWanted() && performance.now() < until) {
      await new Promise<void>((resolve) => {
        setTimeout(resolve, until - performance.now())
        sleepers.push(resolve)
      })
    }
  }

  async function deliver({ clientMessageId, chatId, text, replyTo }: Outgoing): Promise<void> {
    const { data } = await apollo.mutate({
      mutation: SendMessageDocument,
      variables: { input: { clientMessageId, chatId, text, replyToId: replyTo?.id ?? null } },
      fetchPolicy: 'no-cache',
    })
    const result = data?.sendMessage
    if (result?.__typename === 'SendMessagePayload') {
      addMessage(apollo.cache, result.messageEdge)
      remove(clientMessageId)
    } else if (result && 'retryAfterMs' in result) {
      throw new LimitedError(Number(result.retryAfterMs))
    } else if (result) {
      change(clientMessageId, { state: 'refused', reason: reasonOf(result) })
    }
  }

  return {
    read: store.read,
    watch: store.watch,
    send(message) {
      const clientMessageId = newId()
      write([...store.read(), { ...message, clientMessageId, state: 'sending', reason: null }])
      work()
    },
    tryAgain(id) {
      change(id, { state: 'sending', reason: null })
      wake()
      work()
    },
    discard(id) {
      remove(id)
      wake()
    },
    flush() {
      attempts.clear()
      wake()
      work()
    },
    start() {
      disposed = false
      work()
    },
    dispose() {
      disposed = true
      wake()
    },
  }
}

/** Among the failures that can be expected: for so long the server takes no more. */
class LimitedError extends Error {
  readonly retryAfterMs: number
  constructor(retryAfterMs: number) {
    super('The server takes no more for a while.')
    this.retryAfterMs = retryAfterMs
  }
}

/** For how many ms the server takes no more; null where that is not what it said. */
export function limitOf(error: unknown): number | null {
  if (error instanceof LimitedError) return error.retryAfterMs
  if (codeOf(error) !== 'RATE_LIMITED' || !CombinedGraphQLErrors.is(error)) return null
  return Number(error.errors[0]?.extensions?.['retryAfterMs'] ?? limitMs)
}

/** What a server answered that will hardly answer otherwise; null where none did, or none that had time. */
export function answerOf(error: unknown): string | null {
  if (CombinedGraphQLErrors.is(error)) return error.errors[0]?.message ?? 'The server could not do it.'
  if (!ServerError.is(error) || passing.has(error.statusCode)) return null
  return `The server answered with status ${error.statusCode}.`
}

/** A server that starts, is busy, or does not know the session just now. */
const passing = new Set([401, 408, 425, 429, 502, 503, 504])

function restore(key: string): Outgoing[] {
  return JSON.parse(sessionStorage.getItem(key) ?? '[]') as Outgoing[]
}

/** `crypto.randomUUID` is there on pages over HTTPS and of this machine alone. */
function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('')
}
