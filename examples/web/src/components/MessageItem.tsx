import { memo, useRef, useState } from 'react'
import type { MessageRowFragment } from '../gql/graphql.ts'
import { type Acting, useActing } from '../live/useActing.ts'
import { messageInWords, nameOf, timeOf } from '../words.ts'
import { EditMessage } from './EditMessage.tsx'
import { MessageActions } from './MessageActions.tsx'
import { Quote } from './Quote.tsx'

interface MessageItemProps {
  readonly message: MessageRowFragment
  readonly isGroup: boolean
  readonly viewerId: string
  /** Whether it is by the same person as the one before. */
  readonly goesOn: boolean
  /** Whether it is the last one that the others have read. */
  readonly isSeen: boolean
  readonly onReply: (message: MessageRowFragment) => void
}

/** Drawn anew when it changes itself, not with each message that comes. */
export const MessageItem = memo(function MessageItem(props: MessageItemProps) {
  const { message, isGroup, viewerId, goesOn, isSeen, onReply } = props
  const [isEditing, setEditing] = useState(false)
  const acting = useActing(message)
  const item = useRef<HTMLLIElement>(null)
  if (message.system !== null) return <li className="system">{messageInWords(message)}</li>
  const isOwn = message.author?.id === viewerId
  const stands = message.deletedAt === null
  return (
    <li
      ref={item}
      className={`message${isOwn ? ' own' : ''}${goesOn ? ' goes-on' : ''}`}
      data-sequence={message.sequence}
    >
      {!isOwn && !goesOn && isGroup && <span className="author">{nameOf(message.author)}</span>}
      <div className="beside">
        <div className="bubble">
          <span className="hidden">{isOwn ? 'You' : nameOf(message.author)}: </span>
          {stands && message.isReply && <Quote message={message.replyTo} />}
          {isEditing ? (
            <EditMessage
              message={message}
              onDone={() => {
                setEditing(false)
                // The button that began it is there again by then.
                requestAnimationFrame(() => item.current?.querySelector<HTMLElement>('.edit')?.focus())
              }}
            />
          ) : (
            <span className={stands ? 'text' : 'text gone'}>{messageInWords(message)}</span>
          )}
          <span className="when">
            {message.editedAt !== null && stands && 'edited '}
            <time dateTime={message.createdAt}>{timeOf(message.createdAt)}</time>
          </span>
        </div>
        {stands && !isEditing && (
          <MessageActions
            message={message}
            acting={acting}
            isOwn={isOwn}
            onEdit={() => setEditing(true)}
            onReply={onReply}
          />
        )}
      </div>
      {message.reactions.length > 0 && <Reactions message={message} acting={acting} />}
      {acting.problem !== null && (
        <p className="problem" role="alert">
          {acting.problem}
        </p>
      )}
      {isSeen && <span className="seen">Seen</span>}
    </li>
  )
})

function Reactions({ message, acting }: { message: MessageRowFragment; acting: Acting }) {
  return (
    <ul className="reactions" aria-label="Reactions">
      {message.reactions.map(({ emoji, count, viewerHasReacted, users }) => {
        const names = users.edges.map(({ node }) => nameOf(node))
        const more = count > names.length ? `, and ${count - names.length} more` : ''
        return (
          <li key={emoji}>
            <button
              type="button"
              aria-pressed={viewerHasReacted}
              aria-label={`${emoji} ${count}: ${names.join(', ')}${more}`}
              title={names.join(', ') + more}
              onClick={() => acting.react(emoji, !viewerHasReacted)}
            >
              {emoji} {count}
            </button>
          </li>
        )
      })}
    </ul>
  )
}
