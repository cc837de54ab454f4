import type { ApolloClient } from '@apollo/client'
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
  /** `waiting`: for the network; it is tried again by itself. `refused`: by the server, which says why. */
  readonly state: 'sending' | 'waiting' | 'refused'
  readonly reason: string | null
}

export interface Outbox extends Pick<Store<readonly Outgoing[]>, 'read' | 'watch'> {
  send(message: Pick<Outgoing, 'chatId' | 'text' | 'replyTo'>): void
  /** Now rather than when its turn comes. */
  tryAgain(clientMessageId: string): void
  discard(clientMessageId: string): void
  /** The network is back. */
  flush(): void
  dispose(): void
}

const longestWaitMs = 15_000

/** Sends messages one after the other, so that their order stays, and repeats what the network swallowed. */
export function createOutbox(apollo: ApolloClient, userId: string): Outbox {
  const key = `parley.outbox.${userId}`
  const store = createStore<readonly Outgoing[]>(restore(key))
  let attempt = 0
  let working = false
  let disposed = false
  let wake = () => {}

  function write(messages: readonly Outgoing[]): void {
    sessionStorage.setItem(key, JSON.stringify(messages))
    store.write(messages)
  }
  const remove = (id: string) => write(store.read().filter((each) => each.clientMessageId !== id))
  const change = (id: string, values: Partial<Outgoing>) =>
    write(store.read().map((each) => (each.clientMessageId === id ? { ...each, ...values } : each)))

  async function work(): Promise<void> {
    if (working) return
    working = true
    for (;;) {
      const next = store.read().find(({ state }) => state !== 'refused')
      if (next === undefined || disposed) break
      const { clientMessageId: id } = next
      change(id, { state: 'sending' })
      try {
        await deliver(next)
        attempt = 0
      } catch {
        // Whether it got there nobody knows. Sent again under the same id it is there once either way.
        if (store.read().some((each) => each.clientMessageId === id)) change(id, { state: 'waiting' })
        const pause = waitForNetwork(Math.min(500 * 2 ** attempt++, longestWaitMs))
        await Promise.race([pause, new Promise<void>((resolve) => (wake = resolve))])
      }
    }
    working = false
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
    } else if (result) {
      change(clientMessageId, { state: 'refused', reason: reasonOf(result) })
    }
  }

  void work()
  return {
    read: store.read,
    watch: store.watch,
    send(message) {
      const clientMessageId = newId()
      write([...store.read(), { ...message, clientMessageId, state: 'sending', reason: null }])
      void work()
    },
    tryAgain(id) {
      change(id, { state: 'sending', reason: null })
      wake()
      void work()
    },
    discard: remove,
    flush() {
      attempt = 0
      wake()
    },
    dispose() {
      disposed = true
      wake()
    },
  }
}

function restore(key: string): Outgoing[] {
  return JSON.parse(sessionStorage.getItem(key) ?? '[]') as Outgoing[]
}

/** `crypto.randomUUID` is there on pages over HTTPS and of this machine alone. */
function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('')
}
