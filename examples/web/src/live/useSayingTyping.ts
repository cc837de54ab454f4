import { useApolloClient } from '@apollo/client/react'
import { useCallback, useEffect, useRef } from 'react'
import { SetTypingDocument } from '../gql/graphql.ts'

/** It expires after 6 s on the server. */
const repeatMs = 3_000

/** Tells the others in a chat, as often as it has to be told while somebody goes on typing. */
export function useSayingTyping(chatId: string): (isTyping: boolean) => void {
  const apollo = useApolloClient()
  const saidAt = useRef<number | null>(null)
  const say = useCallback(
    (isTyping: boolean) => {
      const last = saidAt.current
      if (isTyping ? last !== null && Date.now() - last < repeatMs : last === null) return
      saidAt.current = isTyping ? Date.now() : null
      // Of the moment: what does not get through is not worth a retry.
      apollo.mutate({ mutation: SetTypingDocument, variables: { chatId, isTyping } }).catch(() => {})
    },
    [apollo, chatId],
  )
  useEffect(() => () => say(false), [say])
  return say
}
