import { useApolloClient, useMutation } from '@apollo/client/react'
import { Fragment, useEffect, useLayoutEffect, useRef, useState } from 'react'
import {
  type ConversationQuery,
  MarkChatReadDocument,
  type MessageRowFragment,
  OlderMessagesDocument,
} from '../gql/graphql.ts'
import { useLive, useOutgoing } from '../live/LiveProvider.tsx'
import type { Outgoing } from '../live/outbox.ts'
import { useIsVisible } from '../live/useIsVisible.ts'
import { dayOf } from '../words.ts'
import { MessageItem } from './MessageItem.tsx'
import { OutgoingItem } from './OutgoingItem.tsx'

type Chat = NonNullable<ConversationQuery['chat']>

interface MessageListProps {
  readonly chat: Chat
  readonly viewerId: string
  readonly onReply: (message: MessageRowFragment) => void
  readonly onRewrite: (outgoing: Outgoing) => void
}

/** As many are drawn at the end of a list that has more; the rest as one scrolls up. */
const drawn = 200

/** Oldest at the top. Older pages come as one scrolls up, and what one looks at stays where it is. */
export function MessageList({ chat, viewerId, onReply, onRewrite }: MessageListProps) {
  const all = chat.messages.edges.map(({ node }) => node)
  const [isAtEnd, setAtEnd] = useState(true)
  // The sequence of the first one that is drawn. It moves on at the end alone: nothing that is looked at goes away.
  const [from, setFrom] = useState(0)
  let messages = all.filter(({ sequence }) => sequence >= from)
  if (isAtEnd && messages.length > 2 * drawn) {
    messages = messages.slice(-drawn)
    setFrom(messages[0]?.sequence ?? 0)
  }
  const hidden = all.length - messages.length
  const showMore = () => setFrom(all[Math.max(0, hidden - drawn)]?.sequence ?? 0)
  const sent = new Set(all.map(({ clientMessageId }) => clientMessageId))
  // The event of a message may come before the answer to sending it.
  const outgoing = useOutgoing(chat.id).filter(({ clientMessageId }) => !sent.has(clientMessageId))
  const last = messages.at(-1)
  const list = useRef<HTMLOListElement>(null)
  useStayingInPlace(list, messages[0]?.id, `${last?.id} ${outgoing.length}`, outgoing.length, [
    isAtEnd,
    setAtEnd,
  ])
  useMarkingRead(chat, last?.sequence ?? 0, isAtEnd)
  const lastRead = lastReadByOthers(chat, viewerId)
  // The newest one that was in sight; what is newer and not one's own is announced.
  const [seen, setSeen] = useState(last?.sequence ?? 0)
  if (isAtEnd && last !== undefined && last.sequence > seen) setSeen(last.sequence)
  const hasNew = messages.some(({ sequence, author }) => sequence > seen && author?.id !== viewerId)
  return (
    <div className="scroller">
      <ol className="messages" ref={list} aria-label="Messages" tabIndex={-1}>
        <li>
          <OlderMessages chat={chat} list={list} hidden={hidden} onShowMore={showMore} />
        </li>
        {messages.map((message, index) => {
          const day = dayOf(message.createdAt)
          const before = messages[index - 1]
          return (
            <Fragment key={message.id}>
              {(before === undefined || dayOf(before.createdAt) !== day) && <li className="day">{day}</li>}
              <MessageItem
                message={message}
                isGroup={chat.kind === 'GROUP'}
                viewerId={viewerId}
                goesOn={
                  before !== undefined && before.author?.id === message.author?.id && before.system === null
                }
                isSeen={message.id === lastRead?.id}
                onReply={onReply}
              />
            </Fragment>
          )
        })}
        {outgoing.map((each) => (
          <OutgoingItem key={each.clientMessageId} outgoing={each} onRewrite={onRewrite} />
        ))}
      </ol>
      {hasNew && !isAtEnd && (
        <button
          type="button"
          className="main newer"
          onClick={() => list.current?.scrollTo({ top: list.current.scrollHeight })}
        >
          New messages ↓
        </button>
      )}
    </div>
  )
}

/** The viewer's newest message that everybody else has read; undefined too where not all others are known. */
function lastReadByOthers({ members, messages }: Chat, viewerId: string): MessageRowFragment | undefined {
  const others = members.edges.map(({ node }) => node).filter(({ user }) => user.id !== viewerId)
  if (others.length === 0 || members.pageInfo.hasNextPage) return undefined
  const readByAll = Math.min(...others.map(({ lastReadSequence }) => lastReadSequence))
  return messages.edges
    .map(({ node }) => node)
    .findLast(({ author, sequence }) => author?.id === viewerId && sequence <= readByAll)
}

