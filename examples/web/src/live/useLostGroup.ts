import { useApolloClient, useQuery } from '@apollo/client/react'
import { useEffect, useState } from 'react'
import { HomeDocument } from '../gql/graphql.ts'
import { useLive } from './LiveProvider.tsx'

/** After the connection is back: by then the event of a group that was made has come. */
const soughtMs = 3_000

/**
 * A group of which no answer came may have been made. Its event brings it into the list of chats; only where it has not
 * come may one try again.
 */
export function useLostGroup(onFound: (chatId: string) => void) {
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
