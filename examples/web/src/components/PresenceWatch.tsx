import { useQuery, useSubscription } from '@apollo/client/react'
import { HomeDocument, PresenceDocument } from '../gql/graphql.ts'

/** As many as one subscription takes. */
const most = 100

/** Follows whether the other sides of the direct chats are online. Apollo puts what comes into its cache by itself. */
export function PresenceWatch() {
  const { data } = useQuery(HomeDocument)
  const ids = data?.viewer?.chats.edges.map(({ node }) => node.otherUser?.id).filter((id) => id !== undefined)
  // Sorted, since the order of the chats changes with every message.
  const userIds = [...new Set(ids)].slice(0, most).sort()
  useSubscription(PresenceDocument, {
    variables: { userIds },
    skip: userIds.length === 0,
    ignoreResults: true,
  })
  return null
}
