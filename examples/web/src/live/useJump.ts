import type { ApolloClient } from '@apollo/client'
import { useApolloClient } from '@apollo/client/react'
import { useEffect, useState } from 'react'
import { ConversationDocument, OlderMessagesDocument } from '../gql/graphql.ts'
import { openChat, useWantedMessage } from '../route.ts'

/** On the way to a message: what to tell of it, or null. */
type Jump = 'seeking' | 'failed' | null

/**
 * Fetches the messages of a chat back to the one that the address asks for, and then calls back with its number. The list
 * has no gaps, and so the pages between come along.
 */
export function useJump(chatId: string, onThere: (sequence: number) => void): Jump {
  const apollo = useApolloClient()
  const wanted = useWantedMessage()
  const [failed, setFailed] = useState(false)
  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each one that is asked for.
  useEffect(() => {
    if (wanted === null) return
    let stopped = false
    setFailed(false)
    fetchBackTo(apollo, chatId, wanted, () => stopped)
      .then(
        () => !stopped && onThere(wanted),
        () => !stopped && setFailed(true),
      )
      .finally(() => !stopped && openChat(chatId, { replace: true }))
    return () => {
      stopped = true
    }
  }, [apollo, chatId, wanted])
  if (wanted !== null) return 'seeking'
  return failed ? 'failed' : null
}

async function fetchBackTo(
  apollo: ApolloClient,
  chatId: string,
  sequence: number,
  isStopped: () => boolean,
): Promise<void> {
  while (!isStopped()) {
    const known = apollo.cache.readQuery({ query: ConversationDocument, variables: { chatId } })
    const { edges, pageInfo } = known?.chat?.messages ?? {}
    const oldest = edges?.[0]?.node.sequence ?? 0
    if (!pageInfo?.hasPreviousPage || oldest <= sequence) return
    const variables = { chatId, before: pageInfo.startCursor }
    await apollo.query({ query: OlderMessagesDocument, variables, fetchPolicy: 'network-only' })
  }
}
