import { useApolloClient } from '@apollo/client/react'
import { useEffect, useRef, useState } from 'react'
import {
  AddReactionDocument,
  type ChatRowFragment,
  DeleteMessageDocument,
  type MessageRowFragment,
  RemoveReactionDocument,
} from '../gql/graphql.ts'
import { messageInWords, nameOf, timeOf } from '../words.ts'
import { EditMessage } from './EditMessage.tsx'
import { Quote } from './Quote.tsx'

interface MessageItemProps {
  readonly message: MessageRowFragment
  readonly chat: ChatRowFragment
  readonly viewerId: string
  /** Whether it is by the same person as the one before. */
  readonly goesOn: boolean
  /** Whether it is the last one that the others have read. */
  readonly isSeen: boolean
  readonly onReply: (message: MessageRowFragment) => void
}

export function MessageItem(props: MessageItemProps) {
  const { message, chat, viewerId, goesOn, isSeen, onReply } = props
  const [isEditing, setEditing] = useState(false)
  const item = useRef<HTMLLIElement>(null)
  if (message.system !== null) return <li className="system">{messageInWords(message)}</li>
  const isOwn = message.author?.id === viewerId
  const stands = message.deletedAt === null
  return (
    <li ref={item} className={`message${isOwn ? ' own' : ''}${goesOn ? ' goes-on' : ''}`}>
      {!isOwn && !goesOn && chat.kind === 'GROUP' && <span className="author">{nameOf(message.author)}</span>}
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
        <Actions message={message} isOwn={isOwn} onEdit={() => setEditing(true)} onReply={onReply} />
      )}
      {message.reactions.length > 0 && <Reactions message={message} />}
      {isSeen && <span className="seen">Seen</span>}
    </li>
  )
}

const palette = ['👍', '❤️', '😂', '🎉', '😮', '😢']

interface ActionsProps {
  readonly message: MessageRowFragment
  readonly isOwn: boolean
  readonly onEdit: () => void
  readonly onReply: (message: MessageRowFragment) => void
}

function Actions({ message, isOwn, onEdit, onReply }: ActionsProps) {
  const apollo = useApolloClient()
  const react = useReacting(message)
  const [isChoosing, setChoosing] = useState(false)
  const choices = useRef<HTMLFieldSetElement>(null)
  const opener = useRef<HTMLButtonElement>(null)
  useEffect(() => {
    if (isChoosing) choices.current?.querySelector('button')?.focus()
  }, [isChoosing])
  const close = () => {
    setChoosing(false)
    opener.current?.focus()
  }
  function remove(): void {
    if (!confirm('Delete this message for everyone?')) return
    const variables = { messageId: message.id }
    void apollo.mutate({ mutation: DeleteMessageDocument, variables }).catch(() => {})
  }
  return (
    <div className={isChoosing ? 'tools open' : 'tools'}>
      <button type="button" ref={opener} aria-expanded={isChoosing} onClick={() => setChoosing(!isChoosing)}>
        React
      </button>
      <button type="button" onClick={() => onReply(message)}>
        Reply
      </button>
      {isOwn && (
        <>
          <button type="button" className="edit" onClick={onEdit}>
            Edit
          </button>
          <button type="button" onClick={remove}>
            Delete
          </button>
        </>
      )}
      {isChoosing && (
        <fieldset ref={choices} className="palette" onKeyDown={(event) => event.key === 'Escape' && close()}>
          <legend className="hidden">Reaction</legend>
          {palette.map((emoji) => (
            <button
              type="button"
              key={emoji}
              onClick={() => {
                react(emoji, true)
                close()
              }}
            >
              {emoji}
            </button>
          ))}
        </fieldset>
      )}
    </div>
  )
}

function Reactions({ message }: { message: MessageRowFragment }) {
  const react = useReacting(message)
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
              onClick={() => react(emoji, !viewerHasReacted)}
            >
              {emoji} {count}
            </button>
          </li>
        )
      })}
    </ul>
  )
}

/** Shown once the server has it: its answer is the message with all its reactions. */
function useReacting({ id: messageId }: MessageRowFragment) {
  const apollo = useApolloClient()
  return (emoji: string, wanted: boolean) => {
    const mutation = wanted ? AddReactionDocument : RemoveReactionDocument
    void apollo.mutate({ mutation, variables: { messageId, emoji } }).catch(() => {})
  }
}
