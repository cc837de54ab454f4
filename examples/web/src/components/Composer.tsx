import { type FormEvent, useEffect, useRef, useState } from 'react'
import type { MessageRowFragment } from '../gql/graphql.ts'
import { useLive } from '../live/LiveProvider.tsx'
import { useSayingTyping } from '../live/useSayingTyping.ts'
import { Quote } from './Quote.tsx'

interface ComposerProps {
  readonly chatId: string
  readonly replyTo: MessageRowFragment | null
  readonly onReplied: () => void
}

/** Enter sends, Shift-Enter begins a new line. */
export function Composer({ chatId, replyTo, onReplied }: ComposerProps) {
  const { outbox } = useLive()
  const [text, setText] = useState('')
  const sayTyping = useSayingTyping(chatId)
  const input = useRef<HTMLTextAreaElement>(null)
  // biome-ignore lint/correctness/useExhaustiveDependencies: whoever opens a chat or begins an answer wants to write.
  useEffect(() => input.current?.focus({ preventScroll: true }), [chatId, replyTo])

  function send(event: FormEvent): void {
    event.preventDefault()
    if (text.trim() === '') return
    outbox.send({ chatId, text, replyTo })
    setText('')
    sayTyping(false)
    onReplied()
  }

  return (
    <form className="composer" onSubmit={send}>
      {replyTo !== null && (
        <div className="replying">
          <Quote message={replyTo} />
          <button type="button" className="quiet" onClick={onReplied}>
            Cancel reply
          </button>
        </div>
      )}
      <div className="line">
        <textarea
          ref={input}
          aria-label="Message"
          placeholder="Write a message"
          rows={1}
          maxLength={10_000}
          value={text}
          onChange={(event) => {
            setText(event.target.value)
            sayTyping(event.target.value !== '')
          }}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing) send(event)
            if (event.key === 'Escape') onReplied()
          }}
        />
        <button type="submit" className="main" disabled={text.trim() === ''}>
          Send
        </button>
      </div>
    </form>
  )
}
