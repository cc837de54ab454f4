import { useApolloClient, useQuery } from '@apollo/client/react'
import { type FormEvent, useDeferredValue, useEffect, useRef, useState } from 'react'
import { reasonOf } from '../failure.ts'
import {
  CreateDirectChatDocument,
  type CreateDirectChatMutation,
  CreateGroupChatDocument,
  FindPeopleDocument,
  type PersonFragment,
} from '../gql/graphql.ts'
import { addChat } from '../live/lists.ts'
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
    const [first] = chosen
    try {
      if (chosen.length === 1 && first !== undefined && title.trim() === '') {
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
      setProblem('The server cannot be reached. Try again in a moment.')
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
          problem={problem}
        />
        <div className="actions">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="main" disabled={chosen.length === 0 && !isGroup}>
            {isGroup ? 'Create group' : 'Start chat'}
          </button>
        </div>
      </form>
    </dialog>
  )
}

interface PeopleProps {
  readonly search: string
  readonly chosen: readonly PersonFragment[]
  readonly onChange: (person: PersonFragment, isChosen: boolean) => void
}

/** Whoever is chosen stays in sight whatever is searched for next. */
function People({ search, chosen, onChange }: PeopleProps) {
  const { data, previousData } = useQuery(FindPeopleDocument, { variables: { search }, skip: search === '' })
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
      {data && found.length === 0 && search !== '' && <p className="soft">Nobody else is called that.</p>}
    </fieldset>
  )
}
