import { type FormEvent, useEffect, useRef, useState } from 'react'
import type { MessageRowFragment } from '../gql/graphql.ts'
import { useLive } from '../live/LiveProvider.tsx'
import { useSayingTyping } from '../live/useSayingTyping.ts'
import { Quote } from './Quote.tsx'

interface ComposerProps {
  readonly chatId: string
  readonly replyTo: MessageRowFragment | null
  readonly onReplied: () => void
  /** A text to write anew: put before what is written there. */
  readonly draft: { readonly text: string } | null
}

/** In code points, as the server counts. */
const longest = 5_000

/** Enter sends, Shift-Enter begins a new line. */
export function Composer({ chatId, replyTo, onReplied, draft }: ComposerProps) {
  const { outbox } = useLive()
  const [text, setText] = useState('')
  const sayTyping = useSayingTyping(chatId)
  const input = useRef<HTMLTextAreaElement>(null)
  // biome-ignore lint/correctness/useExhaustiveDependencies: whoever opens a chat or begins an answer wants to write.
  useEffect(() => input.current?.focus({ preventScroll: true }), [chatId, replyTo])

  const [taken, setTaken] = useState(draft)
  if (draft !== null && draft !== taken) {
    setTaken(draft)
    setText(text === '' ? draft.text : `${draft.text}\n${text}`)
  }
  // biome-ignore lint/correctness/useExhaustiveDependencies: to the text that has just come.
  useEffect(() => input.current?.focus({ preventScroll: true }), [taken])

  const excess = [...text.trim()].length - longest
  function send(event: FormEvent): void {
    event.preventDefault()
    if (text.trim() === '' || excess > 0) return
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
      <div role="alert">
        {excess > 0 && (
          <p className="problem">{`A message has at most ${longest.toLocaleString()} characters: ${excess.toLocaleString()} too many.`}</p>
        )}
      </div>
      <div className="line">
        <textarea
          ref={input}
          aria-label="Message"
          placeholder="Write a message"
          rows={1}
          aria-invalid={excess > 0}
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
        <button type="submit" className="main" disabled={text.trim() === '' || excess > 0}>
          Send
        </button>
      </div>
    </form>
  )
}
