import { useMutation } from '@apollo/client/react'
import { type FormEvent, useEffect, useRef, useState } from 'react'
import { reasonOf } from '../failure.ts'
import { EditMessageDocument, type MessageRowFragment } from '../gql/graphql.ts'

/** Enter saves, Escape leaves it as it was. */
export function EditMessage({ message, onDone }: { message: MessageRowFragment; onDone: () => void }) {
  const [text, setText] = useState(message.text ?? '')
  const [problem, setProblem] = useState<string | null>(null)
  const form = useRef<HTMLFormElement>(null)
  // It is higher than the message was.
  useEffect(() => {
    form.current?.scrollIntoView({ block: 'nearest' })
  }, [])
  const [edit, { loading }] = useMutation(EditMessageDocument)

  async function save(event: FormEvent): Promise<void> {
    event.preventDefault()
    try {
      const { data } = await edit({ variables: { messageId: message.id, text } })
      const result = data?.editMessage
      if (result?.__typename === 'EditMessagePayload') onDone()
      else if (result) setProblem(reasonOf(result))
    } catch {
      setProblem('The server cannot be reached. Try again in a moment.')
    }
  }

  return (
    <form ref={form} className="edit-form" onSubmit={save}>
      <textarea
        aria-label="Text of the message"
        aria-invalid={problem !== null}
        rows={2}
        value={text}
        // biome-ignore lint/a11y/noAutofocus: whoever chose to edit wants to write.
        autoFocus
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') onDone()
          if (event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing) void save(event)
        }}
      />
      <div role="alert">{problem !== null && <p className="problem">{problem}</p>}</div>
      <div className="actions">
        <button type="button" onClick={onDone}>
          Cancel
        </button>
        <button type="submit" className="main" disabled={loading}>
          Save
        </button>
      </div>
    </form>
  )
}
