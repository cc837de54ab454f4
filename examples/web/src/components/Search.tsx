import { useQuery } from '@apollo/client/react'
import { useEffect, useRef, useState } from 'react'
import { codeOf } from '../apollo/links.ts'
import { type ChatRowFragment, FindMessagesDocument, type FindMessagesQuery } from '../gql/graphql.ts'
import { answerOf } from '../live/outbox.ts'
import { useRetryWhenLive } from '../live/useRetryWhenLive.ts'
import { addressOf, follow, openChat } from '../route.ts'
import { agoOf, nameOf, titleOf } from '../words.ts'
import { Dialog } from './Dialog.tsx'
import { Field } from './Field.tsx'

type Found = FindMessagesQuery['searchMessages']['edges'][number]

/** As long as the server takes, in characters. */
const longest = 200
/** Nobody is asked for each letter. */
const pauseMs = 250

/** Finds messages by their words, in one chat or, with null, in all of them; whoever picks one is brought to it. */
export function Search({ chat, onClose }: { chat: ChatRowFragment | null; onClose: () => void }) {
  const [text, setText] = useState('')
  const query = useSettled(text.trim())
  const list = useRef<HTMLOListElement>(null)
  const { data, previousData, error, loading, refetch, fetchMore } = useQuery(FindMessagesDocument, {
    variables: { query, chatId: chat?.id ?? null },
    skip: query === '',
    // It shows what was found when it was asked for, and nothing else needs that.
    fetchPolicy: 'no-cache',
  })
  const isMeaningless = codeOf(error) === 'VALIDATION_FAILED'
  useRetryWhenLive(query !== '' && error, refetch)
  const found = query === '' || error ? undefined : (data ?? previousData)?.searchMessages
  const edges = found?.edges ?? []
  const { hasNextPage = false, endCursor = null } = found?.pageInfo ?? {}

  async function showMore(): Promise<void> {
    await fetchMore({
      variables: { after: endCursor },
      updateQuery: (before, { fetchMoreResult: { searchMessages: more } }) => ({
        ...before,
        searchMessages: { ...more, edges: [...before.searchMessages.edges, ...more.edges] },
      }),
    })
    // The button may be gone by now: on with the first one that is new.
    requestAnimationFrame(() => list.current?.querySelectorAll('a')[edges.length]?.focus())
  }

  const result = () => {
    if (query === '') return null
    if (isMeaningless) return 'Type a word to look for.'
    if (error) return answerOf(error) ?? 'The server cannot be reached: it is asked again when it can.'
    if (loading || data === undefined) return 'Searching…'
    if (edges.length === 0) return 'Nothing found.'
    return `${edges.length}${hasNextPage ? ' or more' : ''} found, newest first`
  }
  return (
    <Dialog title={chat === null ? 'Search all chats' : `Search in ${titleOf(chat)}`} onClose={onClose}>
      <form onSubmit={(event) => event.preventDefault()}>
        <Field
          label="Search for"
          type="search"
          value={text}
          onChange={(event) => setText(event.target.value)}
          hint="All of the words; also “in this order”, -without, begin*"
          maxLength={longest}
          autoComplete="off"
        />
      </form>
      <p role="status" className="soft result">
        {result()}
      </p>
      <div className="found">
        <ol ref={list} aria-label="Found messages">
          {edges.map((edge) => (
            <li key={edge.node.id}>
              <FoundMessage edge={edge} isEverywhere={chat === null} onOpen={onClose} />
            </li>
          ))}
        </ol>
        {hasNextPage && (
          <button type="button" className="link" onClick={() => void showMore().catch(() => {})}>
            Older ones
          </button>
        )}
      </div>
    </Dialog>
  )
}

function FoundMessage(props: { edge: Found; isEverywhere: boolean; onOpen: () => void }) {
  const { edge, isEverywhere, onOpen } = props
  const { author, chat, createdAt, sequence } = edge.node
  return (
    <a
      href={addressOf(chat.id, sequence)}
      className="row"
      onClick={(event) =>
        follow(event, () => {
          onOpen()
          openChat(chat.id, { sequence })
        })
      }
    >
      <span className="grow">
        <span className="line">
          <span className="grow clip">
            <strong>{nameOf(author)}</strong>
            {isEverywhere && <span className="soft"> in {titleOf(chat)}</span>}
          </span>
          <time dateTime={createdAt}>{agoOf(createdAt)}</time>
        </span>
        <span className="excerpt">
          <Excerpt edge={edge} />
        </span>
      </span>
    </a>
  )
}

/** So much is shown before the first word that was found, in UTF-16 units. */
const before = 60

/** The text from a little before the first find on, with all of them marked. */
function Excerpt({ edge: { highlights, node } }: { edge: Found }) {
  const text = node.text ?? ''
  const first = highlights[0]?.start ?? 0
  // At a space, lest a letter of two units be cut in two.
  const space = first > before ? text.indexOf(' ', first - before) + 1 : 0
  const start = space <= first ? space : 0
  let end = start
  const parts = highlights.map((range) => {
    const plain = text.slice(end, range.start)
    end = range.start + range.length
    return (
      <span key={range.start}>
        {plain}
        <mark>{text.slice(range.start, end)}</mark>
      </span>
    )
  })
  return (
    <>
      {start > 0 && '… '}
      {parts}
      {text.slice(end)}
    </>
  )
}

/** What was typed, once nothing has been typed for a moment. */
function useSettled(value: string): string {
  const [settled, setSettled] = useState(value)
  useEffect(() => {
    const timer = setTimeout(setSettled, pauseMs, value)
    return () => clearTimeout(timer)
  }, [value])
  return settled
}
