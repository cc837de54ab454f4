import type { MessageRowFragment } from '../gql/graphql.ts'
import { nameOf } from '../words.ts'

/** What a message answers; null for what one may not see (any more). */
export function Quote({ message }: { message: MessageRowFragment['replyTo'] }) {
  if (message === null) return <blockquote className="gone">An earlier message</blockquote>
  return (
    <blockquote>
      <strong>{nameOf(message.author)}</strong>
      <span className="clip">{message.deletedAt === null ? message.text : 'Message deleted'}</span>
    </blockquote>
  )
}
