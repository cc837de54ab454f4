import { useMutation } from '@apollo/client/react'
import { Fragment, useEffect, useRef, useState } from 'react'
import { type ConversationQuery, MarkChatReadDocument, type MessageRowFragment } from '../gql/graphql.ts'
import { useLive, useOutgoing } from '../live/LiveProvider.tsx'
import type { Outgoing } from '../live/outbox.ts'
import { useIsVisible } from '../live/useIsVisible.ts'
import { cancelJump, useJump } from '../live/useJump.ts'
import { dayOf } from '../words.ts'
import { MessageItem } from './MessageItem.tsx'
import { OlderMessages } from './OlderMessages.tsx'
import { OutgoingItem } from './OutgoingItem.tsx'
import { useStayingInPlace } from './useStayingInPlace.ts'

type Chat = NonNullable<ConversationQuery['chat']>

interface MessageListProps {
  readonly chat: Chat
  readonly viewerId: string
  readonly onReply: (message: MessageRowFragment) => void
  readonly onRewrite: (outgoing: Outgoing) => void
}

/** As many are drawn at the end of a list that has more; the rest as one scrolls up. */
const drawn = 200
/** So many are drawn above one that is gone to. */
const above = 30

/** Oldest at the top. Older pages come as one scrolls up, and what one looks at stays where it is. */
export function MessageList({ chat, viewerId, onReply, onRewrite }: MessageListProps) {
  const all = chat.messages.edges.map(({ node }) => node)
  const [isAtEnd, setAtEnd] = useState(true)
  // The sequence of the first one that is drawn. It moves on at the end alone: nothing that is looked at goes away.
  const [from, setFrom] = useState(0)
  let messages = all.filter(({ sequence }) => sequence >= from)
  // A message that is being gone to, however often to the same one.
  const [goal, setGoal] = useState<{ readonly sequence: number } | null>(null)
  const [isMissing, setMissing] = useState(false)
  // Until one is there the end may be in sight still.
  if (isAtEnd && goal === null && messages.length > 2 * drawn) {
    messages = messages.slice(-drawn)
    setFrom(messages[0]?.sequence ?? 0)
  }
  const jump = useJump(chat.id, (sequence) => {
    setAtEnd(false)
    setFrom(Math.min(messages[0]?.sequence ?? 0, Math.max(0, sequence - above)))
    setGoal({ sequence })
    setMissing(false)
  })
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
  // The cache has it before the list does.
  const goesBackTo = chat.messages.pageInfo.hasPreviousPage ? (all[0]?.sequence ?? 0) : 0
  useGoing(list, goal !== null && goesBackTo <= goal.sequence ? goal : null, (isThere) => {
    setGoal(null)
    setMissing(!isThere)
  })
  useMarkingRead(chat, last?.sequence ?? 0, isAtEnd && jump !== 'seeking')
  const lastRead = lastReadByOthers(chat, viewerId)
  // The newest one that was in sight; what is newer and not one's own is announced.
  const [seen, setSeen] = useState(last?.sequence ?? 0)
  if (isAtEnd && last !== undefined && last.sequence > seen) setSeen(last.sequence)
  const hasNew = messages.some(({ sequence, author }) => sequence > seen && author?.id !== viewerId)
  return (
    <div className="scroller">
      <ol className="messages" ref={list} aria-label="Messages" tabIndex={-1}>
        <li>
          <OlderMessages
            chat={chat}
            list={list}
            hidden={hidden}
            onShowMore={showMore}
            isPaused={jump === 'seeking'}
          />
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
      {jump === 'seeking' && (
        <p className="jump">
          Going to the message…{' '}
          <button type="button" className="link" onClick={() => cancelJump(chat.id)}>
            Cancel
          </button>
        </p>
      )}
      <div role="alert">
        {jump === 'failed' && <p className="jump">The message could not be loaded.</p>}
        {jump === null && isMissing && <p className="jump">The message is not there any more.</p>}
      </div>
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

/** Brings a message into sight, and the focus to it, which shows it and reads it out. */
function useGoing(
  list: React.RefObject<HTMLOListElement | null>,
  goal: { readonly sequence: number } | null,
  onGone: (isThere: boolean) => void,
): void {
  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each goal.
  useEffect(() => {
    if (goal === null) return
    // After whatever else wants the focus in a chat that has just been opened.
    const frame = requestAnimationFrame(() => {
      const item = list.current?.querySelector<HTMLElement>(`[data-sequence="${goal.sequence}"]`)
      item?.scrollIntoView({ block: 'center' })
      // Only now: it is nothing that a click should bring the focus to.
      item?.setAttribute('tabindex', '-1')
      item?.addEventListener('blur', () => item.removeAttribute('tabindex'), { once: true })
      item?.focus({ preventScroll: true })
      // Whether the end is in sight is to be known by then, and the browser tells of it later, if anything moves.
      list.current?.dispatchEvent(new Event('scroll'))
      onGone(item != null)
    })
    return () => cancelAnimationFrame(frame)
  }, [list, goal])
}
