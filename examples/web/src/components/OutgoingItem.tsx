import { useLive } from '../live/LiveProvider.tsx'
import type { Outgoing } from '../live/outbox.ts'
import { Quote } from './Quote.tsx'

const words = {
  sending: 'Sending…',
  waiting: 'Not sent yet: waiting for the network',
  limited: 'Not sent yet: too many at a time. It is sent by itself when the server takes more',
  refused: 'Not sent',
}

/** A message that the server has not confirmed. */
export function OutgoingItem(props: { outgoing: Outgoing; onRewrite: (outgoing: Outgoing) => void }) {
  const { outgoing, onRewrite } = props
  const { outbox } = useLive()
  const { clientMessageId, text, replyTo, state, reason } = outgoing
  return (
    <li className={`message own ${state}`}>
      <div className="bubble">
        <span className="hidden">You: </span>
        {replyTo !== null && <Quote message={replyTo} />}
        <span className="text">{text}</span>
      </div>
      <p className="state">
        {words[state]}
        {reason !== null && `: ${reason}`}
        {(state === 'waiting' || state === 'refused') && (
          <button type="button" className="link" onClick={() => outbox.tryAgain(clientMessageId)}>
            Try again
          </button>
        )}
        {state === 'refused' && (
          <button
            type="button"
            className="link"
            onClick={() => {
              outbox.discard(clientMessageId)
              onRewrite(outgoing)
            }}
          >
            Edit
          </button>
        )}
        {state !== 'sending' && (
          <button type="button" className="link" onClick={() => outbox.discard(clientMessageId)}>
            Discard
          </button>
        )}
      </p>
    </li>
  )
}
