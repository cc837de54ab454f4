import { useApolloClient, useQuery } from '@apollo/client/react'
import { type ChatRowFragment, HomeDocument } from '../gql/graphql.ts'
import { useTypists } from '../live/LiveProvider.tsx'
import { useAsking } from '../live/useAsking.ts'
import { useIsVisible } from '../live/useIsVisible.ts'
import { addressOf, follow, openChat } from '../route.ts'
import { agoOf, messageInWords, nameOf, titleOf } from '../words.ts'
import { Avatar } from './Avatar.tsx'

/** Newest activity first. */
export function ChatList({ viewerId, openId }: { viewerId: string; openId: string | null }) {
  const apollo = useApolloClient()
  const { data } = useQuery(HomeDocument)
  const { ask, isBusy, problem } = useAsking()
  const chats = data?.viewer?.chats
  if (chats === undefined) return null
  const { hasNextPage, endCursor } = chats.pageInfo
  const showMore = () => {
    const variables = { after: endCursor }
    if (!isBusy) void ask(apollo.query({ query: HomeDocument, variables, fetchPolicy: 'network-only' }))
  }
  return (
    <div className="chats">
      {chats.edges.length === 0 && <p className="notice soft">No chats yet. Find somebody to talk to.</p>}
      <ul>
        {chats.edges.map(({ node }) => (
          <li key={node.id}>
            <Row chat={node} viewerId={viewerId} isOpen={node.id === openId} />
          </li>
        ))}
      </ul>
      {hasNextPage && (
        <button type="button" className="link" aria-disabled={isBusy} onClick={showMore}>
          Older chats
        </button>
      )}
      <div role="alert">{problem !== null && <p className="problem">{problem}</p>}</div>
    </div>
  )
}

function Row({ chat, viewerId, isOpen }: { chat: ChatRowFragment; viewerId: string; isOpen: boolean }) {
  const { lastMessage } = chat
  const isVisible = useIsVisible()
  // What comes into the open chat is read as it comes, or announced there.
  const unreadCount = isOpen && isVisible ? 0 : chat.unreadCount
  return (
    <a
      href={addressOf(chat.id)}
      className="row"
      aria-current={isOpen ? 'page' : undefined}
      onClick={(event) => follow(event, () => openChat(chat.id))}
    >
      <Avatar id={chat.otherUser?.id ?? chat.id} name={titleOf(chat)} userId={chat.otherUser?.id ?? null} />
      <span className="grow">
        <span className="line">
          <strong className="grow clip">{titleOf(chat)}</strong>
          <time dateTime={chat.lastActivityAt}>{agoOf(chat.lastActivityAt)}</time>
        </span>
        <span className="line">
          <LastMessage chat={chat} message={lastMessage} viewerId={viewerId} />
          {unreadCount > 0 && (
            <span className="badge">
              {unreadCount < 1000 ? unreadCount : '999+'}
              <span className="hidden"> unread</span>
            </span>
          )}
        </span>
      </span>
    </a>
  )
}

interface LastMessageProps {
  readonly chat: ChatRowFragment
  readonly message: ChatRowFragment['lastMessage']
  readonly viewerId: string
}

function LastMessage({ chat, message, viewerId }: LastMessageProps) {
  const typists = useTypists(chat.id)
  if (typists.length > 0)
    return <span className="grow clip typing">{`${typists.map(nameOf).join(', ')} typing…`}</span>
  if (message === null) return <span className="grow clip soft">No messages yet</span>
  const isOwn = message.author?.id === viewerId
  const who =
    message.system !== null
      ? ''
      : isOwn
        ? 'You: '
        : chat.kind === 'GROUP'
          ? `${nameOf(message.author)}: `
          : ''
  return <span className="grow clip soft">{who + messageInWords(message)}</span>
}
