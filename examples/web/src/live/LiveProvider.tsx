import { useSubscription } from '@apollo/client/react'
import { createContext, type ReactNode, useContext, useEffect, useState, useSyncExternalStore } from 'react'
import type { Parley } from '../apollo/client.ts'
import { TypingDocument } from '../gql/graphql.ts'
import { messageInWords } from '../words.ts'
import { followEvents, type LiveStatus } from './followEvents.ts'
import { createOutbox, type Outbox, type Outgoing } from './outbox.ts'
import { createStore } from './store.ts'
import { createTyping, type Typing } from './typing.ts'

interface Live {
  readonly parley: Parley
  readonly status: LiveStatus
  readonly typing: Typing
  readonly outbox: Outbox
}

const LiveContext = createContext<Live | null>(null)

/** What goes on between this tab and the server, for as long as somebody is logged in. */
export function LiveProvider(props: { parley: Parley; userId: string; children: ReactNode }) {
  const { parley, userId, children } = props
  const [{ typing, outbox, status, news }] = useState(() => ({
    typing: createTyping(),
    outbox: createOutbox(parley.apollo, userId),
    status: createStore<LiveStatus>('starting'),
    news: createStore(''),
  }))
  useEffect(
    () =>
      followEvents(parley, {
        onStatus(next) {
          status.write(next)
          if (next === 'live') outbox.flush()
          else typing.clear()
        },
        onEvent(event) {
          if (event.__typename !== 'MessageAdded') return
          const { author } = event.message
          if (author === null || author.id === userId) return
          typing.stop(event.chat.id, author.id)
          // What was missed is in the list; only what comes now is read out.
          if (status.read() === 'live') news.write(`${author.displayName}: ${messageInWords(event.message)}`)
        },
      }),
    [parley, userId, typing, outbox, status, news],
  )
  useEffect(() => {
    outbox.start()
    return outbox.dispose
  }, [outbox])
  useEffect(() => {
    const warn = (event: BeforeUnloadEvent) => isAnythingUnsent(outbox) && event.preventDefault()
    addEventListener('beforeunload', warn)
    return () => removeEventListener('beforeunload', warn)
  }, [outbox])
  useSubscription(TypingDocument, {
    ignoreResults: true,
    fetchPolicy: 'no-cache',
    onData({ data: { data } }) {
      if (data) typing.set(data.typing.chat.id, data.typing.user, data.typing.isTyping)
    },
  })
  const value = { parley, status: useSyncExternalStore(status.watch, status.read), typing, outbox }
  return (
    <LiveContext value={value}>
      {children}
      <p className="hidden" aria-live="polite">
        {useSyncExternalStore(news.watch, news.read)}
      </p>
    </LiveContext>
  )
}

export function useLive(): Live {
  const live = useContext(LiveContext)
  if (live === null) throw new Error('There is no LiveProvider around this.')
  return live
}

/** It would be lost with the tab. */
export function isAnythingUnsent(outbox: Outbox): boolean {
  return outbox.read().some(({ state }) => state !== 'refused')
}

const nobody: readonly never[] = []

/** Who types in a chat. */
export function useTypists(chatId: string) {
  const { typing } = useLive()
  return useSyncExternalStore(typing.watch, () => typing.read().get(chatId) ?? nobody)
}

/** What was sent from here and is not confirmed, of one chat. */
export function useOutgoing(chatId: string): readonly Outgoing[] {
  const { outbox } = useLive()
  const all = useSyncExternalStore(outbox.watch, outbox.read)
  return all.filter((each) => each.chatId === chatId)
}
