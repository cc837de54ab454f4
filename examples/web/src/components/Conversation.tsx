import { useQuery } from '@apollo/client/react'
import { useEffect, useState } from 'react'
import {
  type ChatRowFragment,
  ConversationDocument,
  HomeDocument,
  type MessageRowFragment,
} from '../gql/graphql.ts'
import { useTypists } from '../live/LiveProvider.tsx'
import { answerOf, type Outgoing } from '../live/outbox.ts'
import { useRetryWhenLive } from '../live/useRetryWhenLive.ts'
import { openChat } from '../route.ts'
import { nameOf, titleOf } from '../words.ts'
import { Avatar, PresenceWords } from './Avatar.tsx'
import { Composer } from './Composer.tsx'
import { Group } from './Group.tsx'
import { IconButton } from './Icon.tsx'
import { MessageList } from './MessageList.tsx'
import { Search } from './Search.tsx'

/** One chat. What was shown of it before is there at once, and the newest page joins it. */
export function Conversation({ chatId, viewerId }: { chatId: string; viewerId: string }) {
  const { data, error, refetch } = useQuery(ConversationDocument, {
    variables: { chatId },
    fetchPolicy: 'cache-and-network',
    nextFetchPolicy: 'cache-first',
  })
  const [replyTo, setReplyTo] = useState<MessageRowFragment | null>(null)
  const [draft, setDraft] = useState<Outgoing | null>(null)
  const [opened, setOpened] = useState<'search' | 'group' | null>(null)
  const chat = data?.chat
  const isGone = data?.chat === null
  // It does not open by itself when the chat is there again.
  if (isGone && opened !== null) setOpened(null)
  // Who was removed and added again has it in the list again, by the event.
  const { data: home } = useQuery(HomeDocument)
  const isListed = home?.viewer?.chats.edges.some(({ node }) => node.id === chatId) ?? false
  useEffect(() => {
    if (isGone && isListed) void refetch().catch(() => {})
  }, [isGone, isListed, refetch])
  // Also where it is shown still: its list may have been forgotten, and then nothing else fetches it.
  useRetryWhenLive(error, refetch)
  if (chat == null) {
    return (
      <div className="notice soft">
        <p>
          {isGone
            ? 'There is no such chat, or not any more.'
            : error
              ? (answerOf(error) ?? 'It could not be loaded.')
              : 'Loading…'}
        </p>
        {isGone && (
          <button type="button" ref={takeLostFocus} onClick={() => openChat(null)}>
            All chats
          </button>
        )}
        {error && (
          <button type="button" onClick={() => void refetch().catch(() => {})}>
            Try again
          </button>
        )}
      </div>
    )
  }
  return (
    <section className="conversation" aria-label={titleOf(chat)}>
      <header>
        <button type="button" className="quiet back" onClick={() => openChat(null)} aria-label="All chats">
          ←
        </button>
        <Avatar id={chat.otherUser?.id ?? chat.id} name={titleOf(chat)} userId={chat.otherUser?.id ?? null} />
        <div className="grow">
          <h2 className="clip">{titleOf(chat)}</h2>
          <p className="soft clip">
            <Subtitle chat={chat} members={chat.members.edges.map(({ node }) => nameOf(node.user))} />
          </p>
        </div>
        {chat.kind === 'GROUP' && (
          <IconButton icon="people" label="Group" onClick={() => setOpened('group')} />
        )}
        <IconButton icon="search" label="Search in this chat" onClick={() => setOpened('search')} />
      </header>
      {error && answerOf(error) !== null && (
        <p role="alert" className="problem">
          {`What is new could not be loaded: ${answerOf(error)}`}{' '}
          <button type="button" className="link" onClick={() => void refetch().catch(() => {})}>
            Try again
          </button>
        </p>
      )}
      <MessageList chat={chat} viewerId={viewerId} onReply={setReplyTo} onRewrite={setDraft} />
      <Composer chatId={chatId} replyTo={replyTo} onReplied={() => setReplyTo(null)} draft={draft} />
      {opened === 'search' && <Search chat={chat} onClose={() => setOpened(null)} />}
      {opened === 'group' && <Group chat={chat} viewerId={viewerId} onClose={() => setOpened(null)} />}
    </section>
  )
}

/** What had it went with the chat. */
function takeLostFocus(button: HTMLButtonElement | null): void {
  if (document.activeElement === document.body) button?.focus()
}

function Subtitle({ chat, members }: { chat: ChatRowFragment; members: readonly string[] }) {
  const typists = useTypists(chat.id)
  if (typists.length > 0) return <span className="typing">{`${typists.map(nameOf).join(', ')} typing…`}</span>
  if (chat.kind === 'GROUP') return `${chat.memberCount} members: ${members.join(', ')}`
  return chat.otherUser === null ? null : <PresenceWords userId={chat.otherUser.id} />
}
