import { useApolloClient, useQuery } from '@apollo/client/react'
import { useEffect, useRef, useState } from 'react'
import { codeOf } from '../apollo/links.ts'
import {
  type ChatRowFragment,
  FindMessagesDocument,
  type FindMessagesQuery,
  type FindMessagesQueryVariables,
} from '../gql/graphql.ts'
import { answerOf } from '../live/outbox.ts'
import { useRetryWhenLive } from '../live/useRetryWhenLive.ts'
import { addressOf, follow, openChat } from '../route.ts'
import { agoOf, nameOf, titleOf } from '../words.ts'
import { Dialog } from './Dialog.tsx'
import { Field } from './Field.tsx'

type Page = FindMessagesQuery['searchMessages']
type Found = Page['edges'][number]

/** As long as the server takes, in characters. */
const longest = 200
/** Nobody is asked for each letter. */
const pauseMs = 250

/** Finds messages by their words, in one chat or, with null, in all of them; whoever picks one is brought to it. */
export function Search({ chat, onClose }: { chat: ChatRowFragment | null; onClose: () => void }) {
  const [text, setText] = useState('')
  const query = useSettled(text.trim())
  const list = useRef<HTMLOListElement>(null)
  const variables = { query, chatId: chat?.id ?? null }
  const { data, previousData, error, loading, refetch } = useQuery(FindMessagesDocument, {
    variables,
    skip: query === '',
    // It shows what was found when it was asked for, and nothing else needs that.
    fetchPolicy: 'no-cache',
  })
  const isMeaningless = codeOf(error) === 'VALIDATION_FAILED'
  useRetryWhenLive(query !== '' && error, refetch)
  const first = query === '' || error ? undefined : (data ?? previousData)?.searchMessages
  const older = useOlder(first, variables)
  const pages = [first, ...older.pages].filter((page) => page !== undefined)
  const edges = pages.flatMap((page) => page.edges)
  // Not of what another search has found, which is shown until this one's comes.
  const hasNextPage = (data !== undefined && pages.at(-1)?.pageInfo.hasNextPage) ?? false

  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each page that comes.
  useEffect(() => {
    const focused = document.activeElement
    const isElsewhere = focused !== document.body && !list.current?.parentElement?.contains(focused)
    if (older.pages.length === 0 || isElsewhere) return
    // The button may be gone by now: on with the first one that is new.
    const more = older.pages.at(-1)?.edges.length ?? 0
    list.current?.querySelectorAll('a')[edges.length - more]?.focus()
  }, [older.pages.length])

  const result = () => {
    if (query === '') return null
    if (isMeaningless) return 'Type a word to look for.'
    if (error) return answerOf(error) ?? 'The server cannot be reached: it is asked again when it can.'
    if (loading || data === undefined || older.isBusy) return 'Searching…'
    if (older.problem !== null) return older.problem
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
          <button
            type="button"
            className="link"
            aria-disabled={older.isBusy}
            onClick={() => void older.fetch()}
          >
            Older ones
          </button>
        )}
      </div>
    </Dialog>
  )
}

/** The pages behind the first one of a search, of which they are forgotten with it. */
function useOlder(first: Page | undefined, variables: FindMessagesQueryVariables) {
  const apollo = useApolloClient()
  const nothing = { of: first, pages: [] as readonly Page[], isBusy: false, problem: null as string | null }
  const [latest, setLatest] = useState(nothing)
  const current = latest.of === first ? latest : nothing
  const { pages, isBusy, problem } = current

  async function fetch(): Promise<void> {
    const after = (pages.at(-1) ?? first)?.pageInfo.endCursor
    if (isBusy || after == null) return
    const asked = { ...current, isBusy: true, problem: null }
    const answered = (answer: Partial<typeof nothing>) =>
      setLatest((now) => (now === asked ? { ...current, problem: null, ...answer } : now))
    setLatest(asked)
    try {
      const { data } = await apollo.query({
        query: FindMessagesDocument,
        variables: { ...variables, after },
        fetchPolicy: 'no-cache',
      })
      answered(data === undefined ? {} : { pages: [...pages, data.searchMessages] })
    } catch (error) {
      answered({ problem: answerOf(error) ?? 'The server cannot be reached. Try again in a moment.' })
    }
  }
  return { pages, isBusy, problem, fetch }
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
