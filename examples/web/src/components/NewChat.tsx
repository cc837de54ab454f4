import { useApolloClient, useQuery } from '@apollo/client/react'
import { type FormEvent, useDeferredValue, useEffect, useRef, useState } from 'react'
import { reasonOf } from '../failure.ts'
import {
  CreateDirectChatDocument,
  type CreateDirectChatMutation,
  CreateGroupChatDocument,
  FindPeopleDocument,
  HomeDocument,
  type PersonFragment,
} from '../gql/graphql.ts'
import { useLive } from '../live/LiveProvider.tsx'
import { addChat } from '../live/lists.ts'
import { useRetryWhenLive } from '../live/useRetryWhenLive.ts'
import { openChat } from '../route.ts'
import { Avatar } from './Avatar.tsx'
import { Field } from './Field.tsx'

type Result = CreateDirectChatMutation['createDirectChat']
type Made = Extract<Result, { __typename: 'CreateDirectChatPayload' }>['chatEdge']

/** Finds people; with one of them it makes a direct chat, with a title a group. */
export function NewChat({ onClose }: { onClose: () => void }) {
  const apollo = useApolloClient()
  const [search, setSearch] = useState('')
  const [chosen, setChosen] = useState<readonly PersonFragment[]>([])
  const [title, setTitle] = useState('')
  const [problem, setProblem] = useState<string | null>(null)
  const [isBusy, setBusy] = useState(false)
  // Faster than the button is drawn anew.
  const asked = useRef(false)
  const lost = useLostGroup((chatId) => {
    openChat(chatId)
    onClose()
  })
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    if (!dialog.current?.open) dialog.current?.showModal()
  }, [])

  function show(edge: Made): void {
    addChat(apollo.cache, edge.node, edge.cursor)
    openChat(edge.node.id)
    onClose()
  }

  async function begin(event: FormEvent): Promise<void> {
    event.preventDefault()
    if (asked.current || lost.isSought) return
    asked.current = true
    const [first] = chosen
    const isDirect = chosen.length === 1 && first !== undefined && title.trim() === ''
    const known = lost.knownChats()
    setBusy(true)
    setProblem(null)
    try {
      if (isDirect) {
        const { data } = await apollo.mutate({
          mutation: CreateDirectChatDocument,
          variables: { userId: first.id },
        })
        const result = data?.createDirectChat
        if (result?.__typename === 'CreateDirectChatPayload') show(result.chatEdge)
        else if (result) setProblem(reasonOf(result))
      } else {
        const memberIds = chosen.map(({ id }) => id)
        const { data } = await apollo.mutate({
          mutation: CreateGroupChatDocument,
          variables: { title, memberIds },
        })
        const result = data?.createGroupChat
        if (result?.__typename === 'CreateGroupChatPayload') show(result.chatEdge)
        else if (result) setProblem(reasonOf(result))
      }
    } catch {
      // A direct chat is there once however often it is asked for; of groups each is another.
      if (isDirect) setProblem('The server cannot be reached. Try again in a moment.')
      else lost.seek(title.trim(), known)
    } finally {
      asked.current = false
      setBusy(false)
    }
  }

  const isGroup = chosen.length > 1 || title.trim() !== ''
  return (
    <dialog ref={dialog} aria-labelledby="new-chat" onClose={onClose}>
      <form onSubmit={begin}>
        <h2 id="new-chat">New chat</h2>
        <Field
          label="Find people"
          type="search"
          value={search}
          onChange={(event) => setSearch(event.target.value)}
          hint="By name, username or whole email address"
          autoComplete="off"
        />
        <People
          search={useDeferredValue(search.trim())}
          chosen={chosen}
          onChange={(person, isChosen) =>
            setChosen(isChosen ? [...chosen, person] : chosen.filter(({ id }) => id !== person.id))
          }
        />
        <Field
          label="Title"
          value={title}
          onChange={(event) => setTitle(event.target.value)}
          hint={chosen.length > 1 ? 'A group needs one' : 'Only for a group: with one person, leave it empty'}
          autoComplete="off"
          problem={problem ?? lost.problem}
        />
        <div className="actions">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button
            type="submit"
            className="main"
            disabled={isBusy || lost.isSought || (chosen.length === 0 && !isGroup)}
          >
            {isGroup ? 'Create group' : 'Start chat'}
          </button>
        </div>
      </form>
    </dialog>
  )
}

/** After the connection is back: by then the event of a group that was made has come. */
const soughtMs = 3_000

/**
 * A group of which no answer came may have been made. Its event brings it into the list of chats; only where it has not
 * come may one try again.
 */
function useLostGroup(onFound: (chatId: string) => void) {
  const apollo = useApolloClient()
  const { status } = useLive()
  const { data } = useQuery(HomeDocument)
  const [sought, setSought] = useState<{ title: string; known: ReadonlySet<string> } | null>(null)
  const [isMissed, setMissed] = useState(false)
  const found = data?.viewer?.chats.edges.find(
    ({ node }) =>
      sought !== null && node.kind === 'GROUP' && node.title === sought.title && !sought.known.has(node.id),
  )?.node.id
  // biome-ignore lint/correctness/useExhaustiveDependencies: told once, when it is found.
  useEffect(() => {
    if (found !== undefined) onFound(found)
  }, [found])
  useEffect(() => {
    if (sought === null || isMissed || status !== 'live') return
    const timer = setTimeout(setMissed, soughtMs, true)
    return () => clearTimeout(timer)
  }, [sought, isMissed, status])
  return {
    isSought: sought !== null && !isMissed,
    problem:
      sought === null
        ? null
        : isMissed
          ? 'The server did not answer, and the group is not there. Try again.'
          : 'The server did not answer. The group may have been created: then it opens by itself.',
    knownChats(): ReadonlySet<string> {
      const home = apollo.cache.readQuery({ query: HomeDocument })
      return new Set(home?.viewer?.chats.edges.map(({ node }) => node.id))
    },
    seek(title: string, known: ReadonlySet<string>): void {
      setMissed(false)
      setSought({ title, known })
    },
  }
}

interface PeopleProps {
  readonly search: string
  readonly chosen: readonly PersonFragment[]
  readonly onChange: (person: PersonFragment, isChosen: boolean) => void
}

/** Whoever is chosen stays in sight whatever is searched for next. */
function People({ search, chosen, onChange }: PeopleProps) {
  const { data, previousData, error, refetch } = useQuery(FindPeopleDocument, {
    variables: { search },
    skip: search === '',
  })
  useRetryWhenLive(search !== '' && error, refetch)
  const edges = search === '' ? [] : ((data ?? previousData)?.users.edges ?? [])
  const found = edges
    .map(({ node }) => node)
    .filter((person) => !person.isViewer && !chosen.some(({ id }) => id === person.id))
  return (
    <fieldset className="people">
      <legend className="hidden">People</legend>
      {[...chosen, ...found].map((person) => (
        <label key={person.id} className="row">
          <input
            type="checkbox"
            checked={chosen.includes(person)}
            onChange={(event) => onChange(person, event.target.checked)}
          />
          <Avatar id={person.id} name={person.displayName} />
          <span className="grow clip">
            {person.displayName} <span className="soft">@{person.username}</span>
          </span>
        </label>
      ))}
      <div role="status">
        {error && search !== '' && (
          <p className="problem">The server cannot be reached: it is asked again when it can.</p>
        )}
      </div>
      {data && found.length === 0 && search !== '' && <p className="soft">Nobody else is called that.</p>}
    </fieldset>
  )
}
