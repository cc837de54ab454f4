import { useApolloClient } from '@apollo/client/react'
import { useEffect, useRef, useState } from 'react'
import { type ConversationQuery, OlderMessagesDocument } from '../gql/graphql.ts'
import { useLive } from '../live/LiveProvider.tsx'

interface OlderMessagesProps {
  readonly chat: NonNullable<ConversationQuery['chat']>
  readonly list: React.RefObject<HTMLOListElement | null>
  /** How many are known that are not drawn. */
  readonly hidden: number
  readonly onShowMore: () => void
  /** While all of them up to some message are on their way. */
  readonly isPaused: boolean
}

/** Comes into sight at the top, and shows what is there of older messages, or fetches the page before. */
export function OlderMessages({ chat, list, hidden, onShowMore, isPaused }: OlderMessagesProps) {
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
    if ((hidden === 0 && (!hasPreviousPage || failed || isPaused)) || mark.current === null) return
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
  }, [apollo, chat.id, hasPreviousPage, startCursor, failed, loads, list, hidden, isPaused])
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