interface OlderMessagesProps {
  readonly chat: Chat
  readonly list: React.RefObject<HTMLOListElement | null>
  /** How many are known that are not drawn. */
  readonly hidden: number
  readonly onShowMore: () => void
}

/** Comes into sight at the top, and shows what is there of older messages, or fetches the page before. */
function OlderMessages({ chat, list, hidden, onShowMore }: OlderMessagesProps) {
  const apollo = useApolloClient()
  const mark = useRef<HTMLDivElement>(null)
  const [failed, setFailed] = useState(false)
  const [loads, setLoads] = useState(0)
  const { status } = useLive()
  useEffect(() => {
    if (status === 'live') setFailed(false)
  }, [status])
  const { hasPreviousPage, startCursor } = chat.messages.pageInfo
  // biome-ignore lint/correctness/useExhaustiveDependencies: after each load it looks again whether more is needed.
  useEffect(() => {
    if ((hidden === 0 && (!hasPreviousPage || failed)) || mark.current === null) return
    let loading = false
    const load = () => {
      if (loading) return
      loading = true
      if (hidden > 0) return onShowMore()
      const variables = { chatId: chat.id, before: startCursor }
      apollo
        .query({ query: OlderMessagesDocument, variables, fetchPolicy: 'network-only' })
        .catch(() => setFailed(true))
        .finally(() => setLoads((count) => count + 1))
    }
    // A screen ahead of need.
    const observer = new IntersectionObserver(([entry]) => entry?.isIntersecting && load(), {
      root: list.current,
      rootMargin: '600px 0px 0px 0px',
    })
    observer.observe(mark.current)
    return () => observer.disconnect()
  }, [apollo, chat.id, hasPreviousPage, startCursor, failed, loads, list, hidden])
  return (
    <div ref={mark} className="older soft">
      {failed && hidden === 0 ? (
        <button type="button" className="link" onClick={() => setFailed(false)}>
          Load older messages
        </button>
      ) : hasPreviousPage || hidden > 0 ? (
        'Loading older messages…'
      ) : (
        'The beginning of this chat'
      )}
    </div>
  )
}

/** How near to the end counts as being there, in pixels. */
const nearEnd = 80

/**
 * Keeps what is looked at where it is when older messages come above it, and stays at the end when newer ones come below;
 * goes there when something was sent. It says whether the end is in sight.
 */
function useStayingInPlace(
  list: React.RefObject<HTMLOListElement | null>,
  first: string | undefined,
  end: string,
  outgoing: number,
  [isAtEnd, setAtEnd]: [boolean, (isAtEnd: boolean) => void],
): void {
  const known = useRef({ first, fromEnd: 0, outgoing })
  useEffect(() => {
    const element = list.current
    if (element === null) return
    const look = () => {
      known.current.fromEnd = element.scrollHeight - element.scrollTop
      setAtEnd(known.current.fromEnd - element.clientHeight < nearEnd)
    }
    const settle = () => {
      // The list got smaller or larger, as when the keyboard of a phone opens.
      if (known.current.fromEnd - lastHeight < nearEnd) element.scrollTop = element.scrollHeight
      lastHeight = element.clientHeight
    }
    let lastHeight = element.clientHeight
    const observer = new ResizeObserver(settle)
    observer.observe(element)
    element.addEventListener('scroll', look, { passive: true })
    return () => {
      observer.disconnect()
      element.removeEventListener('scroll', look)
    }
  }, [list, setAtEnd])
  // biome-ignore lint/correctness/useExhaustiveDependencies: `end` says that something came below.
  useLayoutEffect(() => {
    const element = list.current
    if (element === null) return
    const before = known.current
    if (before.first !== first && before.first !== undefined && !isAtEnd) {
      element.scrollTop = element.scrollHeight - before.fromEnd
    } else if (isAtEnd || outgoing > before.outgoing) {
      element.scrollTop = element.scrollHeight
    }
    known.current = { first, fromEnd: element.scrollHeight - element.scrollTop, outgoing }
  }, [list, first, end, outgoing])
}

/** Says that the newest message was read once it is in sight of somebody who looks. */
function useMarkingRead(chat: Chat, newest: number, isAtEnd: boolean): void {
  const [markRead] = useMutation(MarkChatReadDocument)
  const isVisible = useIsVisible()
  // While one catches up the newest changes all the time.
  const isLive = useLive().status === 'live'
  const isUnread = newest > chat.viewerMembership.lastReadSequence
  useEffect(() => {
    if (!isUnread || !isAtEnd || !isVisible || !isLive) return
    // What is lost here the next message makes good.
    markRead({ variables: { chatId: chat.id, sequence: newest } }).catch(() => {})
  }, [markRead, chat.id, newest, isUnread, isAtEnd, isVisible, isLive])
}
