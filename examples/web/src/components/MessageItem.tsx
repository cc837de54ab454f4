import { useApolloClient } from '@apollo/client/react'
import { memo, useEffect, useRef, useState } from 'react'
import { reasonOf } from '../failure.ts'
import {
  AddReactionDocument,
  DeleteMessageDocument,
  type FailureFragment,
  type MessageRowFragment,
  RemoveReactionDocument,
} from '../gql/graphql.ts'
import { messageInWords, nameOf, timeOf } from '../words.ts'
import { EditMessage } from './EditMessage.tsx'
import { Icon } from './Icon.tsx'
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
          <Actions
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

const palette = ['👍', '❤️', '😂', '🎉', '😮', '😢']

interface ActionsProps {
  readonly message: MessageRowFragment
  readonly acting: Acting
  readonly isOwn: boolean
  readonly onEdit: () => void
  readonly onReply: (message: MessageRowFragment) => void
}

function Actions({ message, acting, isOwn, onEdit, onReply }: ActionsProps) {
  // Where nothing hovers the actions are behind a button of their own.
  const [isOpen, setOpen] = useState(false)
  const [isChoosing, setChoosing] = useState(false)
  const tools = useRef<HTMLDivElement>(null)
  const choices = useRef<HTMLFieldSetElement>(null)
  const opener = useRef<HTMLButtonElement>(null)
  useEffect(() => {
    if (isChoosing) choices.current?.querySelector('button')?.focus()
  }, [isChoosing])
  useEffect(() => {
    if (!isOpen && !isChoosing) return
    const leave = ({ target }: Event) => {
      if (target instanceof Node && tools.current?.contains(target)) return
      setOpen(false)
      setChoosing(false)
    }
    document.addEventListener('pointerdown', leave)
    return () => document.removeEventListener('pointerdown', leave)
  }, [isOpen, isChoosing])
  const close = () => {
    setChoosing(false)
    setOpen(false)
    opener.current?.focus()
  }
  function remove(): void {
    setOpen(false)
    if (confirm('Delete this message for everyone?')) acting.remove()
  }
  return (
    <div className={`tools${isOpen ? ' open' : ''}${isChoosing ? ' choosing' : ''}`} ref={tools}>
      <button
        type="button"
        className="more"
        aria-label="Actions"
        aria-expanded={isOpen}
        onClick={() => {
          setOpen(!isOpen)
          setChoosing(false)
        }}
      >
        ⋯
      </button>
      <div className="choices">
        <button
          type="button"
          ref={opener}
          aria-label="React"
          title="React"
          aria-expanded={isChoosing}
          onClick={() => setChoosing(!isChoosing)}
        >
          <Icon name="react" />
        </button>
        <button
          type="button"
          aria-label="Reply"
          title="Reply"
          onClick={() => {
            setOpen(false)
            onReply(message)
          }}
        >
          <Icon name="reply" />
        </button>
        {isOwn && (
          <>
            <button type="button" className="edit" aria-label="Edit" title="Edit" onClick={onEdit}>
              <Icon name="edit" />
            </button>
            <button type="button" aria-label="Delete" title="Delete" onClick={remove}>
              <Icon name="delete" />
            </button>
          </>
        )}
      </div>
      {isChoosing && (
        <fieldset ref={choices} className="palette" onKeyDown={(event) => event.key === 'Escape' && close()}>
          <legend className="hidden">Reaction</legend>
          {palette.map((emoji) => (
            <button
              type="button"
              key={emoji}
              onClick={() => {
                acting.react(emoji, true)
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

interface Acting {
  readonly react: (emoji: string, wanted: boolean) => void
  readonly remove: () => void
  /** Why the last one did not work. */
  readonly problem: string | null
}

/** Shown once the server has it: its answer is the message as it is then. */
function useActing({ id: messageId }: MessageRowFragment): Acting {
  const apollo = useApolloClient()
  const [problem, setProblem] = useState<string | null>(null)
  async function tell(result: Promise<object | undefined>): Promise<void> {
    setProblem(null)
    try {
      const outcome = await result
      if (outcome !== undefined && 'reason' in outcome) setProblem(reasonOf(outcome as FailureFragment))
    } catch {
      setProblem('The server cannot be reached. Try again in a moment.')
    }
  }
  return {
    problem,
    react(emoji, wanted) {
      const variables = { messageId, emoji }
      void tell(
        wanted
          ? apollo.mutate({ mutation: AddReactionDocument, variables }).then(({ data }) => data?.addReaction)
          : apollo
              .mutate({ mutation: RemoveReactionDocument, variables })
              .then(({ data }) => data?.removeReaction),
      )
    },
    remove() {
      const variables = { messageId }
      void tell(
        apollo.mutate({ mutation: DeleteMessageDocument, variables }).then(({ data }) => data?.deleteMessage),
      )
    },
  }
}
