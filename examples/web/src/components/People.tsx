import { useQuery } from '@apollo/client/react'
import { useDeferredValue, useState } from 'react'
import { FindPeopleDocument, type PersonFragment } from '../gql/graphql.ts'
import { answerOf } from '../live/outbox.ts'
import { useRetryWhenLive } from '../live/useRetryWhenLive.ts'
import { Avatar } from './Avatar.tsx'
import { Field } from './Field.tsx'

interface PeopleProps {
  readonly chosen: readonly PersonFragment[]
  readonly onChange: (chosen: readonly PersonFragment[]) => void
  /** Ids of those who are not offered. */
  readonly without?: ReadonlySet<string>
}

/** Finds people to choose from. Whoever is chosen stays in sight whatever is searched for next. */
export function People({ chosen, onChange, without }: PeopleProps) {
  const [entered, setEntered] = useState('')
  const search = useDeferredValue(entered.trim())
  const { data, previousData, error, refetch } = useQuery(FindPeopleDocument, {
    variables: { search },
    skip: search === '',
  })
  useRetryWhenLive(search !== '' && error, refetch)
  const edges = search === '' ? [] : ((data ?? previousData)?.users.edges ?? [])
  const found = edges
    .map(({ node }) => node)
    .filter(({ id, isViewer }) => !isViewer && !without?.has(id) && !chosen.some((each) => each.id === id))
  return (
    <>
      <Field
        label="Find people"
        type="search"
        value={entered}
        onChange={(event) => setEntered(event.target.value)}
        hint="By name, username or whole email address"
        autoComplete="off"
      />
      <fieldset className="people">
        <legend className="hidden">People</legend>
        {[...chosen, ...found].map((person) => (
          <label key={person.id} className="row">
            <input
              type="checkbox"
              checked={chosen.includes(person)}
              onChange={(event) =>
                onChange(
                  event.target.checked ? [...chosen, person] : chosen.filter(({ id }) => id !== person.id),
                )
              }
            />
            <Avatar id={person.id} name={person.displayName} />
            <span className="grow clip">
              {person.displayName} <span className="soft">@{person.username}</span>
            </span>
          </label>
        ))}
        <div role="status">
          {error && search !== '' && (
            <p className="problem">
              {answerOf(error) ?? 'The server cannot be reached: it is asked again when it can.'}
            </p>
          )}
        </div>
        {data && found.length === 0 && search !== '' && <p className="soft">Nobody else is called that.</p>}
      </fieldset>
    </>
  )
}
