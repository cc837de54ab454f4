import { useApolloClient, useQuery } from '@apollo/client/react'
import { useEffect, useRef, useState } from 'react'
import type { Parley } from '../apollo/client.ts'
import { beginLogout, endSession, readSession } from '../apollo/session.ts'
import { HomeDocument, LogoutDocument, type PersonFragment } from '../gql/graphql.ts'
import { isAnythingUnsent, LiveProvider, useLive } from '../live/LiveProvider.tsx'
import { answerOf } from '../live/outbox.ts'
import { useIsVisible } from '../live/useIsVisible.ts'
import { openChat, useOpenChat } from '../route.ts'
import { Avatar } from './Avatar.tsx'
import { ChatList } from './ChatList.tsx'
import { Conversation } from './Conversation.tsx'
import { IconButton } from './Icon.tsx'
import { NewChat } from './NewChat.tsx'
import { PresenceWatch } from './PresenceWatch.tsx'
import { Search } from './Search.tsx'

/** Two panes side by side; on a narrow screen the one or the other. */
export function Chats({ parley }: { parley: Parley }) {
  const { data, error, refetch } = useQuery(HomeDocument)
  if (error && !data) {
    return (
      <main className="notice">
        <p role="alert">{answerOf(error) ?? 'The server cannot be reached.'}</p>
        <button type="button" className="main" onClick={() => void refetch().catch(() => {})}>
          Try again
        </button>
      </main>
    )
  }
  if (!data?.viewer) return <main className="notice soft">Loading…</main>
  const { user } = data.viewer
  return (
    <LiveProvider parley={parley} userId={user.id}>
      <Panes viewer={user} />
    </LiveProvider>
  )
}

function Panes({ viewer }: { viewer: PersonFragment }) {
  const chatId = useOpenChat()
  const [isNew, setNew] = useState(false)
  const [isSearching, setSearching] = useState(false)
  const heading = useRef<HTMLHeadingElement>(null)
  const wasOpen = useRef(chatId)
  useEffect(() => {
    const isLeft = chatId === null && wasOpen.current !== null
    wasOpen.current = chatId
    // What had the focus went with the chat.
    if (isLeft && document.activeElement === document.body) heading.current?.focus({ preventScroll: true })
  }, [chatId])
  return (
    <div className={chatId === null ? 'panes' : 'panes open'}>
      <PresenceWatch />
      <Title openId={chatId} />
      <nav className="side" aria-label="Chats">
        <header>
          <Avatar id={viewer.id} name={viewer.displayName} />
          <strong className="grow clip">{viewer.displayName}</strong>
          <LogOut />
        </header>
        <div className="bar">
          <h1 ref={heading} tabIndex={-1} className="grow">
            Chats
          </h1>
          <IconButton icon="search" label="Search all chats" onClick={() => setSearching(true)} />
          <button type="button" onClick={() => setNew(true)}>
            New chat
          </button>
        </div>
        <ChatList viewerId={viewer.id} openId={chatId} />
      </nav>
      <main className="content">
        <ConnectionStatus />
        {chatId === null ? (
          <p className="notice soft">Choose a chat, or begin a new one.</p>
        ) : (
          <Conversation key={chatId} chatId={chatId} viewerId={viewer.id} />
        )}
      </main>
      {isSearching && <Search chat={null} onClose={() => setSearching(false)} />}
      {isNew && <NewChat onClose={() => setNew(false)} />}
    </div>
  )
}

/** How much is unread is told in the tab, too. What comes into the open chat is read as it comes. */
function Title({ openId }: { openId: string | null }) {
  const { data } = useQuery(HomeDocument)
  const isVisible = useIsVisible()
  const { unreadCount = 0, chats } = data?.viewer ?? {}
  const open = chats?.edges.find(({ node }) => node.id === openId && isVisible)?.node
  const isMuted = Date.parse(open?.viewerMembership.mutedUntil ?? '') > Date.now()
  const unread = Math.max(0, unreadCount - (open === undefined || isMuted ? 0 : open.unreadCount))
  useEffect(() => {
    document.title = unread > 0 ? `(${unread}) Parley` : 'Parley'
    return () => {
      document.title = 'Parley'
    }
  }, [unread])
  return null
}

/** There while something may be missing; empty otherwise, so that its filling is read out. */
function ConnectionStatus() {
  const { status } = useLive()
  return (
    <p className="connection" role="status">
      {status === 'reconnecting' && 'Reconnecting…'}
    </p>
  )
}

function LogOut() {
  const apollo = useApolloClient()
  const { outbox } = useLive()
  async function logOut(): Promise<void> {
    if (isAnythingUnsent(outbox) && !confirm('Some messages are not sent yet. Log out and lose them?')) return
    const id = readSession()?.id ?? ''
    outbox.dispose()
    beginLogout(id)
    // Here it ends whatever the server says: without a network its session is left to run out.
    await apollo.mutate({ mutation: LogoutDocument }).catch(() => {})
    const now = readSession()?.id ?? id
    // Otherwise somebody has logged in in another tab meanwhile, and this one shows theirs.
    if (now === id) {
      sessionStorage.clear()
      openChat(null, { replace: true })
    }
    endSession(id)
  }
  return (
    <button type="button" className="quiet" onClick={() => void logOut()}>
      Log out
    </button>
  )
}
