import { useFragment } from '@apollo/client/react'
import { PersonPresenceFragmentDoc } from '../gql/graphql.ts'
import { agoOf } from '../words.ts'

/** Initials on a colour that is always the same for the same id, with a dot for whoever is online. */
export function Avatar(props: { id: string; name: string; userId?: string | null }) {
  const { id, name, userId = null } = props
  const initials = name
    .split(/\s+/)
    .slice(0, 2)
    .map((word) => Array.from(word)[0] ?? '')
    .join('')
    .toUpperCase()
  return (
    <span className={`avatar hue-${hueOf(id)}`}>
      <span aria-hidden="true">{initials}</span>
      {userId !== null && <OnlineDot userId={userId} />}
    </span>
  )
}

function OnlineDot({ userId }: { userId: string }) {
  const presence = usePresence(userId)
  if (presence?.status !== 'ONLINE') return null
  return <span className="online" role="img" aria-label="online" />
}

/** In words: online, or when last. */
export function PresenceWords({ userId }: { userId: string }) {
  const presence = usePresence(userId)
  if (presence?.status === 'ONLINE') return 'online'
  return presence?.lastSeenAt == null ? 'offline' : `last seen ${agoOf(presence.lastSeenAt)}`
}

/** As the subscription of `PresenceWatch` keeps it in the cache; null before it has said anything. */
function usePresence(userId: string) {
  const { data, complete } = useFragment({
    fragment: PersonPresenceFragmentDoc,
    fragmentName: 'PersonPresence',
    from: { __typename: 'User', id: userId },
  })
  return complete ? data.presence : null
}

const hues = 8

function hueOf(id: string): number {
  let sum = 0
  for (const character of id) sum = (sum * 31 + character.charCodeAt(0)) % 65_521
  return sum % hues
}
