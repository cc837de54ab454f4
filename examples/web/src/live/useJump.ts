import type { ApolloCache } from '@apollo/client'
import { useEffect, useState } from 'react'
import type { Parley } from '../apollo/client.ts'
import { ConversationDocument, OlderMessagesDocument, type OlderMessagesQuery } from '../gql/graphql.ts'
import { openChat, useWantedMessage } from '../route.ts'
import { useLive } from './LiveProvider.tsx'

/** On the way to a message: what to tell of it, or null. */
type Jump = 'seeking' | 'failed' | null

/**
 * Fetches the messages of a chat back to the one that the address asks for, and then calls back with its number. The list
 * has no gaps, and so the pages between come along.
 */
export function useJump(chatId: string, onThere: (sequence: number) => void): Jump {
  const { parley } = useLive()
  const wanted = useWantedMessage()
  const [failed, setFailed] = useState(false)
  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each one that is asked for.
  useEffect(() => {
    if (wanted === null) return
    let stopped = false
    setFailed(false)
    fetchBackTo(parley, chatId, wanted, () => stopped)
      .then(
        () => !stopped && onThere(wanted),
        () => !stopped && setFailed(true),
      )
      .finally(() => !stopped && openChat(chatId, { replace: true }))
    return () => {
      stopped = true
    }
  }, [parley, chatId, wanted])
  useEffect(() => {
    if (wanted === null) return
    const giveUp = (event: KeyboardEvent) => {
      // In a dialog it closes that.
      const isForDialog = document.querySelector('dialog[open]') !== null
      if (event.key === 'Escape' && !isForDialog) cancelJump(chatId)
    }
    addEventListener('keydown', giveUp)
    return () => removeEventListener('keydown', giveUp)
  }, [chatId, wanted])
  if (wanted !== null) return 'seeking'
  return failed ? 'failed' : null
}

export function cancelJump(chatId: string): void {
  openChat(chatId, { replace: true })
}

type Messages = NonNullable<OlderMessagesQuery['chat']>['messages']

/** The cache is given all pages at once: each change of a list costs as much as the list is long. */
async function fetchBackTo(
  parley: Parley,
  chatId: string,
  sequence: number,
  isStopped: () => boolean,
): Promise<void> {
  const { cache } = parley.apollo
  while (!isStopped()) {
    const known = messagesIn(cache, chatId)
    if (known === undefined) throw new Error('The list was forgotten meanwhile.')
    const before = known.pageInfo.startCursor
    if (!known.pageInfo.hasPreviousPage || (known.edges[0]?.node.sequence ?? 0) <= sequence) return
    const asking = parley.beginAsking()
    try {
      const older = await fetchPages(parley, chatId, sequence, before, isStopped)
      if (older !== null && !asking.isOutdated()) join(cache, chatId, before, older)
    } finally {
      asking.end()
    }
  }
}

/** @returns one page of all that is before the cursor, back to the message; null where it was stopped */
async function fetchPages(
  { apollo }: Parley,
  chatId: string,
  sequence: number,
  before: string | null,
  isStopped: () => boolean,
): Promise<Messages | null> {
  const pages: Messages[] = []
  let next = before
  while (!isStopped()) {
    const { data } = await apollo.query({
      query: OlderMessagesDocument,
      variables: { chatId, before: next },
      fetchPolicy: 'no-cache',
    })
    const page = data?.chat?.messages
    if (page === undefined) throw new Error('There is no such chat any more.')
    pages.unshift(page)
    const { startCursor, hasPreviousPage } = page.pageInfo
    if (!hasPreviousPage || (page.edges[0]?.node.sequence ?? 0) <= sequence)
      return { ...page, edges: pages.flatMap(({ edges }) => edges) }
    next = startCursor
  }
  return null
}

/** In front of the list, which may have got longer there by now. Where it is another one, it is gone on from that. */
function join(cache: ApolloCache, chatId: string, asked: string | null, older: Messages): void {
  const before = messagesIn(cache, chatId)?.pageInfo.startCursor ?? null
  const end = older.edges.findIndex(({ cursor }) => cursor === before)
  if (end === -1 && before !== asked) return
  const edges = end === -1 ? older.edges : older.edges.slice(0, end)
  cache.writeQuery({
    query: OlderMessagesDocument,
    variables: { chatId, before },
    data: { __typename: 'Query', chat: { __typename: 'Chat', id: chatId, messages: { ...older, edges } } },
  })
}

function messagesIn(cache: ApolloCache, chatId: string) {
  return cache.readQuery({ query: ConversationDocument, variables: { chatId } })?.chat?.messages
}
