import { useEffect, useRef, useState } from 'react'
import type { MessageRowFragment } from '../gql/graphql.ts'
import type { Acting } from '../live/useActing.ts'
import { Icon } from './Icon.tsx'

const palette = ['👍', '❤️', '😂', '🎉', '😮', '😢']

interface MessageActionsProps {
  readonly message: MessageRowFragment
  readonly acting: Acting
  readonly isOwn: boolean
  readonly onEdit: () => void
  readonly onReply: (message: MessageRowFragment) => void
}

/** Beside a message: react, reply, and to one's own edit and delete. */
export function MessageActions({ message, acting, isOwn, onEdit, onReply }: MessageActionsProps) {
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
